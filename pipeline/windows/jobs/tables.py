"""Reference data from files and from Redis.

After a crash a job gives the same rows again only if its tables have the same content as before. This is so for files
that are not changed, and for versions in separate files that exist before their time comes. A hash in Redis has no
history: rows that are read again after a crash are joined with its content at that time.
"""

from __future__ import annotations

import csv
import glob
import io
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from ...errors import PipelineError
from ...store import Redis, ResponseError
from ..language.ticks import BEGINNING, TICKS_PER_SECOND
from ..operators.reference import Version
from .job_toml import FIELD_COLUMN

_CACHED = 2  # versions

_decode = msgspec.json.Decoder().decode

#: The patterns of {date} and {time} in a path: 2024-05-01 or 2024/05/01, and 10-30 or 10.
_DATES = ("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]", "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]")
_TIMES = ("[0-9][0-9]-[0-9][0-9]", "[0-9][0-9]")
_DATE = r"(?P<year>\d{4})[-/](?P<month>\d\d)[-/](?P<day>\d\d)"
_TIME = r"(?P<hour>\d\d)(?:-(?P<minute>\d\d))?"


class InvalidReference(PipelineError):
    """Reference data can't be read."""


class FileTable:
    """A JSON or CSV file, or a sequence of them with {date} and maybe {time} in their names, as in Stream Analytics.

    JSON is one array of objects, or an object on each line. CSV has the names in its first line, and all of its values
    are text. Both are UTF-8.

    A single file is valid for all times, and is read once. Each file of a sequence is valid for events from its time
    (UTC) on, until that of the next file; before the first file there is no data. `refresh` finds new files.
    """

    def __init__(self, path: Path) -> None:
        """Raises `InvalidReference` if there is no file, or if the newest can't be read."""
        name = str(path)
        if name.count("{date}") > 1 or name.count("{time}") > name.count("{date}"):
            raise InvalidReference(f"{path}: a path has one {{date}}, and then maybe one {{time}}")
        self._path = path
        self._starts: list[tuple[int, Path]] = []
        self._versions: dict[Path, Version] = {}
        self.refresh()
        self._version(self._starts[-1][1])  # to find out at the start if it can't be read

    def version_at(self, time: int) -> Version:
        place = bisect_right(self._starts, time, key=lambda start: start[0]) - 1
        return _EMPTY if place < 0 else self._version(self._starts[place][1])

    def refresh(self) -> None:
        starts = sorted(_starts(self._path)) if "{date}" in str(self._path) else [(BEGINNING, self._path)]
        if not starts or not starts[0][1].is_file():
            raise InvalidReference(f"there is no file {self._path} with reference data")
        self._starts = starts

    def _version(self, path: Path) -> Version:
        version = self._versions.get(path)
        if version is None:
            while len(self._versions) >= _CACHED:
                del self._versions[next(iter(self._versions))]
            version = self._versions[path] = Version(_read(path))
        return version


class HashTable:
    """A Redis hash in which each value is a JSON object. The field's name becomes one more column, `field_column`.

    That column replaces one of the same name. The hash is read as a whole, ordered by field, at the start and at each
    `refresh`.
    """

    def __init__(self, client: Redis, key: str, field_column: str = FIELD_COLUMN) -> None:
        """Raises `InvalidReference` if the hash can't be read. A hash that doesn't exist has no rows."""
        self._redis = client
        self._key = key
        self._field_column = field_column
        self._raw: Mapping[bytes, bytes] | None = None
        self._version = _EMPTY
        self.refresh()

    def version_at(self, time: int) -> Version:
        return self._version

    def refresh(self) -> None:
        try:
            raw = cast("dict[bytes, bytes]", self._redis.hgetall(self._key))
        except ResponseError as exc:
            raise InvalidReference(f"{self._key} is not a hash: {exc}") from exc
        if raw != self._raw:
            self._version = Version([self._record(field, raw[field]) for field in sorted(raw)])
            self._raw = raw

    def _record(self, field: bytes, value: bytes) -> dict[str, Any]:
        where = f"{field.decode(errors='replace')} of the hash {self._key}"
        record = _record(value, where)
        try:
            name = field.decode()
        except UnicodeDecodeError as exc:
            raise InvalidReference(f"the field {where} is not UTF-8") from exc
        return {name: value for name, value in record.items() if name.lower() != self._field_column.lower()} | {
            self._field_column: name
        }


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidReference(f"{path} can't be read: {exc}") from exc
    if path.suffix.lower() == ".csv":
        return _csv(text, path)
    if not text.lstrip().startswith("["):
        lines = enumerate(text.split("\n"), 1)
        return [_record(line, f"{path}, line {number}") for number, line in lines if line.strip()]
    records = _json(text, str(path))
    if all(type(record) is dict for record in records):
        return cast("list[dict[str, Any]]", records)
    raise InvalidReference(f"{path} holds something that is not a JSON object")


def _csv(text: str, path: Path) -> list[dict[str, Any]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = next(reader, [])
        records = []
        for values in reader:
            if len(values) > len(names):
                raise InvalidReference(f"{path}, line {reader.line_num}: more values than names in the first line")
            if values:  # an empty line has none
                records.append(dict(zip(names, values, strict=False)))
    except csv.Error as exc:
        raise InvalidReference(f"{path}, line {reader.line_num}: {exc}") from exc
    return records


def _record(text: str | bytes, where: str) -> dict[str, Any]:
    record = _json(text, where)
    if type(record) is not dict:
        raise InvalidReference(f"{where} is not a JSON object")
    return record


def _json(text: str | bytes, where: str) -> Any:
    try:
        return _decode(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidReference(f"{where} is not JSON: {exc}") from exc


def _starts(pattern: Path) -> Iterable[tuple[int, Path]]:
    """Yield the files that match, each with the time, in ticks, from which on it is valid."""
    root = Path(pattern.anchor)
    relative = str(pattern.relative_to(root))
    named = re.compile(_filled(re.escape(relative), re.escape, _DATE, _TIME))
    globs = {_filled(glob.escape(relative), glob.escape, date, time) for date in _DATES for time in _TIMES}
    found = {path for each in globs for path in root.glob(each)}
    for path in found:
        match = named.fullmatch(str(path.relative_to(root)))
        if match is None:
            continue
        year, month, day, hour, minute = (
            int(match.groupdict().get(name) or 0) for name in ("year", "month", "day", "hour", "minute")
        )
        try:
            since = datetime(year, month, day, hour, minute) - datetime.min
        except ValueError:  # no such day
            continue
        yield since // timedelta(seconds=1) * TICKS_PER_SECOND, path


def _filled(pattern: str, escape: Callable[[str], str], date: str, time: str) -> str:
    return pattern.replace(escape("{date}"), date).replace(escape("{time}"), time)


_EMPTY = Version()

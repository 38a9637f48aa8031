"""Reference data as a job's tables: files, a hash of Redis, or what was put (pipeline/reference).

After a crash a job gives the same rows again only if its tables have the same content as before. This is so for files
that are not changed, for versions in separate files that exist before their time comes, and for what was put. A hash in
Redis has no history: rows that are read again after a crash are joined with its content at that time.
"""

from __future__ import annotations

import glob
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar, cast

from ...reference import LEAD_MS, References
from ...reference.text import InvalidReference, record_of, records_of
from ...store import Redis, ResponseError
from ..language.ticks import BEGINNING, TICKS_PER_SECOND, from_unix_ms, isoformat
from ..language.values import fits
from ..operators.reference import NoVersion, Version
from .job_toml import FIELD_COLUMN

K = TypeVar("K")

_CACHED = 2  # versions

#: Seconds between two looks for versions of a table, while events come for which none can be known yet.
_LOOK = 1.0

#: The patterns of {date} and {time} in a path: 2024-05-01 or 2024/05/01, and 10-30 or 10.
_DATES = ("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]", "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]")
_TIMES = ("[0-9][0-9]-[0-9][0-9]", "[0-9][0-9]")
_DATE = r"(?P<year>\d{4})[-/](?P<month>\d\d)[-/](?P<day>\d\d)"
_TIME = r"(?P<hour>\d\d)(?:-(?P<minute>\d\d))?"


def read_table(body: bytes, is_csv: bool, where: str = "") -> list[dict[str, Any]]:
    """Return the rows of a text, as `records_of` does, if the language has all of their values."""
    rows = records_of(body, is_csv, where)
    if not is_csv and not fits(rows, body):
        raise InvalidReference(f"{where or 'the text'} is nested too deeply, or has an integer of more than 64 bits")
    return rows


class _Versions(Generic[K]):
    """Versions of a table, each valid from a time until that of the next; `_starts` has these, in ticks, in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._starts: Sequence[tuple[int, K]] = ()
        self._versions: dict[K, Version] = {}

    def version_at(self, time: int) -> Version:
        place = bisect_right(self._starts, time, key=lambda start: start[0]) - 1
        if place < 0:
            raise NoVersion(f"the reference data {self._name} has no version for {isoformat(time)}")
        return self._version(self._starts[place][1])

    def _version(self, key: K) -> Version:
        version = self._versions.get(key)
        if version is None:
            while len(self._versions) >= _CACHED:
                del self._versions[next(iter(self._versions))]
            version = self._versions[key] = Version(self._read(key))
        return version

    def _read(self, key: K) -> list[dict[str, Any]]:
        raise NotImplementedError


class FileTable(_Versions[Path]):
    """A JSON or CSV file, or a sequence of them with {date} and maybe {time} in their names, as in Stream Analytics.

    A single file is valid for all times, and is read once. Each file of a sequence is valid for events from its time
    (UTC) on, until that of the next file. `refresh` finds new files.
    """

    def __init__(self, path: Path) -> None:
        """Raises `InvalidReference` if there is no file, or if the newest can't be read."""
        name = str(path)
        if name.count("{date}") > 1 or name.count("{time}") > name.count("{date}"):
            raise InvalidReference(f"{path}: a path has one {{date}}, and then maybe one {{time}}")
        super().__init__(name)
        self._path = path
        self.refresh()
        self._version(self._starts[-1][1])  # to find out at the start if it can't be read

    def refresh(self) -> None:
        starts = sorted(_starts(self._path)) if "{date}" in str(self._path) else [(BEGINNING, self._path)]
        if not starts or not starts[0][1].is_file():
            raise InvalidReference(f"there is no file {self._path} with reference data")
        self._starts = starts

    def _read(self, key: Path) -> list[dict[str, Any]]:
        try:
            body = key.read_bytes()
        except OSError as exc:
            raise InvalidReference(f"{key} can't be read: {exc}") from exc
        return read_table(body, key.suffix.lower() == ".csv", str(key))


class PutTable(_Versions[str]):
    """Reference data that was put. Each version holds for events from its time on.

    What is put gets a time at least `LEAD_MS` ahead, so what was read at a time of Redis knows all versions of times
    before that time plus `LEAD_MS`; one that is put in the same millisecond may have just that time. For later events
    it is read again. So an event is always joined with the same version, unless its own time is more than `LEAD_MS`
    ahead of the clock.
    """

    def __init__(self, client: Redis, name: str) -> None:
        """Raises `InvalidReference` if nothing was put by this name."""
        super().__init__(name)
        self._references = References(client)
        self._known_to = BEGINNING
        self._look_at = 0.0  # time.monotonic()
        self.refresh()

    def version_at(self, time: int) -> Version:
        if time >= self._known_to and monotonic() >= self._look_at:
            self.refresh()
        return super().version_at(time)

    def refresh(self) -> None:
        self._look_at = monotonic() + _LOOK
        found, now = self._references.find(self._name)
        if found is None:
            raise InvalidReference(f"there is no reference data {self._name!r}: PUT /reference/{self._name} first")
        starts = [BEGINNING if each.valid_from is None else from_unix_ms(each.valid_from) for each in found.versions]
        self._starts = [(start, each.id) for start, each in zip(starts, found.versions, strict=True)]
        self._known_to = from_unix_ms(now + LEAD_MS)

    def _read(self, key: str) -> list[dict[str, Any]]:
        rows = self._references.rows(key)
        if rows is None:
            self._known_to = BEGINNING
            raise InvalidReference(f"a version of {self._name} was dropped before it was read")
        return rows


class HashTable:
    """A Redis hash in which each value is a JSON object. The field's name becomes one more column, `field_column`.

    That column replaces one of the same name. The hash is read as a whole, ordered by field, at the start and at each
    `refresh`.
    """

    def __init__(self, client: Redis, key: str, field_column: str = FIELD_COLUMN) -> None:
        """Raises `InvalidReference` if the hash can't be read, or if there is none."""
        self._redis = client
        self._key = key
        self._field_column = field_column
        self._raw: Mapping[bytes, bytes] | None = None
        self._version = Version()
        self.refresh()

    def version_at(self, time: int) -> Version:
        return self._version

    def refresh(self) -> None:
        try:
            raw = cast("dict[bytes, bytes]", self._redis.hgetall(self._key))
        except ResponseError as exc:
            raise InvalidReference(f"{self._key} is not a hash: {exc}") from exc
        if not raw:
            database = self._redis.get_connection_kwargs().get("db", 0)
            raise InvalidReference(f"there is no hash {self._key} in database {database}: HSET a row of it first")
        if raw != self._raw:
            self._version = Version([self._record(field, raw[field]) for field in sorted(raw)])
            self._raw = raw

    def _record(self, field: bytes, value: bytes) -> dict[str, Any]:
        where = f"{field.decode(errors='replace')} of the hash {self._key}"
        record = record_of(value, where)
        try:
            name = field.decode()
        except UnicodeDecodeError as exc:
            raise InvalidReference(f"the field {where} is not UTF-8") from exc
        return {name: value for name, value in record.items() if name.lower() != self._field_column.lower()} | {
            self._field_column: name
        }


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

"""A whole board as lines, and lines as a board: what `Board.export` and `import_` do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from heapq import merge
from itertools import chain

from ..errors import InvalidValue
from . import lines
from .answers import isoformat
from .build import BoardExists, new_generation, replace_board
from .configure import Setup, milliseconds
from .form import Form, Ties
from .lifecycle import building, infos_of, snapshots_of
from .scores import StaleShard
from .shards import Progress, Shards, StaleBoard, UnknownBoard
from .snapshot import Row
from .tree import Header

#: Members of a shard that are written at once.
_TOGETHER = 500


def export(shards: Shards, progress: Progress | None = None) -> Iterator[bytes]:
    with ExitStack() as opened:
        snapshots = snapshots_of(shards, opened, progress)
        scored = merge(*(snapshot.rows() for snapshot in snapshots), key=_place)
        others = sorted((row for snapshot in snapshots for row in snapshot.scoreless()), key=lambda row: row.name)
        count = sum(1 for snapshot in snapshots for _ in snapshot.rows()) + len(others)
        header = next((one.header for one in snapshots if one.header.version), None)
        if not count and header is None:
            raise UnknownBoard(shards.name)
        form, header = (Form(), Header()) if header is None else (header.form, header)
        settings = lines.Settings(
            places=form.places,
            order=form.order,
            ties=form.ties,
            sample=header.sample,
            most=header.most,
            expires=isoformat(header.expires),
            members=count,
        )
        try:
            yield from lines.write(settings, chain(scored, others))
        except StaleShard as exc:
            raise StaleBoard(shards.name, str(exc)) from exc


def _place(row: Row) -> tuple[int, bytes]:
    return row.units or 0, row.arrival + row.name


def import_(
    shards: Shards,
    found: Iterable[bytes],
    may_replace: bool,
    progress: Progress | None = None,
    new_expires: int = 0,
) -> None:
    if not may_replace and any(info.size for info in infos_of(shards)):  # looked at again at the end
        raise BoardExists(shards.name)
    settings, rows = lines.read(found)
    header = _header(settings, new_expires)
    with ExitStack() as opened:
        parts = [opened.enter_context(building(shard, header)) for shard in shards]
        waiting: list[list[Row]] = [[] for _ in parts]
        for done, row in enumerate(rows, 1):
            number = shards.number_of(row.name.decode())
            # In the order of all lines, whichever shard it is on.
            waiting[number].append(parts[0].arrived(row) if header.form.ties is Ties.FIRST else row)
            if len(waiting[number]) == _TOGETHER:
                parts[number].add(waiting[number])
                waiting[number].clear()
                if progress is not None:
                    progress(done, settings.members)
        for part, rest in zip(parts, waiting, strict=True):
            part.add(rest)
            part.write_trees()
        replace_board(shards, parts, may_replace)


def _header(settings: lines.Settings, new_expires: int) -> Header:
    """Raises `InvalidValue`."""
    Setup(sample=settings.sample, most=settings.most).checked()
    try:
        expires = new_expires if settings.expires is None else milliseconds(datetime.fromisoformat(settings.expires))
    except ValueError:
        raise InvalidValue("line 1: expires must be a time such as 2030-01-31T12:00:00Z, or null", "expires") from None
    form = Form(settings.places, settings.order, settings.ties, new_generation())
    return Header(1, form.places, form.flags, expires, settings.sample, form.generation, settings.most)

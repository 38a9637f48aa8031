"""A whole board as lines, and lines as a board: what `Board.export` and `import_` do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge
from itertools import chain

from . import lines
from .answers import isoformat
from .form import Form
from .scores import StaleShard
from .shards import Progress, Shards, StaleBoard, UnknownBoard
from .snapshot import Row, one_moment
from .tree import Header


def export(shards: Shards, progress: Progress | None = None) -> Iterator[bytes]:
    with ExitStack() as opened:
        with one_moment(shards, opened, progress) as snapshots:
            pass
        for snapshot in snapshots:
            for fault in snapshot.invalid.values():
                raise StaleBoard(shards.name, fault)
        scored = merge(*(snapshot.rows() for snapshot in snapshots), key=_place)
        others = sorted((row for snapshot in snapshots for row in snapshot.scoreless()), key=lambda row: row.name)
        count = sum(1 for snapshot in snapshots for _ in snapshot.rows()) + len(others)
        header = next((one.header for one in snapshots if one.header.version), None)
        if not count and header is None:
            raise UnknownBoard(shards.name)
        form, header = (Form(), Header()) if header is None else (_form(header), header)
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
    return row.units or 0, row.name


def _form(header: Header) -> Form:
    return Form.of((header.generation * 4 + header.flags // 4 % 4) * 16 + header.places)

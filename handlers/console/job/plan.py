"""A job's plan as a drawing, 320 px wide: boxes in ranks, from its inputs down to its boards. A template prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.windows.explanation.describe import describe, in_words
from pipeline.windows.jobs.job_toml import BoardConfig, HubInput, JobConfig
from pipeline.windows.language.syntax import Hopping, Session, Sliding, Snapshot, Window
from pipeline.windows.planning import nodes
from pipeline.windows.planning.nodes import Node
from pipeline.windows.planning.topology import Topology

WIDTH = 320
HEIGHT, RANK = 44, 84
_GAP, _DUMMY, _WIDEST, _NARROWEST = 10, 6, 200, 92
_LETTER = 6.6  # px of a letter of 12 px, and of a bold one
_TOP = 4  # px above the first rank

#: What rows do to a board, by its mode.
_DOES = {"add": "adds", "set": "sets", "max": "highest"}


@dataclass(frozen=True)
class Box:
    """`far`: an input, an output or a board, and no step. `words` are what it does, in full."""

    x: float
    y: float
    width: float
    title: str
    kind: str
    far: bool
    words: str

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True)
class Drawing:
    """`wires` are paths, each with the place of its head: x and y."""

    width: float
    height: float
    boxes: Sequence[Box]
    wires: Sequence[tuple[str, float, float]]
    words: str


@dataclass
class _Item:
    """A box in its rank, or, with `title` None, the place where a wire passes a rank."""

    title: str | None = None
    kind: str = ""
    far: bool = False
    words: str = ""
    sources: tuple[_Item, ...] = ()
    rank: int = 0
    x: float = 0.0
    width: float = _DUMMY

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def draw(divided: Topology, config: JobConfig) -> Drawing:
    """Return the drawing of a plan that is divided into stages."""
    items = list(_items(divided, config))
    ranks: list[list[_Item]] = []
    wires: list[list[_Item]] = []
    for item in items:
        item.rank = max((source.rank + 1 for source in item.sources), default=0)
        while len(ranks) <= item.rank:
            ranks.append([])
        ranks[item.rank].append(item)
        for source in item.sources:
            passed = [_Item(rank=rank) for rank in range(source.rank + 1, item.rank)]
            for one in passed:
                ranks[one.rank].append(one)
            wires.append([source, *passed, item])
    width = max([WIDTH, *(_least(rank) for rank in ranks)])
    above: dict[int, list[_Item]] = {}
    for way in wires:
        for before, after in pairwise(way):
            above.setdefault(id(after), []).append(before)
    for rank in ranks:
        _place(rank, above, width)
    boxes = [
        Box(each.x, _TOP + each.rank * RANK, each.width, each.title, each.kind, each.far, each.words)
        for each in items
        if each.title is not None
    ]
    words = ". ".join(map(_in_words, items))
    height = 2 * _TOP + (len(ranks) - 1) * RANK + HEIGHT
    return Drawing(width, height, boxes, [_wire(way) for way in wires], words)


def _in_words(item: _Item) -> str:
    sources = " and ".join(str(source.title) for source in item.sources)
    return f"{item.words}, from {sources}" if sources else item.words


def _items(divided: Topology, config: JobConfig) -> Iterator[_Item]:
    made: list[_Item] = []
    for number, node in enumerate(divided.plan.nodes):
        title, kind, far = _told(node, divided, config)
        words = describe(number, divided.plan)[0]
        made.append(_Item(title, kind, far, words, tuple(made[source] for source in node.sources), width=0))
        yield made[-1]
    for output, board in config.boards:
        source = next(
            item
            for item, node in zip(made, divided.plan.nodes, strict=True)
            if isinstance(node, nodes.Output) and node.output == output
        )
        yield _Item(board.board, f"board, {_DOES[board.mode]} {board.score}", True, f"board {board.board}", (source,))


def _told(node: Node, divided: Topology, config: JobConfig) -> tuple[str, str, bool]:
    """Return what is written in a node's box, in two lines, and whether it is no step."""
    match node:
        case nodes.Input():
            name = divided.plan.streams[node.stream].input
            given = config.inputs.get(name)
            return name, f"hub {given.hub}" if isinstance(given, HubInput) else "input", True
        case nodes.Output():
            output = config.outputs[node.output]
            kind = str(type(output).__struct_config__.tag)
            return node.output, f"board {output.board}" if isinstance(output, BoardConfig) else kind, True
        case nodes.Window():
            work = {"whole": "", "partial": "panes for ", "merge": "merges "}[node.mode]
            return node.step, work + _short(node.window), False
        case nodes.Analytic():
            return node.step, ", ".join(dict.fromkeys(call.function for call in node.calls)), False
        case nodes.Join(kind=joined):
            return node.step, f"{joined} JOIN", False
        case nodes.ReferenceJoin(kind=joined, table=table):
            return node.step, f"{joined} JOIN {table}", False
        case nodes.Union():
            return node.step, "UNION", False
        case nodes.Select(where=where, items=items):
            return node.step, " ".join(filter(None, ["SELECT" if items else "", "WHERE" if where else ""])), False
    return node.step, "", False


def _short(window: Window) -> str:
    match window:
        case Hopping(duration=duration, hop=hop):
            every = "" if duration == hop else f", every {in_words(hop)}"
            return f"{in_words(duration)}{every}"
        case Sliding(duration=duration):
            return f"sliding, {in_words(duration)}"
        case Session(timeout=timeout):
            return f"sessions, {in_words(timeout)}"
        case Snapshot():
            return "rows of one time"


def _least(rank: Sequence[_Item]) -> float:
    return sum(_NARROWEST if item.title is not None else _DUMMY for item in rank) + _GAP * (len(rank) + 1)


def _place(rank: list[_Item], above: Mapping[int, Sequence[_Item]], width: float) -> None:
    """Give each item of a rank its place: in the order of what it reads, and with the width that is left."""

    def order(item: _Item) -> float:
        sources = above.get(id(item), ())
        return sum(source.middle for source in sources) / len(sources) if sources else width / 2

    rank.sort(key=order)
    full = [item for item in rank if item.title is not None]
    room = width - _GAP * (len(rank) + 1) - _DUMMY * (len(rank) - len(full))
    for item in full:
        item.width = min(_WIDEST, room / len(full))
    used = sum(item.width for item in rank) + _GAP * (len(rank) - 1)
    x = (width - used) / 2
    if len(rank) > len(full) and full:  # what passes by goes along the edge
        x = _GAP
    for item in rank:
        item.x = x
        x += item.width + _GAP
    for item in full:
        item.title, item.kind = _cut(item.title or "", item.width), _cut(item.kind, item.width)


def _cut(text: str, width: float) -> str:
    most = int((width - 16) / _LETTER)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _wire(way: Sequence[_Item]) -> tuple[str, float, float]:
    """Return the path through a wire's places, and where its head is."""
    parts = []
    for before, after in pairwise(way):
        begin, end = _TOP + before.rank * RANK + HEIGHT, _TOP + after.rank * RANK
        if before.title is None:  # it passes this rank, straight down
            parts.append(f"L{before.middle:.1f},{begin:.1f}")
        half = (begin + end) / 2
        if not parts:
            parts.append(f"M{before.middle:.1f},{begin:.1f}")
        parts.append(f"C{before.middle:.1f},{half:.1f} {after.middle:.1f},{half:.1f} {after.middle:.1f},{end:.1f}")
    last = way[-1]
    return " ".join(parts), last.middle, _TOP + last.rank * RANK

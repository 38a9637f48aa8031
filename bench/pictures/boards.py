"""The pictures of docs/boards.md, drawn from the tree that pipeline.boards.tree makes of `SCORES`.

tests/docs/test_boards.py compares this tree with the one that the scripts make in Redis.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from pipeline.boards import tree
from pipeline.boards.tree import Header, Node, Unpacked

from ..drawing import legend, line, rect, svg, text

#: The scores of the board in the pictures. The first member of all is ann, with 7.
SCORES = [7] * 5000 + [0x3000 + n * 4096 // 3000 for n in range(3000)] + [0x6100 + n * 8 for n in range(30)]

#: How many of the lowest scores are added up in the picture of the walk.
WANTED = 6_800

#: What ann earns in the picture of an update.
REWARD = 25_065

KINDS = {"passed": "green", "into": "yellow", "off": "red", "other": "grey", "box": "page"}

#: In the picture of cells, and of the walk: where a row of 32 children begins, and the width of one.
LEFT, CELL = 24, 23.5

_DIGIT_BITS = 5  # of a page's child
_RUN_BYTES = sum(tree._RUN)


class Run(NamedTuple):
    """A run of a leaf, as its bytes say it."""

    start: int
    members: int
    excess: int  # the sum of its scores, each less the first unit of the run


class Leaf(NamedTuple):
    """A leaf of the page: which child it is, and what its bytes are."""

    child: int
    node: Node
    at: int  # bytes before its area
    size: int  # bytes of its area
    runs: list[Run]
    slots: bytes

    @property
    def run_bits(self) -> int:
        """How many bits a score in a run has."""
        return self.node.bits - (len(self.runs) - 1).bit_length()


@cache
def packed() -> bytes:
    """Return the string that Redis holds for the board."""
    return tree.pack(SCORES, Header())


@cache
def root() -> Node:
    """Return the root of the scores from 0 on."""
    return Unpacked(packed()).roots[1]


@cache
def leaves() -> list[Leaf]:
    """Return the leaves of the page, in its order, which is that of their areas."""
    whole, at, found = packed(), tree.AREAS_AT, []
    for child, node in enumerate(root().children):
        if not node.bits:
            continue
        size = struct.unpack_from("<H", whole, at)[0] // 2 * 8
        runs = 2 ** tree._runs_for(node)
        entries = [_run(whole, at + 2 + _RUN_BYTES * number) for number in range(runs)]
        (end,) = struct.unpack_from("<H", whole, at + 2 + _RUN_BYTES * runs)
        slots = at + 2 + _RUN_BYTES * runs + 2
        found.append(Leaf(child, node, at, size, entries, whole[slots : slots + end]))
        at += size
    return found


def _run(whole: bytes, at: int) -> Run:
    start, count = struct.unpack_from("<HH", whole, at)
    return Run(start, count, int.from_bytes(whole[at + 4 : at + _RUN_BYTES], "little"))


def cells() -> str:
    """Draw the cells of the tree, from one score and from the root down."""
    leaf = next(leaf for leaf in leaves() if leaf.child == 14)
    score = 0x3998
    run_bits, width = leaf.node.bits - leaf.run_bits, leaf.run_bits
    bits = f"{score:0{root().bits}b}"
    parts = bits[:_DIGIT_BITS], bits[_DIGIT_BITS : _DIGIT_BITS + run_bits], bits[-width:]
    first, last = leaf.node.cell << leaf.node.bits, (leaf.node.cell + 1 << leaf.node.bits) - 1
    lines = [text(LEFT, 48, f"{score:,} = {score:#x} =", "code")]
    left = 168.0
    for part in parts:
        lines += [rect(left, 26, 40 + 12 * len(part), 34, "into")]
        lines += [text(left + 20 + 6 * len(part), 48, part, "code middle")]
        left += 40 + 12 * len(part)
    size = (width + 7) // 8
    for number, meaning in enumerate(
        (
            f"{parts[0]}: child {int(parts[0], 2)}, all from {first:#x} to {last:#x}: a leaf",
            f"{parts[1]}: run {int(parts[1], 2)} of that leaf",
            f"{parts[2]}: its place in the run, {int(parts[2], 2)}, in {size} byte",
        )
    ):
        lines.append(text(492, 28 + 20 * number, meaning, "small"))
    lines += [rect(LEFT, 96, 752, 36, "box"), text(36, 119, f"root: {root().bits} bits, cell {root().cell}", "code")]
    totals = root().totals
    lines.append(text(764, 119, f"count {totals.count:,}  sum {totals.sum:,}", "code end"))
    lines += _children(132, {child: "into" for child, node in enumerate(root().children) if node.count})
    full = [leaf for leaf in leaves() if leaf.node.count == leaves()[0].node.count]
    lines += _below_the_page(full, leaves()[-1])
    lines.append(text(LEFT, 322, f"{_together(full)}", "small"))
    lines.append(text(LEFT, 342, f"Each is a leaf: it has no more than {tree.SPLIT:,} scores.", "small"))
    runs = f"A leaf of {leaf.node.count} scores has {len(leaf.runs)} runs, by the next {run_bits} bits."
    lines.append(text(LEFT, 380, f"{runs} Of a score in a run only the last {width} bits are kept.", "small"))
    description = (
        f"A board of {len(SCORES):,} scores: 5,000 are 7, 3,000 are spread over 0x3000 to 0x3fff, and 30 over "
        f"0x6100 to {SCORES[-1]:#x}. The root has a page of 32 children, by the first 5 of {root().bits} bits. "
        "Child 0 is one unit wide; children 12 to 15 and child 24 are leaves."
    )
    return svg("Scores by their bits, nodes as cells", description, 800, 400, lines, KINDS)


def _together(full: Sequence[Leaf]) -> str:
    count, whole = (sum(getattr(leaf.node.totals, what) for leaf in full) for what in ("count", "sum"))
    return f"Children {full[0].child} to {full[-1].child} together: {count:,} sum {whole:,}"


def _below_the_page(full: Sequence[Leaf], last: Leaf) -> Iterator[str]:
    equal = root().children[0]
    for child, x in zip([0, *(leaf.child for leaf in full)], (104, 266, 413, 560, 706), strict=True):
        yield line((LEFT + CELL * (child + 0.5), 162), (x, 200))
    yield rect(24, 200, 160, 78, "box")
    yield text(36, 222, f"{equal.bits} bits, cell {equal.cell}", "code")
    yield text(36, 244, f"{equal.count:,}  sum {equal.totals.sum:,}", "code")
    yield text(36, 266, "all equal: no leaf", "small")
    for number, leaf in enumerate(full):
        x = 196 + 147 * number
        yield rect(x, 200, 140, 78, "box")
        yield text(x + 10, 222, f"{leaf.node.bits} bits, cell {leaf.node.cell}", "code")
        yield text(x + 10, 244, f"{leaf.node.count} scores", "code")
        yield text(x + 10, 266, f"{leaf.node.totals.sum:,}", "code")
    down = LEFT + CELL * (last.child + 0.5)
    yield line((down, 162), (down, 188), (786, 188), (786, 326), (776, 326))
    yield rect(484, 300, 292, 54, "box")
    cell = f"{last.node.bits} bits, cell {last.node.cell} = {last.node.cell:#x}__"
    yield text(496, 320, f"child {last.child}: {cell}", "code")
    yield text(496, 342, f"{last.node.count} sum {last.node.totals.sum:,}", "code")


def _children(top: float, kinds: dict[int, str], height: float = 30) -> Iterator[str]:
    """The page: its 32 children in a row."""
    for child in range(32):
        x = LEFT + CELL * child
        yield rect(x, top, CELL, height, kinds.get(child, "other"))
        yield text(x + CELL / 2, top + height / 2 + 6, str(child), "small middle")


def walk() -> str:
    """Draw the walk of a sum: the page from its higher end, then a leaf, then a run of it."""
    nodes, total, more = root().children, root().totals, len(SCORES) - WANTED
    lines = list(legend(LEFT, 18, _MEANINGS))
    lines.append(text(776, 30, f"{WANTED:,} of {len(SCORES):,} are wanted", "code end"))
    from_end = "the page, from its higher end: so all are wanted at first, and"
    lines.append(text(LEFT, 62, f"{from_end} {more:,} are to be left out", "small"))
    child, rest, steps = 31, total.sum, [f"{total.sum:,}"]
    while nodes[child].count <= more:
        node = nodes[child]
        more -= node.count
        rest -= node.totals.sum
        if node.count:
            said = f"{more:,} more" if len(steps) > 1 else f"{more:,} more are to be left out"
            steps.append(f"- {node.totals.sum:,} of child {child}: {said}")
        child -= 1
    leaf = next(leaf for leaf in leaves() if leaf.child == child)
    rest -= leaf.node.totals.sum
    wanted = leaf.node.count - more
    had = f"which has {leaf.node.count}: of these, {wanted} are wanted"
    steps += [f"- {leaf.node.totals.sum:,} of child {child}, {had}", f"= {rest:,}"]
    lines += _children(70, {child: "into"} | dict.fromkeys(range(child + 1, 32), "off"), 32)
    lines += [text(LEFT, 126 + 22 * number, step, "code") for number, step in enumerate(steps)]
    found = _in_leaf(leaf, wanted)
    lines += found.lines
    lines.append(line((24, 448), (776, 448)))
    lines.append(text(LEFT, 474, f"{rest:,} + {found.sum:,} = {rest + found.sum:,}", "code"))
    reads = "Five reads: the header with the roots, two halves of the page, the table of the leaf, a part of a run."
    lines.append(text(LEFT, 502, f"{reads} Small numbers add up.", "small"))
    description = (
        f"The page is read from its higher end, since {WANTED:,} of {len(SCORES):,} are more than a half. Children "
        f"24 and 15 are left out, child {child} is gone into. Of its leaf, runs 0 to {found.run - 1} are passed, "
        f"and run {found.run} is cut."
    )
    return svg(f'The walk of "sum of ranks 0 to {WANTED - 1:,}"', description, 800, 520, lines, KINDS)


_MEANINGS = {
    "passed": "passed: wanted",
    "off": "left out again",
    "into": "gone into",
    "other": "not looked at",
}


class InLeaf(NamedTuple):
    lines: list[str]
    run: int  # the one that is cut
    sum: int


def _in_leaf(leaf: Leaf, wanted: int) -> InLeaf:
    cut, passed = 0, 0
    while passed + leaf.runs[cut].members <= wanted:
        passed += leaf.runs[cut].members
        cut += 1
    width, first = leaf.run_bits, leaf.node.cell << leaf.node.bits
    base = wanted * first
    by_runs = sum(run.excess + (run.members * number << width) for number, run in enumerate(leaf.runs[:cut]))
    run, part = leaf.runs[cut], wanted - passed
    slots = leaf.slots[run.start : run.start + part]
    singly = sum(slots) + (part * cut << width)
    lines = [text(LEFT, 250, f"the leaf of child {leaf.child}: {len(leaf.runs)} runs, by the next 4 bits", "small")]
    before, cell = 0, 528 / len(leaf.runs)
    for number, one in enumerate(leaf.runs):
        x = LEFT + cell * number
        before += one.members
        lines.append(rect(x, 262, cell, 52, "passed" if number < cut else "into" if number == cut else "other"))
        lines += [text(x + cell / 2, 283, str(number), "code middle")]
        lines += [text(x + cell / 2, 303, str(before), "small middle")]
    lines.append(text(576, 280, f"{wanted} x {first:#x} = {base:,}", "code"))
    lines.append(text(576, 302, f"runs 0 to {cut - 1}: {passed} scores", "code"))
    lines.append(text(576, 324, f"+ {by_runs:,}, their sum", "code"))
    lines += [line((LEFT + cell * cut, 314), (24, 380)), line((LEFT + cell * (cut + 1), 314), (552, 380))]
    lines.append(text(576, 352, f"of run {cut}, {part} of {run.members} are wanted", "small"))
    slot = 528 / run.members
    for number in range(run.members):
        lines.append(rect(LEFT + slot * number, 380, slot, 32, "passed" if number < part else "other"))
    shorter = f"The shorter side is read: {part} of {run.members}, each less the first unit of the run."
    assert part <= run.members - part
    lines.append(text(LEFT, 434, shorter, "small"))
    lines.append(text(576, 392, f"+ {singly:,}, read one by one", "code"))
    lines.append(text(576, 412, f"= {base + by_runs + singly:,}", "code"))
    return InLeaf(lines, cut, base + by_runs + singly)


def update() -> str:
    """Draw what an update touches: ann's old score, and her new one."""
    before, nodes = SCORES[0], root().children
    after = before + REWARD
    old, new = nodes[root().child_of(before)], nodes[root().child_of(after)]
    leaf = leaves()[-1]
    (run,) = leaf.runs
    assert leaf.child == root().child_of(after)
    lines = [text(24, 36, f"ann: {before} + reward {REWARD:,} = {after:,} = {after:#x}, event e-17", "code")]
    lines += [line((178, 120), (80, 168)), line((178, 120), (181, 168)), line((178, 120), (308, 168))]
    lines += _node(70, 64, 230, "into", f"root: {len(SCORES):,}", f"{root().totals.sum:,} + {REWARD:,}")
    lines += _node(24, 168, 112, "off", "child 0", f"{old.count:,} - 1", f"{old.totals.sum:,} - {before}")
    lines += _node(144, 168, 74, "other", "12 to 15")
    lines += [text(154, 211, "not", "small"), text(154, 229, "touched", "small")]
    counts = f"{new.count} + 1", f"{new.totals.sum:,} + {after:,}"
    lines += _node(226, 168, 164, "passed", f"child {leaf.child}", *counts)
    room = len(leaf.slots) - run.start - run.members
    offset = after - (leaf.node.cell << leaf.node.bits)
    lines += [line((308, 244), (308, 278))]
    lines += _node(226, 278, 164, "passed", "its leaf: one run", f"offset {offset:#x}", f"room for {room} more")
    lines += [line((80, 244), (80, 278)), rect(24, 278, 112, 76, "other"), text(34, 300, "no leaf: all", "small")]
    lines += [text(34, 318, "its scores are", "small"), text(34, 336, "equal", "small")]
    lines += [rect(412, 52, 364, 314, "box", 8), text(428, 78, "written by one call of update.lua")]
    lines += [
        text(428, 106, "scores", "code"),
        text(486, 106, f"ZADD {after} ann", "code"),
        text(428, 128, "tree", "code"),
    ]
    for number, (what, size) in enumerate(writes().items()):
        lines.append(text(486, 128 + 22 * number, f"SETRANGE {what}", "code"))
        lines.append(text(766, 128 + 22 * number, f"{size} bytes" if not number else str(size), "code end"))
    lines += [text(428, 238, "events", "code"), text(486, 238, "ZADD e-17", "code"), line((428, 258), (760, 258))]
    lines += [text(428, 280, "and so in each segment that ann is in", "small")]
    lines += [text(428, 306, "segment:gold:scores, :tree", "code")]
    lines += [
        text(428, 336, "What may be refused is refused before", "small"),
        text(428, 354, "the first write.", "small"),
    ]
    slot = "All names begin with {board:points}: so they are in one slot of a cluster, and one script may write them."
    lines.append(text(24, 396, slot, "small"))
    description = (
        f"A reward of {REWARD:,} takes ann from {before} to {after:,}, which is {after:#x}. Two paths of nodes "
        f"change, from the root to child 0 and from the root to child {leaf.child} and its leaf. One script call "
        "writes the set, the nodes, the leaf, the event and the segments that ann is in."
    )
    return svg("What an update touches", description, 800, 420, lines, KINDS)


def writes() -> dict[str, int]:
    """Return what an update writes into the tree, and how many bytes of it."""
    counts_and_sums = sum(tree._NODE[:7])  # of a node: what is below it stays
    return {
        "header, roots": tree.HEADER_SIZE,
        "child 0": counts_and_sums,
        f"child {leaves()[-1].child}": counts_and_sums,
        "its run's count and sum": sum(tree._RUN[1:]),
        "the score": (leaves()[-1].run_bits + 7) // 8,
    }


def _node(x: float, y: float, width: float, kind: str, *lines: str) -> Iterator[str]:
    yield rect(x, y, width, 76 if len(lines) != 2 else 56, kind)
    for number, content in enumerate(lines):
        yield text(x + 10, y + 22 + 21 * number, content, "code")


class Field(NamedTuple):
    """A field of the string, in the picture of its bytes."""

    width: int
    kind: str
    name: str
    size: str
    value: str | None = None


def layout() -> str:
    """Draw the bytes of the tree: the string, its header, a node and a leaf."""
    whole, page, leaf = packed(), root().children, leaves()[2]
    lines = [text(24, 32, "{board:points}:tree", "code")]
    lines.append(text(776, 32, f"a string of {len(whole):,} bytes; numbers are little-endian", "small end"))
    areas = [
        Field(92 if one.node.count > 100 else 66, "passed", f"leaf {one.child}", str(one.size)) for one in leaves()
    ]
    page_size = len(whole) - leaves()[-1].at - leaves()[-1].size
    lines += _row(
        44,
        [
            Field(74, "into", "header", str(tree.HEAD_SIZE)),
            Field(74, "other", "root", "below 0"),
            Field(74, "into", "root", "0 and on"),
            *areas,
            Field(96, "into", "page", f"{page_size:,}"),
        ],
    )
    lines += [line((24, 92), (24, 122)), line((98, 92), (776, 122))]
    zeros = tree.HEAD_SIZE - len(tree.MAGIC) - sum(tree._HEADER)
    sizes = (len(tree.MAGIC), *tree._HEADER, zeros)
    names = (f"'{tree.MAGIC.decode()}'", *Header.__annotations__, "zeros")
    widths = (72, 72, 62, 58, 72, 66, 92, 56, 66, 66, 70)
    fields = zip(widths, names, sizes, strict=True)
    lines += _row(122, [Field(width, "other", name, str(size)) for width, name, size in fields])
    at = f"Its leaf is at {leaf.at:,} = 8 * {leaf.at // 8}."
    lines.append(text(24, 200, f"A node: child {leaf.child} of the page. {at}", "small"))
    lines += _row(210, _fields_of_node(leaf))
    sums = "Sum = hi * 2^40 + lo. Sum of squares = c * 2^90 + b * 2^45 + a."
    lines.append(text(24, 298, f"{sums} {tree.NODE_SIZE} bytes, a page {tree.NODE_SIZE * len(page):,}.", "small"))
    room = len(leaf.slots) - leaf.node.count
    scores = f"It has {leaf.node.count} scores in {len(leaf.runs)} runs, and room for {room} more."
    lines.append(text(24, 338, f"A leaf: that of child {leaf.child}, an area of {leaf.size} bytes. {scores}", "small"))
    lines += _row(350, _fields_of_leaf(leaf))
    side = "The start, the count and the excess of a run stand side by side; the excess is the sum of its slots."
    lines.append(text(24, 440, side, "small"))
    free = "An area that is not in use has a length without the 1. A new page or leaf takes the first run of such areas"
    lines += [text(24, 470, free, "small")]
    lines += [text(24, 490, 'that is long enough, from "search" on, or the end of the string.', "small")]
    description = (
        f"The string {{board:points}}:tree has {len(whole):,} bytes: a header of {tree.HEAD_SIZE}, two roots of "
        f"{tree.NODE_SIZE} each, and areas: {len(leaves())} leaves and a page of {len(page)} nodes of "
        f"{tree.NODE_SIZE}."
    )
    return svg("The bytes of the tree", description, 800, 520, lines, KINDS)


def _fields_of_node(leaf: Leaf) -> list[Field]:
    node = leaf.node
    high, low = divmod(node.totals.sum, 1 << tree._STEP)
    upper, a = divmod(node.totals.squares, 1 << 45)
    c, b = divmod(upper, 1 << 45)
    below = f"LEAF + {(len(leaf.runs) - 1).bit_length()}"
    values = (
        *(f"{number:,}" for number in (node.count, low, high, node.totals.distinct, a, b, c)),
        *(below, str(leaf.at // 8), str(node.bits), str(node.cell)),
    )
    names = ("count", "lo", "hi", "distinct", "squares: a", "b", "c", "below", "area", "bits", "cell")
    widths = (60, 96, 36, 84, 140, 40, 40, 76, 62, 58, 60)
    kinds = ["passed"] * 3 + ["off"] * 4 + ["into"] * 4
    rows = zip(widths, kinds, names, map(str, tree._NODE), values, strict=True)
    return [Field(*row) for row in rows]


def _fields_of_leaf(leaf: Leaf) -> list[Field]:
    runs, first = len(leaf.runs), leaf.runs[:3]
    starts, many, excesses = (" ".join(f"{run[which]:,}" for run in first) for which in range(3))
    excesses = " ".join(f"{run.excess:,}" for run in first[:2])
    slots = " ".join(f"{slot:02x}" for slot in leaf.slots[:4])
    return [
        Field(82, "other", "length", "2", f"2 * {leaf.size // 8} + 1"),
        Field(130, "passed", "start", f"{runs} of {tree._RUN[0]} bytes", f"{starts} ..."),
        Field(130, "passed", "count", f"{runs} of {tree._RUN[1]} bytes", f"{many} ..."),
        Field(140, "passed", "excess", f"{runs} of {tree._RUN[2]} bytes", f"{excesses} ..."),
        Field(60, "other", "end", "2", str(len(leaf.slots))),
        Field(210, "into", "slots", "of 1 byte: a score less its run", f"{slots} ... and zeros"),
    ]


def _row(top: float, fields: Sequence[Field]) -> Iterator[str]:
    x = 24.0
    for field in fields:
        yield rect(x, top, field.width, 48 if field.value is None else 66, field.kind)
        yield text(x + field.width / 2, top + 20, field.name, "code middle")
        yield text(x + field.width / 2, top + 38, field.size, "small middle")
        if field.value is not None:
            yield text(x + field.width / 2, top + 56, field.value, "small middle")
        x += field.width


PICTURES = {
    "boards/cells.svg": cells,
    "boards/walk.svg": walk,
    "boards/update.svg": update,
    "boards/bytes.svg": layout,
}

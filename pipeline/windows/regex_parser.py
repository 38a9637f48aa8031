"""A regular expression as a tree: ECMAScript's grammar, without what looks around or back.

    alternatives = sequence { "|" sequence }
    sequence     = { atom [ ( "*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}" ) [ "?" ] ] }
    atom         = "(" ["?:" | "?<name>"] alternatives ")" | "[" ["^"] members "]"
                 | "." | "^" | "$" | escape | character

Whether a repetition is greedy, and what a group held, makes no difference to where a match begins, so the tree does
not say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Ranges = tuple[tuple[int, int], ...]

_MOST = 0x10FFFF
_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Ranges = (
    *((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A)),
    *((0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
_CLASSES: dict[str, Ranges] = {"d": ((0x30, 0x39),), "w": _WORD, "s": _SPACE}

_QUANTIFIER = re.compile(r"(?:([*+?])|\{([0-9]{1,6})(?:(,)([0-9]{0,6}))?\})\??")
_GROUP = re.compile(r"\((?:\?(?::|<[A-Za-z_]\w*>))?")
_DASH = re.compile(r"-(?!\]|\Z)")  # of a range; the last in a set is itself
_CODE = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|c([A-Za-z])")
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}


class InvalidRegex(ValueError):
    """It is no regular expression."""


class UnsupportedRegex(ValueError):
    """It is one, of a kind that is not supported. The message says which."""


@dataclass(frozen=True)
class Characters:
    """One character of these ranges, both ends included, in any case."""

    ranges: Ranges
    negated: bool = False

    def has(self, character: str) -> bool:
        return self.negated != any(self._in_ranges(case) for case in (character, character.lower(), character.upper()))

    def _in_ranges(self, text: str) -> bool:
        return len(text) == 1 and any(low <= ord(text) <= high for low, high in self.ranges)


@dataclass(frozen=True)
class Anchor:
    """`kind` is ^, $, b or B."""

    kind: str


@dataclass(frozen=True)
class Repeat:
    """`most` is None without a limit."""

    node: Node
    least: int
    most: int | None


@dataclass(frozen=True)
class Chain:
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Alternatives:
    nodes: tuple[Node, ...]


Node = Characters | Anchor | Repeat | Chain | Alternatives


def parse(pattern: str) -> Node:
    """Raises `InvalidRegex`, `UnsupportedRegex`, and `RecursionError` for too many parentheses in one another."""
    parser = _Parser(pattern)
    node = parser.alternatives()
    if parser.place < len(pattern):
        raise InvalidRegex(") closes nothing")
    return node


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.place = 0

    def alternatives(self) -> Node:
        nodes = [self._chain()]
        while self._next("|"):
            nodes.append(self._chain())
        return nodes[0] if len(nodes) == 1 else Alternatives(tuple(nodes))

    def _chain(self) -> Node:
        nodes: list[Node] = []
        while self.place < len(self.pattern) and self.pattern[self.place] not in "|)":
            nodes.append(self._repeated(self._atom()))
        return Chain(tuple(nodes))

    def _repeated(self, node: Node) -> Node:
        match = _QUANTIFIER.match(self.pattern, self.place)
        if match is None:
            return node
        self.place = match.end()
        sign, least, comma, most = match.groups()
        if sign:
            return Repeat(node, 1 if sign == "+" else 0, 1 if sign == "?" else None)
        if not comma:
            return Repeat(node, int(least), int(least))
        if most and int(most) < int(least):
            raise InvalidRegex("{n,m} with n > m")
        return Repeat(node, int(least), int(most) if most else None)

    def _atom(self) -> Node:
        if _QUANTIFIER.match(self.pattern, self.place):
            raise InvalidRegex("there is nothing to repeat")
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return self._set()
        if character == "\\":
            return self._escape()
        if character == ".":
            return Characters((), negated=True)
        if character in "^$":
            return Anchor(character)
        return _one(ord(character))

    def _group(self) -> Node:
        match = _GROUP.match(self.pattern, self.place - 1)
        assert match is not None
        self.place = match.end()
        if self.pattern[self.place : self.place + 1] == "?":
            raise UnsupportedRegex("(?= (?! (?<= (?<! and options are not supported")
        node = self.alternatives()
        if not self._next(")"):
            raise InvalidRegex("( has no end")
        return node

    def _escape(self) -> Node:
        character = self._peek()
        if character in ("b", "B"):
            self.place += 1
            return Anchor(character)
        if character in "123456789kpP":
            raise UnsupportedRegex(f"\\{character} is not supported")
        return self._member()

    def _member(self) -> Characters:
        """Read what stands after a backslash, in a set or not."""
        character = self._take()
        if character.lower() in _CLASSES:
            return Characters(_CLASSES[character.lower()], negated=character.isupper())
        if match := _CODE.match(self.pattern, self.place - 1):
            self.place = match.end()
            return _one(ord(match[3]) % 32 if match[3] else int(match[1] or match[2], 16))
        return _one(_CONTROLS.get(character, ord(character)))

    def _set(self) -> Characters:
        negated = self._next("^")
        ranges: list[tuple[int, int]] = []
        while not self._next("]"):
            low = self._set_member()
            if not _DASH.match(self.pattern, self.place):
                ranges += low
                continue
            self.place += 1
            high = self._set_member()
            if not _is_one(low) or not _is_one(high):
                ranges += [*low, (0x2D, 0x2D), *high]  # [\d-x] has a - in it
            elif low[0][0] > high[0][0]:
                raise InvalidRegex("a range that goes down")
            else:
                ranges.append((low[0][0], high[0][0]))
        return Characters(tuple(ranges), negated)

    def _set_member(self) -> Ranges:
        character = self._take()
        if character != "\\":
            return ((ord(character), ord(character)),)
        if self._next("b"):
            return ((8, 8),)
        member = self._member()
        return _without(member.ranges) if member.negated else member.ranges

    def _peek(self) -> str:
        if self.place >= len(self.pattern):
            raise InvalidRegex("the expression breaks off")
        return self.pattern[self.place]

    def _take(self) -> str:
        character = self._peek()
        self.place += 1
        return character

    def _next(self, character: str) -> bool:
        if self.pattern[self.place : self.place + 1] != character:
            return False
        self.place += 1
        return True


def _one(code: int) -> Characters:
    return Characters(((code, code),))


def _is_one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _without(ranges: Ranges) -> Ranges:
    """Return what lies between ranges that are in order."""
    starts = [0, *(high + 1 for _, high in ranges)]
    ends = [*(low - 1 for low, _ in ranges), _MOST]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)

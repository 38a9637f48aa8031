"""REGEXMATCH: where a regular expression first matches, in time that grows with the text's length and no faster.

Python's `re` tries one way after another, and (a+)+$ over thirty characters takes it years; an expression, and surely
a text, may come with an event. REGEXMATCH needs only the place, so all ways are followed at once (Thompson 1968, as a
program with threads: Cox, swtch.com/~rsc/regexp/regexp2.html): at a character there is one thread an instruction at
most, and the one with the earliest start stays.

The grammar is regex_parser.py's. As documented it ignores case and knows one line: `.` is any character, ^ and $ are
the text's ends; \\d and \\w are ASCII, as in ECMAScript.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .limits import check_steps
from .regex_parser import Alternatives, Anchor, Chain, Characters, InvalidRegex, Node, Repeat, UnsupportedRegex, parse
from .values import RowError

#: Instructions, since (a{1000}){1000} would be a million; and as many parts to work through for them.
_LARGEST_PROGRAM = 2_000

_CACHED = 256


def regexmatch(text: str, pattern: str) -> int:
    """Return where `pattern` first matches, from 1; 0 if it doesn't, or is no regular expression, as documented.

    Raises `RowError` for an expression that is too large, or of a kind that is not supported.
    """
    program = _program(pattern)
    return 0 if program is None else program.search(text) + 1


@lru_cache(_CACHED)
def _program(pattern: str) -> Program | None:
    try:
        return Program(parse(pattern))
    except UnsupportedRegex as error:
        raise RowError(f"REGEXMATCH: {error}") from None
    except (InvalidRegex, RecursionError):
        return None


@dataclass(frozen=True)
class _Step:
    """Takes a character, then goes on at the next instruction. `ascii` are those of its characters below U+0080."""

    characters: Characters
    ascii: frozenset[str]

    def takes(self, character: str) -> bool:
        return character in self.ascii or (character > "\x7f" and self.characters.has(character))


@lru_cache(_CACHED)
def _step(characters: Characters) -> _Step:
    return _Step(characters, frozenset(filter(characters.has, map(chr, range(128)))))


@dataclass
class _Fork:
    """Goes on at each of these places."""

    to: list[int]


class _End:
    """A match."""


_Instruction = _Step | _Fork | Anchor | _End


class Program:
    """Raises `UnsupportedRegex` for an expression that becomes too large."""

    def __init__(self, node: Node) -> None:
        self._code: list[_Instruction] = []
        self._parts = 0
        self._emit(node)
        self._add(_End())

    def search(self, text: str) -> int:
        """Return the place of the first match, from 0, or -1. Takes time in O(characters * instructions).

        Raises `RowError` for too many of these.
        """
        check_steps(text, len(self._code))
        found = -1
        threads: dict[int, int] = {}  # instruction -> the start of the match that led there, the earliest first
        for place in range(len(text) + 1):
            if found < 0:
                self._follow(0, place, text, place, threads)
            elif not threads:
                break
            character = text[place : place + 1]
            waiting, threads = threads, {}
            for at, start in waiting.items():
                code = self._code[at]
                if type(code) is _Step:
                    if character and code.takes(character):
                        self._follow(at + 1, start, text, place + 1, threads)
                elif type(code) is _End:
                    found = start
                    break  # the threads behind started later
        return found

    def _follow(self, at: int, start: int, text: str, place: int, threads: dict[int, int]) -> None:
        """Enter all instructions that `at` leads to without a character."""
        stack = [at]
        while stack:
            at = stack.pop()
            if at in threads:
                continue
            threads[at] = start
            code = self._code[at]
            if type(code) is _Fork:
                stack += code.to
            elif type(code) is Anchor and _holds(code.kind, text, place):
                stack.append(at + 1)

    def _emit(self, node: Node) -> None:
        self._parts += 1
        if self._parts > _LARGEST_PROGRAM:
            raise UnsupportedRegex("the expression is too large")
        if isinstance(node, Characters):
            self._add(_step(node))
        elif isinstance(node, Anchor):
            self._add(node)
        elif isinstance(node, Chain):
            for part in node.nodes:
                self._emit(part)
        elif isinstance(node, Alternatives):
            self._emit_alternatives(node)
        else:
            self._emit_repeat(node)

    def _emit_alternatives(self, node: Alternatives) -> None:
        fork, ends = self._fork(), []
        for part in node.nodes:
            fork.to.append(len(self._code))
            self._emit(part)
            ends.append(self._fork())
        for end in ends:
            end.to.append(len(self._code))

    def _emit_repeat(self, node: Repeat) -> None:
        for _ in range(node.least):
            self._emit(node.node)
        skips = []
        if node.most is None:
            start = len(self._code)
            skips.append(self._fork(start + 1))
            self._emit(node.node)
            self._fork(start)
        else:
            for _ in range(node.most - node.least):
                skips.append(self._fork(len(self._code) + 1))
                self._emit(node.node)
        for skip in skips:
            skip.to.append(len(self._code))

    def _fork(self, *to: int) -> _Fork:
        fork = _Fork(list(to))
        self._add(fork)
        return fork

    def _add(self, code: _Instruction) -> None:
        self._code.append(code)


def _holds(kind: str, text: str, place: int) -> bool:
    if kind == "^":
        return place == 0
    if kind == "$":
        return place == len(text)
    at_edge = _is_word(text[place - 1 : place]) != _is_word(text[place : place + 1])
    return at_edge == (kind == "b")


def _is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")

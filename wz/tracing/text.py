"""A trace as text for a terminal: a line a span, indented by what it lies within, and below it what it changed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from .spans import Change, Span, Trace, Who
from .waterfall import Row, rows, shares

#: Colours a text by whose time it stands for; None leaves it soft.
Paint = Callable[[str, Who | None], str]

#: What a terminal has if nobody says otherwise; nothing is drawn narrower.
WIDTH = 80

_NUMBERS = "{:>9} {:>9} {:>9}  "
_MARGIN = " " * len(_NUMBERS.format("", "", ""))


def draw(trace: Trace, width: int = WIDTH, paint: Paint = lambda text, who: text) -> str:
    """Return the trace as lines of at most `width` characters, without the colours. Times are microseconds."""
    waterfall = rows(trace)
    lines = [*_head(trace, waterfall), "", _NUMBERS.format("at µs", "took µs", "own µs").rstrip()]
    lines = [cut(line, width) for line in lines]
    for row in waterfall:
        lines += _row(row, max(width, WIDTH), paint)
    return "\n".join([*lines, "", *_shares(waterfall, max(width, WIDTH), paint)])


def draw_change(change: Change) -> str:
    """Return a change as one line: `+ name: value`, `- name: value`, or `~ name: before -> after`."""
    name = change.name or change.kind
    if change.before is None:
        return f"+ {name}: {change.after}"
    return f"- {name}: {change.before}" if change.after is None else f"~ {name}: {change.before} -> {change.after}"


def cut(text: str, width: int) -> str:
    """Return a text as one line of at most `width` characters, in which nothing moves a terminal's cursor."""
    shown = _printable(text)
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _head(trace: Trace, waterfall: list[Row]) -> Iterator[str]:
    whole = sum(row.own for row in waterfall)
    yield f"{trace.method} {trace.path}: {trace.status or 'no answer'}, {_us(whole)} µs"
    if trace.rule:
        yield f"rule    {trace.rule}"
    yield f"trace   {trace.id}, process {trace.process}, thread {trace.thread}"
    if trace.parent:
        yield f"parent  {trace.parent}"


def _row(row: Row, width: int, paint: Paint) -> Iterator[str]:
    numbers = _NUMBERS.format(_us(row.at), _us(row.took), _us(row.own))
    indent = "  " * min(row.depth, 16)
    name = cut(f"{indent}{title(row.span)}", width - len(numbers))
    where = cut(row.span.where, max(0, width - len(numbers) - len(name) - 2))
    yield f"{numbers}{paint(name, row.span.who)}" + (f"  {paint(where, None)}" if len(where) > 1 else "")
    indent = f"{indent}    "
    if row.span.unsure:
        yield _MARGIN + paint(f"{indent}±{_us(row.span.unsure)} µs", None)
    # What the step says of itself is whole, such as why Map was asked; a value is cut.
    for line in textwrap.wrap(_printable(row.span.detail), width - len(_MARGIN) - len(indent), break_on_hyphens=False):
        yield _MARGIN + paint(indent + line, None)
    for change in row.span.changes:
        yield _MARGIN + paint(cut(f"{indent}{draw_change(change)}", width - len(_MARGIN)), None)


def title(span: Span) -> str:
    """Return what a span is called: the kind of its step, and its name if that says more."""
    return span.name if span.name.lower().startswith(span.step) else f"{span.step} {span.name}"


def _shares(waterfall: list[Row], width: int, paint: Paint) -> Iterator[str]:
    whole = sum(row.own for row in waterfall) or 1
    for who, took in shares(waterfall).items():
        bar = "█" * round(took / whole * (width - len(_MARGIN) - 4))
        yield f"{paint(f'{who:<9}', who)} {_us(took):>9} {took / whole:>7.1%}  {paint(bar, who)}".rstrip()


def _us(nanoseconds: int) -> str:
    return f"{round(nanoseconds / 1000):,}"

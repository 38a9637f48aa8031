"""Texts of the code as Markdown, in which only what stands in backticks is code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`+[^`]*`+)")


def prose(text: str) -> str:
    """Return a text whose signs mean nothing outside of backticks: `<` begins no tag, and `*` no emphasis."""
    parts = _CODE.split(text)
    parts[::2] = (re.sub(r"([*<\\\[\]])", r"\\\1", part) for part in parts[::2])
    return "".join(parts)


def cell(text: str) -> str:
    return prose(" ".join(text.split())).replace("|", r"\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, whose cells are Markdown already; empty if it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines, ""]) if lines else ""

"""The query blocks of Microsoft's reference, and what becomes of each; reference_blocks.txt says whose they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).parent / "reference_blocks.txt"
_HEADER = re.compile(r"^=== (\S+) (\d+): (plans|refused|mistaken|fragment)(?:: | with )?(.*)\n", re.MULTILINE)


class Block(NamedTuple):
    """`detail` is the reference data that the block joins if it plans, else words of the error."""

    page: str
    number: int
    verdict: str
    detail: str
    text: str


def blocks() -> list[Block]:
    _, *parts = _HEADER.split(_FILE.read_text())
    fields = [iter(parts)] * 5
    return [Block(page, int(number), verdict, detail, text) for page, number, verdict, detail, text in zip(*fields)]  # noqa: B905

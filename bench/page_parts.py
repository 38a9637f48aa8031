"""Parts of the guide's pages that a program writes, each between two comments that stand in lines of their own:

    <!-- by python -m bench.tour: shares -->
    <!-- end -->

The first says which program, and which of its parts. All else on a page is written by hand, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_PART = re.compile(
    r"^(?P<begin><!-- by python -m (?P<program>[\w.]+): (?P<name>\S+) -->\n)(?:.*?\n)??(?P<end><!-- end -->)$",
    re.DOTALL | re.MULTILINE,
)


def filled(text: str, program: str, parts: Mapping[str, str]) -> str:
    """Return a page with a program's parts as they are to be. Raises `KeyError` for one that there is not."""

    def part(found: re.Match[str]) -> str:
        if found["program"] != program:
            return found[0]
        return f"{found['begin']}\n{parts[found['name']].strip()}\n\n{found['end']}"

    return _PART.sub(part, text)


def named(text: str, program: str) -> Iterator[str]:
    """Yield the names of a program's parts on a page."""
    yield from (found["name"] for found in _PART.finditer(text) if found["program"] == program)

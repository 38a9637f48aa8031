"""The ETag of a member's score, and what a write may ask of it.

A tag is `"UNITS.RANK.COUNT.ORDER.PLACES"`: all that an answer about a member depends on. A write compares the units
alone, in the script that writes: a rank changes whenever another member's score does, which is no conflict with who
changes this one.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from pipeline.boards.answers import Standing
from pipeline.boards.changes import ANY, NONE
from pipeline.boards.scores import to_units
from wz import Request
from wz.conditional import Preconditions, refuse_conditions

CONDITIONS = {
    "If-Match": Annotated[
        str,
        msgspec.Meta(
            description="ETags of the member, or `*` for any score; of a tag only the score counts, not the rank"
        ),
    ],
    "If-None-Match": Annotated[str, msgspec.Meta(description="`*`: only if the member has no score yet")],
}

#: No score's units, so that what asks for it fails.
_NOTHING = "?"

_UNITS = re.compile(r"(-?[0-9]{1,16})\.")


def tag_of(standing: Standing, places: int) -> dict[str, str]:
    """Return the ETag header of an answer about a member, on a board of so many places."""
    units = to_units(standing.score, "score", places)
    return {"ETag": f'"{units}.{standing.rank}.{standing.count}.{standing.order}.{places}"'}


def expected_of(request: Request) -> str:
    """Return what `Board.set` and its like are to expect of the score. Raises a 412 for a tag in If-None-Match."""
    asked = Preconditions.of(request)
    if asked.if_none_match is not None:
        if asked.if_match is not None or not asked.if_none_match.star_tag:
            refuse_conditions(request)
        return NONE
    if asked.if_match is None:
        return ""
    if asked.if_match.star_tag:
        return ANY
    return " ".join(found[1] for tag in asked.if_match.as_set() if (found := _UNITS.match(tag))) or _NOTHING


def refuse_other_conditions(request: Request) -> None:
    """Refuse, as a before hook, conditions on a write that is not of a score."""
    if "segment" in (request.view_args or {}):
        refuse_conditions(request)

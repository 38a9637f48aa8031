"""The parameters in the paths of hubs: their types, the converter of `<hub:...>`, and what a 404 says."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from werkzeug.routing import BaseConverter

from pipeline.hub.description import RESERVED
from pipeline.hub.event import MAX_KEY
from pipeline.hub.log import Hub
from wz import Problem

NO_HUB = "there is no such hub"

_OWN = "|".join(map(re.escape, sorted(RESERVED)))
_ONE_SEGMENT = rf"^(?!({_OWN})$)[^/]+$"

HubName = Annotated[str, msgspec.Meta(description="In any case", examples=["events"])]
GroupName = Annotated[str, msgspec.Meta(description="In any case; every hub has $Default", examples=["$Default"])]
PublisherName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY, examples=["device-1"])]

#: A hub whose path has no other segment.
OneHub = Annotated[str, msgspec.Meta(pattern=_ONE_SEGMENT, description="In any case", examples=["events"])]
NewHub = Annotated[str, msgspec.Meta(pattern=_ONE_SEGMENT, description="In any case", examples=["orders"])]


class HubConverter(BaseConverter):
    """A path segment that is a hub's name: any but those that the service's own paths begin with."""

    regex = rf"(?!(?:{_OWN})\Z)[^/]+"


def partition_number(hub: Hub, text: str) -> int:
    """Return the number of a partition, as it is in a path. Raises a 404 for text that is not one."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        raise Problem(404, f"hub {hub.name!r} has the partitions 0 to {hub.partitions - 1}, not {text!r}")
    return int(text)

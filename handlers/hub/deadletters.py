"""Dead letters: events that the upstream hub refused for good; seen, sent again or dropped, all with Manage."""

from __future__ import annotations

from typing import Annotated

import msgspec

from pipeline.errors import InvalidValue
from pipeline.hub.deadletters import LETTER_ID, DeadLetter, DeadLetters
from pipeline.hub.description import MAX_PARTITIONS
from pipeline.hub.redrive_order import late_letters
from pipeline.hub.rules import Right
from wz import Blueprint, Request
from wz.openapi import operation

from ..auth import protect
from ..services import services
from ..times import json_time
from .parameters import NO_HUB, HubName
from .read import EventDocument, event_document

blueprint = Blueprint("deadletters", url_prefix="/hubs/<hub>/deadletters")
protect(blueprint, hub_paths=True, right=Right.MANAGE)

LetterId = Annotated[str, msgspec.Meta(pattern=f"^{LETTER_ID}$", examples=["0:1714558500000-0"])]
Partition = Annotated[int, msgspec.Meta(ge=0, le=MAX_PARTITIONS - 1)]
Ids = Annotated[list[LetterId], msgspec.Meta(min_length=1, max_length=1000)]

_NOT_THERE = {404: f"{NO_HUB}, or no such partition"}


class LetterPage(msgspec.Struct, forbid_unknown_fields=True):
    partition: Partition | None = None
    after: Annotated[LetterId, msgspec.Meta(description="Begin behind this id")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100


class Letter(msgspec.Struct):
    """`reason` is the upstream hub's answer; `redrives` is how often it was sent again and refused."""

    id: str
    partition: int
    refused_time: str
    reason: str
    redrives: int
    event: EventDocument


class Letters(msgspec.Struct):
    """`next` is the `after` of the next page; null for an empty page that was asked for without `after`."""

    hub: str
    letters: list[Letter]
    next: str | None


class Choice(msgspec.Struct, forbid_unknown_fields=True):
    """Say one of the three: `ids`, a whole `partition`, or `all`."""

    ids: Ids | None = None
    partition: Partition | None = None
    all: bool = False

    def check(self) -> None:
        if [self.ids is not None, self.partition is not None, self.all].count(True) != 1:
            raise InvalidValue("say which dead letters: either ids, or a partition, or all=true", "ids")


class DropChoice(msgspec.Struct, forbid_unknown_fields=True):
    """Say one of the three: `id`, once for each letter, a whole `partition`, or `all`."""

    id: Annotated[list[LetterId], msgspec.Meta(max_length=1000)] = []
    partition: Partition | None = None
    all: bool = False


class LateLetter(msgspec.Struct):
    """It goes upstream behind later events of its key. `behind` is the offset of the last of them; null if that is not
    sure, since not all events in between could be looked at."""

    id: str
    partition_key: str
    behind: str | None


class Redriven(msgspec.Struct):
    """`redriven` letters are sent again, by the offsets of their events. The order of a key is kept, but for `late`."""

    redriven: int
    late: list[LateLetter]


class Dropped(msgspec.Struct):
    dropped: int


@blueprint.get("")
@operation(responses=_NOT_THERE)
def letters(request: Request, hub: HubName, query: LetterPage) -> Letters:
    """Read a page of dead letters, by partition and then by age."""
    found = services(request).hubs[hub]
    page = DeadLetters(found).read(query.partition, query.after, query.limit)
    return Letters(found.name, [_document(letter) for letter in page], page[-1].id if page else query.after)


@blueprint.post("/redrive")
@operation(responses=_NOT_THERE)
def redrive(request: Request, hub: HubName, body: Choice) -> Redriven:
    """Have the relay send dead letters again; each stays until it is sent, and comes back if it is refused."""
    body.check()
    target = services(request).hubs[hub]
    found = DeadLetters(target)
    chosen = found.all(body.partition) if body.ids is None else found.choice(body.ids)
    late = [LateLetter(*one) for one in late_letters(target, chosen)]
    return Redriven(found.redrive_all(body.partition) if body.ids is None else found.redrive(body.ids), late)


@blueprint.delete("")
@operation(responses=_NOT_THERE)
def drop(request: Request, hub: HubName, query: DropChoice) -> Dropped:
    """Delete dead letters for good."""
    Choice(query.id or None, query.partition, query.all).check()
    found = DeadLetters(services(request).hubs[hub])
    return Dropped(found.drop(query.id) if query.id else found.drop_all(query.partition))


def _document(letter: DeadLetter) -> Letter:
    when = json_time(letter.refused_ms)
    return Letter(letter.id, letter.partition, when, letter.reason, letter.redrives, event_document(letter.stored))

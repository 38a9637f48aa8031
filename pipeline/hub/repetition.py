"""What a hub leaves out since it has it already: what a relay repeats, duplicates, and a request that comes again.

    what                                  by what it is recognized           for how long
    an event that a relay sends again     its rule and relay id: `relayed`   always; only the last of each source
    an event with a MessageId             `message_ids`, of its partition    the hub's `duplicate_detection_ms`
    a request with an Idempotency-Key     `idempotency_keys`, of the hub     the hub's `remember_ms`

Each is noted in the same step in which the events are written, so that nothing that dies in between makes a difference.
Nobody's event is left out because of what another has sent: a relay id counts only if its sender has the right
`Right.RELAY`, and then among those of its rule; a key is one of a rule; and MessageIds count only on a hub whose owner
has switched duplicate detection on, for all senders, as in Azure Service Bus.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import PipelineError
from .event import Event

#: The sender of the rows of window jobs. No rule can have this name.
JOBS = "$jobs"


class Recognized(NamedTuple):
    """By what events may be recognized: `relay` is the rule of the relay that sends them, if it is one."""

    relay: str | None = None
    message_ids: bool = False

    def ids(self, event: Event) -> tuple[str, str] | None:
        """Return an event's relay id, with its rule, and its MessageId, each '' if there is none; None without both."""
        relay_id = event.relay_id if self.relay and event.properties else None
        message_id = event.message_id if self.message_ids else None
        return (f"{self.relay}/{relay_id[0]}" if relay_id else "", message_id or "") if relay_id or message_id else None

    def partition_key(self, event: Event) -> str | None:
        """Return what picks the partition of an event without a key, so that it meets its like; None if it has none."""
        if self.message_ids and event.message_id:
            return event.message_id
        relay_id = event.relay_id if self.relay and event.properties else None
        return relay_id[1] if relay_id else None


#: Compared by identity: most sends have nothing by which to recognize them.
ALL_ARE_NEW = Recognized()


def recognized(relay: str | None, detection_ms: int) -> Recognized:
    """Return by what events are recognized of this relay, or, if it is None, of any other sender."""
    return Recognized(relay, detection_ms > 0) if relay or detection_ms else ALL_ARE_NEW


class RequestKey(NamedTuple):
    """What a request that may come again is recognized by.

    `id` is a digest that is unique in the hub, of the rule and the key; `fingerprint` one of all that the request asks
    for. Neither has blanks.
    """

    id: str
    fingerprint: str


class Appended(NamedTuple):
    """What became of events: how many were left out as repetitions; or whether all of them had come before, by the key.

    On a cluster, events of a batch that others have finished meanwhile are not among the former.
    """

    repeated: int = 0
    replayed: bool = False


ALL_STORED = Appended()


class KeyOfAnother(PipelineError):
    """The request has the key of an earlier one, but asks for something else; nothing was stored."""

    def __init__(self) -> None:
        super().__init__("the key belongs to another request: use a new one")

"""What the relay has made of one event: sent, refused for good, or not come to yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..hub.deadletters import DeadLetter, DeadLetters
from ..hub.event import StoredEvent
from ..hub.log import Hub
from ..hub.relay_status import PartitionStatus
from ..hub.sent import Sent, sent
from .readers import Reader


class RelayedState(StrEnum):
    """`past`: the relay is done with it, and when that was is not kept any more, nor a dead letter."""

    SENT = "sent"
    REFUSED = "refused"
    PAST = "past"
    WAITS = "waits"


@dataclass(frozen=True)
class Relayed:
    """`sent` is when it was sent, or refused, if that is still known. `letter` is a refused event's, unless dropped."""

    state: RelayedState
    sent: Sent | None = None
    letter: DeadLetter | None = None


def relayed(hub: Hub, stored: StoredEvent, relay: Reader, status: PartitionStatus) -> Relayed:
    """Return what the relay, which is one of the hub's readers, has made of an event. Some round trips."""
    if not relay.has_passed(stored.partition, stored.sequence_number, stored.offset):
        return Relayed(RelayedState.WAITS)
    if status.relay.deadletters and (letter := DeadLetters(hub).of_event(stored.partition, stored.offset)):
        return Relayed(RelayedState.REFUSED, letter=letter)
    found = sent(hub, stored.partition, stored.offset)
    if found is None:
        return Relayed(RelayedState.PAST)
    return Relayed(RelayedState.SENT if found.to else RelayedState.REFUSED, found)

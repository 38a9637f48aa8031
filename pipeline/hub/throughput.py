"""Throughput units: how much a hub takes per second."""

from __future__ import annotations

from importlib.resources import files

from ..errors import PipelineError
from ..store.scripts import Script
from .stored_hub import StoredHub

_TAKE = Script(files(__package__) / "throughput.lua")


class Throttled(PipelineError):
    """The hub takes no more for now; nothing of the batch was stored. Try again after `seconds`."""

    def __init__(self, hub: str, seconds: float) -> None:
        super().__init__(f"hub {hub!r} has taken what its throughput units allow; try again in {seconds:.1f} s")
        self.seconds = seconds


def take(hub: StoredHub, size: int, events: int) -> None:
    """Subtract `size` bytes and `events` from what a hub may take in a second. Raises `Throttled`.

    A unit is 1 MiB/s or 1,000 events/s, whichever is reached first. Costs one round trip: all partitions share one
    bucket, in a slot of its own, so it does not matter how unevenly keys are spread.

    Redis key: `throughput`; see keys.py.
    """
    wait = _TAKE.call(hub.redis, [hub.keys.throughput], [hub.settings.throughput_units, size, events])
    if wait:
        raise Throttled(hub.name, wait / 1000)

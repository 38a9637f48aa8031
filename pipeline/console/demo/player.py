"""The worker's task that sends the demo's events when they are due."""

from __future__ import annotations

import logging
import time

from ...hub.namespace import UnknownHub
from .demo import NAME, Demo, Progress, State
from .story import end_event, event_of, story

logger = logging.getLogger(__name__)

#: Seconds after which a worker looks again whether there is a demo to be played.
_LOOK = 1.0

#: Events that are sent at once.
_BATCH = 500


class Player:
    """Sends the demo's events, in one worker at a time. While there is no demo, it asks Redis once a second."""

    name = "demo"

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self._plays = False  # whether this worker has the lease
        self._next = 0.0  # time.monotonic()

    def step(self) -> int:
        """Send what is due; return how many events it was if there are more."""
        if time.monotonic() < self._next:
            return 0
        if self._is_to_play():
            self._plays = self.demo.lease.hold()
            # It may have been deleted, and begun anew, before the lease was free.
            if self._plays and (progress := self._is_to_play()):
                return self._play(progress)
        self.stop()
        self._next = time.monotonic() + _LOOK
        return 0

    def stop(self) -> None:
        if self._plays:
            self.demo.lease.release()
            self._plays = False

    def _is_to_play(self) -> Progress | None:
        progress = self.demo.progress()
        return progress if progress is not None and progress.state is State.PLAYS else None

    def _play(self, progress: Progress) -> int:
        first, end = progress.sent, min(self.demo.due(progress), progress.sent + _BATCH)
        told = story()
        try:
            hub = self.demo.hubs[NAME]
            if first < end:
                events = [event_of(number, told[number], progress.begin) for number in range(first, end)]
                hub.append(events, relay=NAME)  # so that the ids in them are looked at
                self.demo.note_sent(end)
            if end == len(told):
                for partition in range(hub.partitions):
                    hub.append([end_event(progress.begin)], partition=partition)
                self.demo.note_end(State.DONE)
        except UnknownHub:
            logger.warning("the demo is stopped: somebody has deleted its hub")
            self.demo.note_end(State.STOPPED)
        return end - first if end - first == _BATCH else 0

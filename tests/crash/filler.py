"""A client that sends so much that a store or a disk is soon full."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict

from wz.live_server import LiveServer

from .. import stack

FILLER = "filler"
SIZE = 100_000  # bytes of an event


class Filler(threading.Thread):
    """Sends large events to the hub `FILLER` until `stop`, each once, with a number of its own.

    `numbers` has those of the events by the status that they were answered with, `texts` what the refusals said.
    """

    def __init__(self, server: LiveServer, stop: threading.Event) -> None:
        super().__init__(name="filler", daemon=True)
        self.server = server
        self.numbers: dict[int, list[int]] = defaultdict(list)
        self.texts: dict[int, set[str]] = defaultdict(set)
        self._stop_event = stop

    def count(self, status: int) -> int:
        return len(self.numbers[status])

    @property
    def answers(self) -> Counter[str]:
        return Counter({str(status): len(numbers) for status, numbers in sorted(self.numbers.items())})

    def run(self) -> None:
        connection = self.server.connect()
        number = 0
        while not self._stop_event.wait(0.01):
            number += 1
            body = json.dumps({"n": number, "filling": "x" * SIZE})
            headers = {"Authorization": stack.token(), "Content-Type": "application/json"}
            connection.request("POST", f"/{FILLER}/messages", body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            self.numbers[answer.status].append(number)
            if answer.status != 201:
                self.texts[answer.status].add(text.partition(" TrackingId:")[0])
                self._stop_event.wait(0.2)
        connection.close()

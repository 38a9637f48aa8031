"""Clients that keep, for each request, what it would do, when, and what they were told."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pipeline.hub.upstream_requests import BATCH_TYPE
from wz.live_server import LiveServer

from .. import stack

BOARD, HUB = "soak", "events"
PAUSE = (0.0, 0.04)  # seconds between two requests of a client
AGAIN = (0.02, 0.2)  # seconds after one that failed
TIMEOUT = 60.0  # seconds; nginx ends a request before


class Outcome(StrEnum):
    """What a client was told of its request."""

    DONE = "done"
    REFUSED = "not done"
    UNKNOWN = "perhaps done"


class Work(StrEnum):
    """The kinds of requests: an event or a batch of them; a reward, with and without an Idempotency-Key; a read."""

    EVENTS = "events"
    REWARD = "reward"
    KEYED = "reward with a key"
    READ = "read"


@dataclass(frozen=True)
class Sent:
    """A request: `names` are the events or members that it would store; `begin` and `end` are monotonic seconds."""

    work: Work
    names: tuple[str, ...]
    begin: float
    end: float
    answer: str  # the status, or the name of the exception
    outcome: Outcome


class Client(threading.Thread):
    """Sends requests of one kind, one after the other, until `stop`.

    Each stores events or a member that no other request stores. A reward with a key is sent again until it is done,
    also after `stop`; others are never sent again.
    """

    def __init__(self, number: int, work: Work, server: LiveServer, seed: int, stop: threading.Event) -> None:
        super().__init__(name=f"{work} {number}", daemon=True)
        self.work = work
        self.sent: list[Sent] = []
        self._names = (f"{number}-{n}" for n in range(10**9))
        self._rnd = random.Random(f"{seed} {number}")
        self._server = server
        self._ending = stop
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        while not self._ending.is_set():
            count = self._rnd.choice([1, 1, 5]) if self.work is Work.EVENTS else 1
            names = tuple(next(self._names) for _ in range(count))
            for outcome in self._tries(names):
                time.sleep(self._rnd.uniform(*(PAUSE if outcome is Outcome.DONE else AGAIN)))
        self._disconnect()

    def _tries(self, names: tuple[str, ...]) -> Iterator[Outcome]:
        while True:
            sent = self._send(names)
            self.sent.append(sent)
            yield sent.outcome
            if self.work is not Work.KEYED or sent.outcome is Outcome.DONE:
                return

    def _send(self, names: tuple[str, ...]) -> Sent:
        method, path, body, headers = self._request(names)
        begin = time.monotonic()
        outcome = Outcome.REFUSED  # until something is sent
        try:
            if self._connection is None:
                self._connection = self._server.connect()
                self._connection.timeout = TIMEOUT
            outcome = Outcome.UNKNOWN
            self._connection.request(method, path, body, {"Authorization": stack.token(), **headers})
            reply = self._connection.getresponse()
            reply.read()
        except (OSError, http.client.HTTPException) as exc:
            self._disconnect()
            return Sent(self.work, names, begin, time.monotonic(), type(exc).__name__, outcome)
        return Sent(self.work, names, begin, time.monotonic(), str(reply.status), outcome_of(reply.status))

    def _request(self, names: tuple[str, ...]) -> tuple[str, str, str | None, dict[str, str]]:
        """Return method, path, body and headers."""
        [name, *more] = names
        if self.work is Work.READ:
            return "GET", f"/boards/{BOARD}/members?order=desc&limit=10", None, {}
        if self.work is not Work.EVENTS:
            key = {"Idempotency-Key": name} if self.work is Work.KEYED else {}
            path = f"/boards/{BOARD}/members/{name}/rewards"
            return "POST", path, '{"reward": 1}', {"Content-Type": "application/json", **key}
        path = f"/{HUB}/messages"
        if more:
            return "POST", path, json.dumps([{"Body": name} for name in names]), {"Content-Type": BATCH_TYPE}
        return "POST", path, name, {"BrokerProperties": json.dumps({"PartitionKey": name})}

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def outcome_of(status: int) -> Outcome:
    """Say what a status tells the client: with 502 and 504, the request may have been carried out, and with 500."""
    if status < 400:
        return Outcome.DONE
    return Outcome.UNKNOWN if status in (500, 502, 504) else Outcome.REFUSED

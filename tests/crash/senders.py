"""Clients that number what they send, send again what was not acknowledged, and remember both.

Every second request has an Idempotency-Key, with which it is stored once however often it is sent.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from pipeline.hub.upstream_requests import BATCH_TYPE
from wz.live_server import LiveServer

from .. import stack

KEYS = 6  # a client; no other has the same, or nobody could say what their order is

PAUSE = (0.0, 0.06)  # seconds between two sends: the relay is to keep up, so that it is killed at work

#: The name of an event: its client's key, or the client's own name if it goes without one; and its number there.
Name = tuple[str, int]


@dataclass
class Notes:
    """What one client knows. `again`: what it had to send more than once without a key, so that it may be there twice.

    `with_key` is how many times it had to send something again with a key.
    """

    acknowledged: list[Name] = field(default_factory=list)
    again: Counter[Name] = field(default_factory=Counter)
    with_key: int = 0
    sends: int = 0
    answers: Counter[str] = field(default_factory=Counter)


class Sender(threading.Thread):
    """Sends events, single ones and batches, one request after the other, until `stop`; then until all are taken."""

    def __init__(self, number: int, server: LiveServer, seed: int, stop: threading.Event) -> None:
        super().__init__(name=f"sender {number}", daemon=True)
        self.server = server
        self.notes = Notes()
        self._rnd = random.Random(f"{seed} {number}")
        self._ending = stop
        self.next = Counter({f"client{number}-{key}": 0 for key in range(KEYS)} | {f"client{number}": 0})
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        while not self._ending.is_set():
            count = self._rnd.choice([1, 1, 1, 5, 20])
            names = [self._take() for _ in range(count)]
            key = f"{self._rnd.getrandbits(64):016x}" if self._rnd.random() < 0.5 else ""
            while not self._post(names, key):
                if key:
                    self.notes.with_key += 1
                else:
                    self.notes.again.update(names)
                time.sleep(self._rnd.uniform(0.02, 0.2))
            self.notes.acknowledged += names
            time.sleep(self._rnd.uniform(*PAUSE))
        self._disconnect()

    def _take(self) -> Name:
        key = self._rnd.choice(list(self.next))
        self.next[key] += 1
        return key, self.next[key] - 1

    def _post(self, names: list[Name], key: str) -> bool:
        """Send events in one request; say whether they were acknowledged."""
        self.notes.sends += 1
        headers = {"Authorization": stack.token(), **({"Idempotency-Key": key} if key else {})}
        if len(names) == 1:
            ((its_key, _),) = names
            body = _body(names[0])
            headers |= {"Content-Type": "application/json"} if self._rnd.random() < 0.5 else {}
            headers |= {"BrokerProperties": json.dumps({"PartitionKey": its_key})} if "-" in its_key else {}
        else:
            items = [{"Body": _body(name), "BrokerProperties": _broker_properties(name)} for name in names]
            body = json.dumps(items)
            headers["Content-Type"] = BATCH_TYPE
        try:
            if self._connection is None:
                self._connection = self.server.connect()
                self._connection.timeout = 10
            self._connection.request("POST", "/events/messages", body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as exc:
            self.notes.answers[type(exc).__name__] += 1
            self._disconnect()
            return False
        self.notes.answers[str(answer.status)] += 1
        return answer.status == 201

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _body(name: Name) -> str:
    return json.dumps(name)


def _broker_properties(name: Name) -> dict[str, str]:
    return {"PartitionKey": name[0]} if "-" in name[0] else {}

"""Clients that follow something: one that waits for a long poll, and one of server-sent events."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from werkzeug.test import TestResponse

from .. import stack
from .conftest import ServiceClient


class Waiting(threading.Thread):
    """A request that is under way; `result` is its answer."""

    def __init__(self, client: ServiceClient, path: str) -> None:
        super().__init__()
        self.client = client
        self.path = path
        self.answer: TestResponse | None = None
        self.start()

    def run(self) -> None:
        self.answer = self.client.get(self.path)

    def result(self) -> Any:
        self.join(stack.PATIENCE)
        assert self.answer is not None
        return self.answer.json


class Tail:
    """A client of server-sent events that reads them one by one."""

    def __init__(self, client: ServiceClient, path: str, **headers: str) -> None:
        self.answer = client.get(path, headers=headers, buffered=False)
        assert (self.answer.status_code, self.answer.mimetype) == (200, "text/event-stream")
        self._lines = self._read()

    def _read(self) -> Iterator[str]:
        rest = ""
        for chunk in self.answer.iter_encoded():
            *lines, rest = (rest + chunk.decode()).split("\n")
            yield from lines

    def next(self) -> tuple[str, dict[str, Any]]:
        """Return the id and the data of the next event."""
        fields = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif "data" in fields:
                return fields["id"], json.loads(fields["data"])
        raise EOFError

    def close(self) -> None:
        self.answer.close()

"""The service as tests speak to it: started from a checkout, with its hubs, jobs and boards. See pytest_plugin.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import quote

from werkzeug.test import TestResponse

from .live_server import LiveServer
from .testing import Client

T = TypeVar("T")

#: Seconds that is waited for rows, events and scores, unless a test says otherwise.
TIMEOUT = 30.0

#: What is started, in a checkout.
PROGRAM = Path("deploy", "ephemeral.py")

_BATCH = "application/vnd.microsoft.servicebus.json"
_INTO = re.compile(r"\bINTO\s+\[?(\w+)\]?", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*")


class ServiceNotFound(Exception):
    """There is no checkout to run the service from, or it does not start there; the message says what to do."""


class RequestFailed(AssertionError):
    """The service did not do what a test asked it for; the message has its answer."""


class Service:
    """The running service. What is made by its methods is gone with the next test."""

    #: The base of all its addresses, http://127.0.0.1:PORT.
    url: str
    #: That of the root rule, for clients that are written for Azure.
    connection_string: str
    #: The value of an Authorization header with all rights.
    authorization: str
    #: The address of its Redis, for those who want to look at that.
    redis_url: str

    def __init__(self, checkout: Path) -> None:
        """Start it. Raises `ServiceNotFound` if that fails."""
        own = checkout / ".venv" / "bin" / "python"
        self._process = subprocess.Popen(
            [str(own) if own.exists() else sys.executable, "-m", "deploy.ephemeral"],
            cwd=checkout,
            env={name: value for name, value in os.environ.items() if not name.startswith(("WZ_", "PYTHONPATH"))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._errors = _Errors(self._process)
        for name, value in self._read().items():
            setattr(self, name, value)

    @cached_property
    def client(self) -> Client:
        """A test client, as an app's: `client.get("/hubs")`. Its requests have all rights."""
        client = Client(LiveServer(self.url))
        client.environ_base["HTTP_AUTHORIZATION"] = self.authorization
        return client

    def hub(self, name: str = "events", partitions: int = 4) -> Hub:
        """Make a hub."""
        description = (
            '<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><EventHubDescription '
            'xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">'
            f"<PartitionCount>{partitions}</PartitionCount></EventHubDescription></content></entry>"
        )
        self.request("PUT", f"/{quote(name, safe='')}", data=description, content_type="application/atom+xml")
        return Hub(self, name, partitions)

    def board(self, name: str = "board") -> Board:
        """Return a board, which is there as soon as it has a member."""
        return Board(self, name)

    def job(
        self,
        name: str,
        query: str,
        inputs: Mapping[str, str | Mapping[str, Any]] | None = None,
        outputs: Mapping[str, Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> Job:
        """Make a window job, which a worker begins within a tenth of a second, with the oldest events of its hubs.

        `inputs` are hubs by the names that the query has for them; by default each hub that there is, by its own.
        `outputs` are those of job.toml; by default all that the query writes to can be read by `Job.rows`. Of `more`,
        `time` and `boards` are what job.toml has.
        """
        if inputs is None:
            inputs = {hub["name"]: hub["name"] for hub in self.request("GET", "/hubs")["hubs"]}
            inputs = {known: hub for known, hub in inputs.items() if re.search(rf"\b{re.escape(known)}\b", query, re.I)}
        names = dict.fromkeys(_INTO.findall(_COMMENT.sub("", query)))
        document = {
            "query": query,
            "inputs": {known: {"hub": hub} if isinstance(hub, str) else dict(hub) for known, hub in inputs.items()},
            "outputs": {known: {"type": "stream"} for known in names} if outputs is None else dict(outputs),
            **more,
        }
        self.request("PUT", f"/jobs/{quote(name, safe='')}", json=document)
        return Job(self, name, tuple(document["outputs"]))

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request as the client does. Returns the JSON of its answer, None without one.

        Raises `RequestFailed` for a status of 400 and above.
        """
        __tracebackhide__ = True  # pytest shows the line of the test alone
        response = self.client.open(path, method=method, **options)
        if response.status_code >= 400:
            raise RequestFailed(f"{method} {path} was answered {response.status}: {_reason(response)}")
        return response.json if response.is_json else None

    def reset(self) -> None:
        """Delete all that there is: hubs, events, boards, jobs and their rows. It takes some milliseconds."""
        self._process.stdin.write("reset\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        self._read()

    def stop(self) -> None:
        """End it and its Redis."""
        self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            self._process.wait()
            raise ServiceNotFound(f"the service ended; its last words:\n{self._errors.last}")
        found: dict[str, Any] = json.loads(line)
        return found


class Hub:
    """A hub of the service."""

    def __init__(self, service: Service, name: str, partitions: int) -> None:
        self.service = service
        self.name = name
        self.partitions = partitions

    def send(self, body: Any, key: str | None = None, **properties: Any) -> None:
        """Send one event: a text or bytes as they are, anything else as JSON. It is stored when this returns."""
        self.send_all([body], key, **properties)

    def send_all(self, bodies: Sequence[Any], key: str | None = None, **properties: Any) -> None:
        """Send events together, all of one key, or without one to one partition."""
        items = []
        for body in bodies:
            is_raw = isinstance(body, (str, bytes))
            data = body if is_raw else json.dumps(body)
            item = (
                {"Body": b64encode(data).decode(), "IsBodyBase64": True} if isinstance(data, bytes) else {"Body": data}
            )
            more = {"BrokerProperties": {"PartitionKey": key}} if key is not None else {}
            items.append({**item, "UserProperties": properties, **more})
        path = f"/{quote(self.name, safe='')}/messages"
        self.service.request("POST", path, data=json.dumps(items), content_type=_BATCH)

    def events(self, count: int = 0, timeout: float = TIMEOUT) -> list[dict[str, Any]]:
        """Return the events of all partitions by time, as `GET /hubs/HUB/partitions/N/events` shows them.

        Waits until there are `count` of them. Raises `TimeoutError`.
        """
        return _until(self._events, lambda found: len(found) >= count, timeout, f"{count} events of {self.name}")

    def _events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for partition in range(self.partitions):
            after = "0"
            path = f"/hubs/{quote(self.name, safe='')}/partitions/{partition}/events"
            while (page := self.service.request("GET", path, query_string={"after": after, "limit": 1000}))["events"]:
                found += page["events"]
                after = page["next"]
        return sorted(found, key=lambda event: str(event["enqueued_time"]))


class Board:
    """A board of the service."""

    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name
        self._path = f"/boards/{quote(name, safe='')}"

    def set(self, member: str, score: float | str) -> None:
        """Give a member a score."""
        self.service.request("PUT", f"{self._path}/members/{quote(member, safe='')}", json={"score": score})

    def standing(self, member: str, timeout: float = TIMEOUT) -> dict[str, Any]:
        """Return a member's rank, score and sums, as soon as the board has the member. Raises `TimeoutError`."""

        def look() -> dict[str, Any] | None:
            response = self.service.client.get(f"{self._path}/members/{quote(member, safe='')}")
            if response.status_code == 404:
                return None
            if response.status_code != 200:
                raise RequestFailed(f"{response.status}: {response.text}")
            found: dict[str, Any] = response.json  # type: ignore[assignment]
            return found

        found = _until(look, lambda found: found is not None, timeout, f"the member {member!r} of {self.name}")
        assert found is not None
        return found


class Job:
    """A window job of the service, and the outputs that can be read."""

    def __init__(self, service: Service, name: str, outputs: Sequence[str]) -> None:
        self.service = service
        self.name = name
        self.outputs = outputs

    def rows(self, output: str | None = None, count: int = 1, timeout: float = TIMEOUT) -> list[dict[str, Any]]:
        """Return the rows of an output, the query's first one by default, as soon as there are `count`, or more.

        Raises `TimeoutError`, with the faults of the job.
        """
        __tracebackhide__ = True
        name = output or self.outputs[0]
        try:
            return _until(
                lambda: self._rows(name), lambda found: len(found) >= count, timeout, f"{count} rows of {name}"
            )
        except TimeoutError as exc:
            faults = self.service.request("GET", f"/jobs/{quote(self.name, safe='')}/faults")["faults"]
            found = [fault for fault in faults if fault["count"]]
            raise TimeoutError(f"{exc}; faults of the job: {json.dumps(found) if found else 'none'}") from None

    def _rows(self, output: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = "0"
        while True:
            response = self.service.client.get(f"/outputs/{output}", query_string={"after": after, "limit": 1000})
            if response.status_code == 404:  # no worker has begun the job yet
                return found
            page: Any = response.json
            if not page["rows"]:
                return found
            found += [one["row"] for one in page["rows"]]
            after = page["next"]


def _reason(response: TestResponse) -> str:
    """Return the detail of a problem document with its line breaks, such as the place in a query; else the body."""
    problem = response.get_json(silent=True) if response.mimetype == "application/problem+json" else None
    return str(problem["detail"]) if isinstance(problem, dict) and "detail" in problem else response.text


def _until(look: Callable[[], T], is_it: Callable[[T], bool], timeout: float, what: str) -> T:
    deadline = time.monotonic() + timeout
    while not is_it(found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} have not come within {timeout:g} s: {found!r}")
        time.sleep(0.02)
    return found


class _Errors:
    """Reads what a process prints on standard error, so that it never waits for a reader; keeps the end of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: deque[str] = deque(maxlen=20)
        self._thread = Thread(target=lambda: self._lines.extend(process.stderr or ()), daemon=True)
        self._thread.start()

    @property
    def last(self) -> str:
        self._thread.join(1.0)
        return "".join(self._lines)

"""Sends events to a hub by HTTP, in order, and keeps account of what was acknowledged."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice
from urllib.parse import quote

from ..store.pace import RECEIVER_WAIT, Pace
from ..units import counted
from .event import StoredEvent
from .rest_client import NotNow, RestClient
from .upstream_requests import Outgoing, UpstreamRequest, upstream_requests


class RestSender:
    """Sends to one hub. The `sequence_number` of an event is the line of the file that it is from.

    A request that may succeed later is sent again, for up to `patience` seconds, with the same `Idempotency-Key`, by
    which this service stores its events once. Azure does not know that header: there, events whose request has had no
    answer may be stored twice, and `account` says how many.
    """

    def __init__(self, client: RestClient, hub: str, patience: float, most: int | None = None) -> None:
        """`most` is how many events a request may have; None: as many as fit into 1 MiB."""
        self._client = client
        self._hub = hub
        self._patience = patience
        self._most = most
        self.acknowledged = 0
        self.last_line = 0
        self._in_doubt = 0
        self._open: UpstreamRequest | None = None
        self._may_be_stored = False

    def send(self, events: Iterable[StoredEvent], progress: Callable[[], None] = lambda: None) -> None:
        """Send events to the last one. Raises `Refused`, or `NotNow` when patience ends; then no later one was sent."""
        for request in self._requests(iter(events)):
            self._open = request
            self._send(request)
            self._open = None
            self.acknowledged += len(request.events)
            self.last_line = request.events[-1].stored.sequence_number
            progress()

    @property
    def account(self) -> str:
        """What was acknowledged so far, and what is not known, in lines."""
        text = f"{counted(self.acknowledged, 'event')} acknowledged"
        if self._in_doubt:
            text += f", {self._in_doubt:,} of them sent again after no answer, and perhaps stored twice"
        if self._open is not None:
            lines = [one.stored.sequence_number for one in self._open.events]
            which = f"line {lines[0]:,}" if len(lines) == 1 else f"lines {lines[0]:,} to {lines[-1]:,}"
            state = "perhaps stored" if self._may_be_stored else "not stored"
            text += f"; not acknowledged: {len(lines):,}, of {which}, {state}; nothing after them was sent"
        return text

    @property
    def resume_after(self) -> int | None:
        """The line after which to go on; None if all that was begun is acknowledged."""
        return None if self._open is None else self._open.events[0].stored.sequence_number - 1

    def _requests(self, events: Iterator[StoredEvent]) -> Iterator[UpstreamRequest]:
        while (first := next(events, None)) is not None:
            some = chain([first], events if self._most is None else islice(events, self._most - 1))
            # An event with a content type is sent alone: as an item of a batch it would lose it.
            for is_plain, run in groupby(some, lambda stored: stored.event.content_type is None):
                outgoing = (Outgoing(stored, stored.event) for stored in run)
                yield from upstream_requests(outgoing, any_key=is_plain and not self._client.is_azure)

    def _send(self, request: UpstreamRequest) -> None:
        pace, end = Pace(), time.monotonic() + self._patience
        self._may_be_stored = False
        headers = dict(request.headers)
        if not self._client.is_azure:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        while True:
            try:
                self._client.post(f"{quote(self._hub)}/{request.path}", request.body, headers)
            except NotNow as exc:
                self._may_be_stored |= exc.may_be_done
                wait = max(exc.wait, pace.failed(RECEIVER_WAIT))
                if time.monotonic() + wait > end:
                    raise
                time.sleep(wait)
            else:
                if self._may_be_stored and self._client.is_azure:
                    self._in_doubt += len(request.events)
                return

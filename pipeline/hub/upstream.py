"""The Event Hub behind this one: signed REST sends over kept-alive connections."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import urllib3

from ..errors import PipelineError
from .connection_string import ConnectionString
from .log import Event
from .sas import sign

BATCH_TYPE = "application/vnd.microsoft.servicebus.json"

#: Seconds that a token lives; it is renewed when a quarter is left.
TOKEN_LIFETIME = 3600

#: What the service says may never succeed, however often it is sent.
_NEVER = frozenset({400, 404, 410, 413})
_THROTTLED = re.compile(rb"\b50002\b|ServerBusy", re.IGNORECASE)
_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)


class UpstreamRefused(PipelineError):
    """The upstream hub will never take this event; the message holds the start of its answer."""


class UpstreamUnavailable(PipelineError):
    """The event may be taken later. After a timeout it may even have been taken: sending again can double it."""

    def __init__(self, message: str, wait: float = 1.0) -> None:
        super().__init__(message)
        self.wait = wait  # seconds, at least, before the next try


class Upstream:
    """A namespace that takes events. One is shared by all threads of a process; certificates are checked."""

    def __init__(self, target: ConnectionString) -> None:
        self.target = target
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=_TIMEOUT)
        self._token = ""
        self._renew_at = 0.0

    def send(self, hub: str, event: Event) -> None:
        """Send one event, with the content type that it came with. User properties are not carried.

        Raises `UpstreamRefused` or `UpstreamUnavailable`.
        """
        headers = {"Content-Type": event.content_type or "application/octet-stream"}
        if event.partition_key is not None:
            headers["BrokerProperties"] = json.dumps({"PartitionKey": event.partition_key})  # ASCII, as headers are
        self._post(hub, event.body, headers)

    def send_batch(self, hub: str, events: Sequence[Event]) -> None:
        """Send events in one request, with their user properties. Content types are not carried. Raises as `send`."""
        self._post(hub, msgspec.json.encode([_item(event) for event in events]), {"Content-Type": BATCH_TYPE})

    def _post(self, hub: str, body: bytes, headers: dict[str, str]) -> None:
        url = f"{self.target.url}/{self.target.hub or hub}/messages?timeout=60&api-version=2014-01"
        try:
            response = self._pool.request(
                "POST", url, body=body, headers={**headers, "Authorization": self._authorization()}
            )
        except urllib3.exceptions.HTTPError as exc:
            raise UpstreamUnavailable(f"{self.target.host} does not answer: {exc}") from exc

        if response.status in (200, 201):
            return
        answer = f"{self.target.host} answered {response.status}: {response.data[:300].decode(errors='replace')}"
        if response.status == 401:
            self._renew_at = 0.0  # an expired token and a rotated key look alike; sign again before the next try
        throttled = response.status in (429, 503) or _THROTTLED.search(response.data)
        if response.status in _NEVER and not throttled:
            raise UpstreamRefused(answer)
        # ServerBusy asks for at least 4 s (Microsoft's SDKs wait that long), its text for 10.
        raise UpstreamUnavailable(answer, wait=4.0 if throttled else 1.0)

    def _authorization(self) -> str:
        now = time.time()
        if now >= self._renew_at:
            self._token = sign(f"{self.target.url}/", self.target.key_name, self.target.key, int(now) + TOKEN_LIFETIME)
            self._renew_at = now + TOKEN_LIFETIME * 0.75
        return self._token


def fits_batch(event: Event) -> bool:
    """Say whether the event should go in a batch, which has no content type of its own for it.

    A body that is no text goes alone, too, unless it has user properties, which only a batch carries: then as
    base64, which the service takes but its reference does not mention.
    """
    return event.content_type is None and (bool(event.properties) or _text(event.body) is not None)


def _item(event: Event) -> dict[str, Any]:
    text = _text(event.body)
    item: dict[str, Any] = (
        {"Body": base64.b64encode(event.body).decode(), "IsBodyBase64": True} if text is None else {"Body": text}
    )
    if event.properties:
        item["UserProperties"] = event.properties
    if event.partition_key is not None:
        item["BrokerProperties"] = {"PartitionKey": event.partition_key}
    return item


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None

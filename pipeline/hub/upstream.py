"""The Event Hub behind this one: signed REST sends over kept-alive connections."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path

import urllib3
from urllib3.exceptions import HTTPError

from ..connection_string import ConnectionString
from ..errors import PipelineError
from ..store.pace import RECEIVER_WAIT
from .authorization import Authorization, SignatureExpired
from .hops import RING
from .proxy import pool, proxy_for
from .upstream_answers import DEFAULTS, ONE_OF_MANY, Action, is_busy, seconds_to_wait
from .upstream_requests import UpstreamRequest

#: Bytes of an answer that are kept as the reason.
_ANSWER = 1000

# The query tells the service when to give up, which is earlier: so the answer comes from it, which knows what it did.
_QUERY = "timeout=20&api-version=2014-01"


class UpstreamRefused(PipelineError):
    """The request is not to be sent again; the message has the start of the upstream hub's answer.

    `may_be_one`: a single event of the batch may have caused it. `is_dropped`: its events are not kept either. `ring`
    is the ring of hubs in which they have come back, or "".
    """

    def __init__(self, message: str, status: int, *, is_dropped: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.may_be_one = status in ONE_OF_MANY
        self.is_dropped = is_dropped
        found = RING.search(message)
        self.ring = found[0] if found else ""


class UpstreamUnavailable(PipelineError):
    """The events may be taken later. After a time-out they may have been taken: sending them again may double them."""

    def __init__(self, message: str, wait: float = RECEIVER_WAIT) -> None:
        super().__init__(message)
        self.wait = wait  # the least number of seconds before the next try


class Upstream:
    """A namespace that takes events. All threads of a process share one.

    `name` is the hub there, for all that are sent; without one it is the connection string's, or that of the hub here.
    `answers` are the statuses that are not waited for. Certificates are checked, against the system's authorities or
    those in the PEM file `ca`. Raises `InvalidSetting` for a proxy that can't be one: see proxy.py.
    """

    def __init__(
        self,
        target: ConnectionString,
        ca: Path | None = None,
        *,
        name: str = "",
        answers: Mapping[int, Action] = DEFAULTS,
    ) -> None:
        self.target = target
        self.name = name or target.hub
        self.answers = answers
        self.proxy = proxy_for(target.url)
        self._pool = pool(self.proxy, ca)
        self._authorization = Authorization(target, self.name)

    def hub(self, hub: str) -> str:
        """Return the name there of `hub`."""
        return self.name or hub

    def address(self, hub: str) -> str:
        """Return where events of `hub` are sent, HOST/HUB."""
        return f"{self.target.host}/{self.hub(hub)}"

    def send(self, hub: str, request: UpstreamRequest) -> None:
        """Send one request to what `hub` is there.

        A 401 is answered with a new token, once, since an expired token and a rotated key have the same status. Raises
        `UpstreamRefused` or `UpstreamUnavailable`.
        """
        url = f"{self.target.url}/{self.hub(hub)}/{request.path}?{_QUERY}"
        response = self._post(url, request)
        if response.status == 401 and self._authorization.renew():
            response = self._post(url, request)
        if response.status not in (200, 201):
            raise self._refusal(response)

    def _post(self, url: str, request: UpstreamRequest) -> urllib3.BaseHTTPResponse:
        try:
            headers = {**request.headers, "Authorization": self._authorization.header()}
            return self._pool.request("POST", url, body=request.body, headers=headers, redirect=False)
        except SignatureExpired as exc:
            raise UpstreamUnavailable(str(exc)) from exc
        except HTTPError as exc:
            by = f" by the proxy {self.proxy.url}" if self.proxy else ""
            raise UpstreamUnavailable(f"{self.target.host} does not answer{by}: {exc}") from exc

    def _refusal(self, response: urllib3.BaseHTTPResponse) -> UpstreamRefused | UpstreamUnavailable:
        text = html.unescape(response.data[:_ANSWER].decode(errors="replace"))
        answer = f"{self.target.host} answered {response.status}: {text}"
        action = self.answers.get(response.status, Action.WAIT)
        if action is Action.WAIT or is_busy(response.status, response.data):
            return UpstreamUnavailable(answer, seconds_to_wait(response))
        return UpstreamRefused(answer, response.status, is_dropped=action is Action.DROP)

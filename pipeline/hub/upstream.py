"""The Event Hub behind this one: signed REST sends over kept-alive connections."""

from __future__ import annotations

import re
from pathlib import Path

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader

from ..connection_string import ConnectionString
from ..errors import PipelineError
from ..store.clock import machine_time
from ..store.pace import RECEIVER_WAIT
from .sas import sign
from .upstream_requests import UpstreamRequest

#: Seconds that a token lives; it is renewed when a quarter is left.
TOKEN_LIFETIME = 3600

#: Seconds that the service asks its clients to wait when it is busy, at least. Its text says 10.
BUSY_WAIT = 4.0

#: The longest Retry-After, in seconds, that is obeyed.
MAX_RETRY_AFTER = 600.0

#: Statuses of requests that would fail however often they were sent. 414 and 431, for a path or a header that is too
#: long, are caused by the event, as 413 is.
_NEVER = frozenset({400, 404, 410, 413, 414, 431})

#: Those of them that a single event of a batch may have caused.
_ONE_OF_MANY = frozenset({400, 413})

_BUSY = re.compile(rb"\b50002\b|Server ?Busy|is being throttled", re.IGNORECASE)

# The query tells the service when to give up, which is earlier: so the answer comes from it, which knows what it did.
_QUERY = "timeout=20&api-version=2014-01"
TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)


class UpstreamRefused(PipelineError):
    """The upstream hub will never take this request; the message has the start of its answer.

    `may_be_one`: a single event of the batch may have caused it.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        self.may_be_one = status in _ONE_OF_MANY


class UpstreamUnavailable(PipelineError):
    """The events may be taken later. After a time-out they may have been taken: sending them again may double them."""

    def __init__(self, message: str, wait: float = RECEIVER_WAIT) -> None:
        super().__init__(message)
        self.wait = wait  # the least number of seconds before the next try


class Upstream:
    """A namespace that takes events. All threads of a process share one.

    Certificates are checked, against the system's authorities or those in the PEM file `ca`.
    """

    def __init__(self, target: ConnectionString, ca: Path | None = None) -> None:
        self.target = target
        self._pool = urllib3.PoolManager(
            maxsize=64, retries=False, timeout=TIMEOUT, cert_reqs="CERT_REQUIRED", ca_certs=str(ca) if ca else None
        )
        self._token = ""
        self._renew_at = 0.0

    def address(self, hub: str) -> str:
        """Return where events of `hub` are sent, HOST/HUB; a connection string may name another hub."""
        return f"{self.target.host}/{self.target.hub or hub}"

    def send(self, hub: str, request: UpstreamRequest) -> None:
        """Send one request to `hub`, or to the hub that the connection string names.

        A 401 is answered with a new token, once. Raises `UpstreamRefused` or `UpstreamUnavailable`.
        """
        url = f"{self.target.url}/{self.target.hub or hub}/{request.path}?{_QUERY}"
        response = self._post(url, request)
        if response.status == 401:
            self._renew_at = 0.0  # an expired token and a rotated key give the same status
            response = self._post(url, request)
        if response.status not in (200, 201):
            raise self._refusal(response)

    def _post(self, url: str, request: UpstreamRequest) -> urllib3.BaseHTTPResponse:
        headers = {**request.headers, "Authorization": self._authorization()}
        try:
            return self._pool.request("POST", url, body=request.body, headers=headers, redirect=False)
        except HTTPError as exc:
            raise UpstreamUnavailable(f"{self.target.host} does not answer: {exc}") from exc

    def _refusal(self, response: urllib3.BaseHTTPResponse) -> UpstreamRefused | UpstreamUnavailable:
        text = response.data[:300].decode(errors="replace")
        answer = f"{self.target.host} answered {response.status}: {text}"
        busy = response.status == 429 or _BUSY.search(response.data)
        if response.status in _NEVER and not busy:
            return UpstreamRefused(answer, response.status)
        asked = retry_after(response)
        if busy or (response.status == 503 and not asked):
            return UpstreamUnavailable(answer, max(BUSY_WAIT, asked))
        return UpstreamUnavailable(answer, max(RECEIVER_WAIT, asked))

    def _authorization(self) -> str:
        now = machine_time()
        if now >= self._renew_at:
            self._token = sign(f"{self.target.url}/", self.target.key_name, self.target.key, int(now) + TOKEN_LIFETIME)
            self._renew_at = now + TOKEN_LIFETIME * 0.75
        return self._token


def retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """Return the header's seconds, which may be given as a date; 0 without the header."""
    try:
        return min(urllib3.Retry().parse_retry_after(response.headers.get("Retry-After", "0")), MAX_RETRY_AFTER)
    except InvalidHeader:
        return 0.0

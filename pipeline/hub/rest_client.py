"""A client of a namespace: this service's or Azure's, by HTTP with a connection string alone, from wherever one is."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from ..connection_string import ConnectionString
from ..errors import PipelineError
from ..store.clock import machine_time
from .sas import sign
from .upstream import TOKEN_LIFETIME
from .upstream_answers import retry_after

#: Seconds to connect, and for an answer: a long poll takes up to 20.
_TIMEOUT = urllib3.Timeout(connect=5.0, read=40.0)

#: Statuses after which the same request may succeed.
_LATER = frozenset({408, 429, 500, 502, 503, 504})

#: Those that say that nothing was done.
_NOTHING_DONE = frozenset({429, 503})

_DETAIL = re.compile(r"<Detail>(.*?)</Detail>", re.DOTALL)


class Refused(PipelineError):
    """The request will not succeed however often it is sent. The message has what the namespace said."""


class NotNow(PipelineError):
    """The request may succeed later, after `wait` seconds at least. `may_be_done`: it may have succeeded, unheard."""

    def __init__(self, message: str, may_be_done: bool, wait: float = 0.0) -> None:
        super().__init__(message)
        self.may_be_done = may_be_done
        self.wait = wait


class RestClient:
    """Sends requests with tokens that it makes itself.

    Certificates are checked, against the system's authorities or those in the PEM file `ca`.
    """

    def __init__(self, target: ConnectionString, ca: Path | None = None) -> None:
        self.target = target
        self._pool = urllib3.PoolManager(
            retries=False, timeout=_TIMEOUT, cert_reqs="CERT_REQUIRED", ca_certs=str(ca) if ca else None
        )
        self._token = ""
        self._renew_at = 0.0

    @property
    def is_azure(self) -> bool:
        """Whether it is a namespace in one of Azure's clouds, by its host's name."""
        return ".servicebus." in self.target.host

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a request that is answered 200 or 201. Raises `Refused` or `NotNow`."""
        self._request("POST", path, body, headers)

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON of an answer. Raises `Refused` or `NotNow`."""
        data = self._request("GET", f"{path}?{urlencode(query)}" if query else path).data
        try:
            return msgspec.json.decode(data)
        except ValueError as exc:
            raise Refused(f"{self.target.host} answered what is not JSON: is it this service?") from exc

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        host = self.target.host
        try:
            response = self._pool.request(
                method,
                f"{self.target.url}/{path}",
                body=body,
                headers={**(headers or {}), "Authorization": self._authorization()},
                redirect=False,
            )
        except HTTPError as exc:
            raise NotNow(f"{host} does not answer: {exc}", may_be_done=not isinstance(exc, _NOT_SENT)) from exc
        if response.status in (200, 201):
            return response
        answer = f"{host} answered {response.status}: {_said(response)}"
        if response.status in _LATER:
            raise NotNow(answer, response.status not in _NOTHING_DONE, retry_after(response))
        raise Refused(answer)

    def _authorization(self) -> str:
        now = machine_time()
        if now >= self._renew_at:
            resource = f"{self.target.url}/{quote(self.target.hub or '')}"
            self._token = sign(resource, self.target.key_name, self.target.key, int(now) + TOKEN_LIFETIME)
            self._renew_at = now + TOKEN_LIFETIME * 0.75
        return self._token


#: Errors before anything was sent.
_NOT_SENT = (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError)


def _said(response: urllib3.BaseHTTPResponse) -> str:
    """Return what an answer says, in one line: the detail of a problem document or of the dialect's XML."""
    text = response.data.decode(errors="replace")
    if match := _DETAIL.search(text):
        text = html.unescape(match[1])
    elif "json" in response.headers.get("Content-Type", ""):
        with suppress(ValueError, AttributeError):  # a proxy's
            text = str(msgspec.json.decode(response.data).get("detail", text))
    return " ".join(text[:500].split())

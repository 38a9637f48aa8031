"""A client of a namespace: this service's or Azure's, by HTTP with a connection string alone, from wherever one is."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from ..connection_string import ConnectionString
from ..errors import PipelineError
from .authorization import Authorization, SignatureExpired
from .proxy import pool, proxy_for
from .upstream_answers import retry_after

#: Statuses after which the same request may succeed.
_LATER = frozenset({408, 429, 500, 502, 503, 504})

#: Those that say that nothing was done.
_NOTHING_DONE = frozenset({429, 503})

#: Errors before anything was sent.
_NOT_SENT = (ConnectTimeoutError, NewConnectionError)

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

    Certificates are checked, against the system's authorities or those in the PEM file `ca`. Raises `InvalidSetting`
    for a proxy that can't be one: see proxy.py.
    """

    def __init__(self, target: ConnectionString, ca: Path | None = None) -> None:
        self.target = target
        self._pool = pool(proxy_for(target.url), ca)
        self._authorization = Authorization(target, target.hub)

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
        except (ValueError, RecursionError) as exc:
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
                headers={**(headers or {}), "Authorization": self._authorization.header()},
                redirect=False,
            )
        except SignatureExpired as exc:
            raise Refused(str(exc)) from exc
        except HTTPError as exc:
            raise NotNow(f"{host} does not answer: {exc}", may_be_done=not isinstance(exc, _NOT_SENT)) from exc
        if response.status in (200, 201):
            return response
        answer = f"{host} answered {response.status}: {_said(response)}"
        if response.status in _LATER:
            raise NotNow(answer, response.status not in _NOTHING_DONE, retry_after(response))
        raise Refused(answer)


def _said(response: urllib3.BaseHTTPResponse) -> str:
    """Return what an answer says, in one line: the detail of a problem document or of the dialect's XML."""
    text = response.data.decode(errors="replace")
    if match := _DETAIL.search(text):
        text = html.unescape(match[1])
    elif "json" in response.headers.get("Content-Type", ""):
        with suppress(ValueError, RecursionError, AttributeError):  # a proxy's
            text = str(msgspec.json.decode(response.data).get("detail", text))
    return " ".join(text[:500].split())

"""Sends rows to an HTTP endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from ....errors import InvalidValue
from ....hub.proxy import TIMEOUT
from ....hub.upstream_answers import retry_after
from .outbox import Batch, Receiver, Refused, Unavailable
from .stream import StoredRow

#: Statuses, apart from 5xx, after which the request is tried again: Request Timeout, Too Early, Too Many Requests.
_LATER = frozenset({408, 425, 429})

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")

#: Headers that are set for each batch, or that belong to the connection.
_OURS = frozenset({"connection", "content-length", "content-type", "host", "idempotency-key", "transfer-encoding"})

_ANSWER = 300  # the most characters of an answer that an error shows


class WebhookReceiver(Receiver):
    """Posts batches of rows: a JSON array of records of `id`, `window_end` and `row`, as in the pages of an output.

    A batch is sent at least once: after a timeout or a crash it is sent again, with the same rows and the same
    `Idempotency-Key`. A 2xx answer means that it is taken. After 408, 425, 429, 5xx, or without an answer, it is tried
    again, after Retry-After if the answer has it. Any other answer stops the delivery. Redirects are not followed.
    Certificates are checked against the system's authorities.
    """

    most_rows = 500

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, ca: str | None = None) -> None:
        """`ca` is a PEM file of authorities to use instead of the system's. Raises `InvalidValue`."""
        _check(url, headers or {})
        self.url = url
        self.host = parse_url(url).netloc
        self.headers = {"User-Agent": "wz", **(headers or {}), "Content-Type": "application/json"}
        self._pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT, cert_reqs="CERT_REQUIRED", ca_certs=ca)

    def send(self, batch: Batch) -> str:
        """Post the batch. The mark says nothing here: the endpoint has to recognise a batch by its id."""
        body = msgspec.json.encode([StoredRow(row.id, row.window_end, msgspec.Raw(row.json)) for row in batch.rows])
        try:
            response = self._pool.request(
                "POST",
                self.url,
                body=body,
                headers={**self.headers, "Idempotency-Key": batch.id},
                redirect=False,
                preload_content=False,
            )
            text = response.read(_ANSWER * 4).decode(errors="replace")[:_ANSWER]
            if response.read(1):  # the rest is not wanted
                response.close()
            response.release_conn()
        except HTTPError as exc:
            raise Unavailable(f"{self.host} does not answer: {exc}") from exc
        answer = f"{self.host} answered {response.status}: {text}"
        if response.status in _LATER or response.status >= 500:
            raise Unavailable(answer, max(1.0, retry_after(response)))
        if not 200 <= response.status < 300:
            raise Refused(answer)
        return batch.mark


def _check(url: str, headers: Mapping[str, str]) -> None:
    try:
        parsed = parse_url(url)
    except HTTPError as exc:
        raise InvalidValue("the url is not one that can be read", "url") from exc  # it may have a key in it
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.auth or parsed.fragment:
        raise InvalidValue("the url must be http:// or https:// with a host, without a user or a fragment", "url")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidValue(f"the header {name!r} can't be sent: its value must be printable ASCII", "headers")
        if name.lower() in _OURS:
            raise InvalidValue(f"the header {name!r} is set by the delivery itself", "headers")

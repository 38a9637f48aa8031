"""`Idempotency-Key`: a POST that is sent again is not carried out again (draft-ietf-httpapi-idempotency-key-header-07).

    answers = MemoryAnswers()           # of one process; a service of several has a store that they share

    @app.post("/payments")
    @idempotent(answers, required=True)
    def pay(body: Payment) -> tuple[Receipt, int]: ...

    a key that comes for the first time       the view is called, and its answer is kept
    again, with the same request              the kept answer, with `Idempotent-Replayed: true`
    again, with another request               422; query string and body count
    again, before there is an answer          409
    no key where one is required              400

A key is one of a method and a path: the same text elsewhere is another key.

What is known decides what is said. Before the view is called the key is marked as begun; its answer takes the mark's
place. A 4xx changed nothing, so it is forgotten, and the key may be used again. After a 5xx, or if the process ends
between the two, nobody knows whether the request was carried out: the mark stays as long as an answer would, the view
is not called again, and the 409 says that somebody has to look. A view that can do better, since its own store
remembers what it did together with doing it, has no need of this file.
"""

from __future__ import annotations

import functools
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol, TypeVar, cast

import msgspec
from werkzeug.http import unquote_header_value
from werkzeug.wrappers import Response as WerkzeugResponse

from .aio import synchronous
from .context import after_this_request, require_request
from .documented import documented
from .errors import Problem
from .http import Request, Response

F = TypeVar("F", bound=Callable[..., Any])

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"

#: Characters of a key; and the keys without quotes, for the OpenAPI document.
LONGEST = 255
PATTERN = "^[!#-~]+$"

#: Seconds for which a mark without an answer may be that of a request that is being carried out.
PATIENCE = 60.0

#: Headers that belong to one answer and not to its repetition.
_OWN = ("date", "set-cookie")


class Answers(Protocol):
    """Where answers are kept, by key, for a time of its own. All processes of a service must see the same."""

    def begin(self, key: str, mark: bytes) -> bytes | None:
        """Keep `mark` if there is nothing under the key, in one step; else return what there is."""

    def keep(self, key: str, answer: bytes) -> None:
        """Put the answer into the place of the mark; the time goes on from then."""

    def forget(self, key: str) -> None:
        """Remove what is under the key."""


class MemoryAnswers(Answers):
    """The answers of one process, for `seconds`; of more than `most`, the oldest go."""

    def __init__(self, seconds: float = 86_400, most: int = 10_000) -> None:
        self.seconds = seconds
        self.most = most
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, key: str, mark: bytes) -> bytes | None:
        with self._lock:
            ended = time.monotonic() - self.seconds
            while self._kept and next(iter(self._kept.values()))[0] <= ended:
                self._kept.popitem(last=False)
            if key in self._kept:
                return self._kept[key][1]
            self._put(key, mark)
            return None

    def keep(self, key: str, answer: bytes) -> None:
        with self._lock:
            self._put(key, answer)

    def forget(self, key: str) -> None:
        with self._lock:
            self._kept.pop(key, None)

    def _put(self, key: str, value: bytes) -> None:
        self._kept[key] = time.monotonic(), value
        self._kept.move_to_end(key)
        if len(self._kept) > self.most:
            self._kept.popitem(last=False)


class _Record(msgspec.Struct, array_like=True):
    """What is kept under a key: a mark, until `status` and what follows it are there. `begun` is Unix time."""

    fingerprint: bytes
    begun: float
    owner: str
    status: int = 0
    headers: list[tuple[str, str]] = []
    body: bytes = b""


def idempotent(
    answers: Answers | Callable[[Request], Answers],
    *,
    required: bool = False,
    is_undone: Callable[[WerkzeugResponse], bool] = lambda response: 400 <= response.status_code < 500,
) -> Callable[[F], F]:
    """Carry a view out once for each Idempotency-Key.

    `answers` may be a function of the request. `is_undone` says of an answer whether it is sure that nothing was
    changed. The typed arguments of the view are read first: what is wrong with them is told without using up the key.
    An answer that can't be kept, since it is streamed or the store fails, is sent all the same, and logged; its mark
    stays.
    """

    def decorate(view: F) -> F:
        call = synchronous(view)

        @functools.wraps(view)
        def once(*args: Any, **kwargs: Any) -> Any:
            request = require_request()
            key = key_of(request, required=required)
            if key is None:
                return call(*args, **kwargs)
            store = answers(request) if callable(answers) else answers
            name = name_of(request, key)
            mark = _Record(fingerprint(request), time.time(), secrets.token_hex(8))
            found = store.begin(name, msgspec.msgpack.encode(mark))
            if found is not None:
                return _again(msgspec.msgpack.decode(found, type=_Record), mark)
            after_this_request(lambda response: _finish(request, store, name, mark, response, is_undone))
            return call(*args, **kwargs)

        schema = {"type": "string", "pattern": PATTERN, "maxLength": LONGEST}
        about = "A text that no other request has, such as a UUID. Sent again with it, this one is done once"
        return documented(
            cast("F", once),
            headers={HEADER: schema | {"description": about} | ({"required": True} if required else {})},
            responses={
                **({400: f"{HEADER} is missing"} if required else {}),
                409: f"a request with this {HEADER} has no answer yet",
                422: f"{HEADER} is no key, or belongs to another request; or a value is wrong: `field` names it",
            },
        )

    return decorate


def key_of(request: Request, *, required: bool = False, longest: int = LONGEST) -> str | None:
    """Return the key of a request, None without one. Raises a 400 where one is required, a 422 for what is none.

    The draft wants a string in quotes; most clients leave the quotes out.
    """
    header = request.headers.get(HEADER)
    if header is None:
        if required:
            raise Problem(400, f"send an {HEADER}: a text that no other request has, such as a UUID", field=HEADER)
        return None
    key = unquote_header_value(header)
    if not (0 < len(key) <= longest and key.isascii() and key.isprintable()):
        raise Problem(422, f"{HEADER} must be 1 to {longest} printable ASCII characters", field=HEADER)
    return key


def name_of(request: Request, key: str) -> str:
    """Return the name under which something is kept for a key: of this method and path alone, and of a fixed length."""
    return sha256(f"{request.method} {request.path} {key}".encode(errors="surrogatepass")).hexdigest()


def fingerprint(request: Request) -> bytes:
    """Return a digest of what a request asks for besides its path: the query string, and the body or the form."""
    digest = sha256(request.query_string)
    # A form of parts is sent again with another boundary; one that was read has no bytes any more.
    if request.mimetype == "multipart/form-data" or "form" in request.__dict__:
        for pair in request.form.items(multi=True):
            digest.update(repr(pair).encode())
        for name, file in request.files.items(multi=True):
            digest.update(repr((name, file.filename)).encode() + sha256(file.read()).digest())
            file.seek(0)
    else:
        digest.update(b"\n" + request.get_data())
    return digest.digest()


def _again(found: _Record, now: _Record) -> Response:
    if found.fingerprint != now.fingerprint:
        raise Problem(422, f"this {HEADER} belongs to another request: use a new one", field=HEADER)
    if found.status:
        response = Response(found.body, found.status, found.headers)
        response.headers[REPLAYED] = "true"
        return response
    age = max(now.begun - found.begun, 0)
    if age < PATIENCE:
        raise Problem(409, "the first request with this key is being carried out: ask again", {"Retry-After": "1"})
    raise Problem(
        409,
        f"a request with this key was begun {age:.0f} seconds ago and has no answer, so that nobody knows whether it "
        "was carried out: look, and if it was not, send it with a new key",
    )


def _finish(
    request: Request,
    store: Answers,
    name: str,
    mark: _Record,
    response: WerkzeugResponse,
    is_undone: Callable[[WerkzeugResponse], bool],
) -> WerkzeugResponse:
    try:
        if is_undone(response):
            store.forget(name)
        elif response.status_code < 500:
            if response.is_streamed:
                raise RuntimeError("it is a stream, which could be read once only")
            headers = [(k, v) for k, v in response.headers if k.lower() not in _OWN]
            answer = msgspec.structs.replace(
                mark, status=response.status_code, headers=headers, body=response.get_data()
            )
            store.keep(name, msgspec.msgpack.encode(answer))
    except Exception:  # the view has done its part, and its answer is true
        request.app.logger.exception("the answer to %s %s is not kept for its key", request.method, request.path)
    return response

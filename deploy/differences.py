"""Where a layer rightly answers otherwise than the others, and why: `wz layers --differences` prints it.

The suite runs over five layers: the app in process (wsgi), the same under wsgiref.validate (validated), gunicorn, nginx
and gunicorn (nginx), and the same over TLS and HTTP/2 (tls). What is not in this table is the same on all of them. Each
row is tested: those with an answer of wsgi by tests/handlers/test_differences.py, the others by the raw requests of
tests/layers/requests/ that name them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """`answers` has for each layer what it answers: one thing, or alternatives, each of which some request shows.

    Of raw requests these are the statuses, then what the connection is. "200 open" is answered, and the connection
    takes the next request; "400 closed" is refused, and it does not; "closed" is no answer at all. `nginx 1.22` stands
    for nginx before 1.29, and is there where that answers otherwise.
    """

    name: str
    answers: Mapping[str, tuple[str, ...]]
    reason: str


def _same(*layers: str, answer: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(layers, (answer,))


def _raw(gunicorn: str, nginx: str, older: str = "") -> dict[str, tuple[str, ...]]:
    """Read "400 closed, 431 closed": alternatives, each of which some raw request shows."""
    answers = {"gunicorn": gunicorn, "nginx": nginx, "nginx 1.22": older}
    return {layer: tuple(text.split(", ")) for layer, text in answers.items() if text}


DIFFERENCES = (
    # -- requests that every client can send ------------------------------------------------------------------------
    Difference(
        "X-Request-ID from the client",
        _same("wsgi", "validated", "gunicorn", answer="kept") | _same("nginx", "tls", answer="replaced"),
        "nginx is the edge and makes the id, so that no client can choose what stands in the logs.",
    ),
    Difference(
        "Accept-Encoding: gzip",
        _same("wsgi", "validated", "gunicorn", answer="as it is") | _same("nginx", "tls", answer="gzip"),
        "Compressing is nginx's work: a thread of Python is dearer.",
    ),
    Difference(
        "headers against sniffing and caching",
        _same("wsgi", "validated", "gunicorn", answer="absent") | _same("nginx", "tls", answer="there"),
        "They are the same for every answer, nginx's own refusals among them, so nginx adds them in one place.",
    ),
    Difference(
        "a body of 2 MiB",
        _same("wsgi", "validated", "gunicorn", answer="413 by the app") | _same("nginx", "tls", answer="413 by nginx"),
        "nginx refuses what is well above the app's limit before it has taken it.",
    ),
    Difference(
        "a header of 9,000 bytes",
        _same("wsgi", "validated", answer="200") | _same("gunicorn", "nginx", "tls", answer="431"),
        "WSGI knows no limit. The servers have one, the same for both.",
    ),
    Difference(
        "a target of 9,000 bytes",
        _same("wsgi", "validated", answer="422") | _same("gunicorn", "nginx", "tls", answer="414"),
        "As with headers. The app says 422: no board has so long a name.",
    ),
    # -- raw requests: the body's end -------------------------------------------------------------------------------
    Difference(
        "a transfer coding other than chunked",
        _raw("400 closed, 200 closed", "501 closed"),
        "RFC 9112, 6.1 wants 501 for what is not known. gunicorn knows gzip, and hands the body on compressed.",
    ),
    Difference(
        "a tab beside a length or a coding",
        _raw("200 open", "400 closed, 501 closed"),
        "RFC 9110, 5.6.3 allows tabs. nginx takes none there, and refuses.",
    ),
    Difference(
        "a length beyond 64 bits",
        _raw("413 closed", "400 closed"),
        "nginx refuses a number that it can't hold. Python can: the app says that the body is too large.",
    ),
    Difference(
        "a body that ends too early",
        _raw("400 closed", "closed"),
        "The client is gone: nginx drops the request, which gunicorn never sees.",
    ),
    Difference(
        "trailers that are not valid",
        _raw("400 closed", "200 open"),
        "nginx skips all trailers unread and sends none on, however they look.",
    ),
    Difference(
        "spaces and long extensions after a chunk's size",
        _raw("400 closed", "200 open"),
        "nginx skips them and sends the body on with its length. What is a size is the same for both.",
    ),
    Difference(
        "lines of chunks that end with LF alone",
        _raw("400 closed", "400 closed", "200 open"),
        "Before 1.29 nginx took them. It sends the body on with its length, so no later hop can see another end.",
    ),
    # -- raw requests: the head -------------------------------------------------------------------------------------
    Difference(
        "an empty line before a request",
        _raw("400 closed, 200 400 closed", "200 open, 200 200 open"),
        "RFC 9112, 2.2 asks servers to skip one. nginx skips any number; what it sends itself has none.",
    ),
    Difference(
        "lines of a head that end with LF alone, or with CR CR LF",
        _raw("400 closed", "200 open"),
        "RFC 9112, 2.2 lets a server take LF. nginx writes every line anew, with CRLF.",
    ),
    Difference(
        "a line that is no header",
        _raw("400 closed", "200 open"),
        "One without a colon: nginx takes that for an empty header, and writes it so.",
    ),
    Difference(
        "what gunicorn alone refuses",
        _raw("400 closed, 431 closed", "400 open, 431 open"),
        "A name that is no token, control characters in a value, raw bytes above 127 in a target, more than 100 "
        "headers: nginx lets these through and passes gunicorn's answer on. Its own connection to the client is in "
        "order and goes on.",
    ),
    Difference(
        "Authorization twice",
        _raw("200 open", "400 closed"),
        "nginx allows one; to the app gunicorn would hand both, joined by a comma, which is no token.",
    ),
    Difference(
        "headers that are too long together",
        _raw("200 open", "431 closed"),
        "nginx has 32 KiB for a head, gunicorn counts each header and their number.",
    ),
    Difference(
        "close among other options of Connection",
        _raw("200 open", "200 closed"),
        "gunicorn knows the option only when it stands alone.",
    ),
    Difference(
        "an expectation that is not 100-continue",
        _raw("417 closed", "200 open"),
        "RFC 9110, 10.1.1 allows both. nginx answers to Expect itself and does not send it on.",
    ),
    Difference(
        "a Host that is missing or malformed",
        _raw("200 open", "400 closed", "400 closed, 200 open"),
        "nginx checks it, gunicorn leaves that to nginx. Before 1.29 nginx took letters in ports, @, quotes, brackets "
        "that do not close, ports above 65535, and bytes above 127.",
    ),
    # -- raw requests: the request line -----------------------------------------------------------------------------
    Difference(
        "CONNECT and TRACE",
        _raw("200 closed, 200 open", "405 closed", "405 closed, 400 closed"),
        "They are for proxies and diagnosis: nginx answers neither. gunicorn passes them on: the service has 405.",
    ),
    Difference(
        "OPTIONS *",
        _raw("200 open", "400 closed"),
        "nginx takes no target but a path or an address. The service answers OPTIONS for each of its paths.",
    ),
    Difference(
        "several spaces in a request line",
        _raw("400 closed", "200 open"),
        "nginx reads them as one, and writes the line anew.",
    ),
    Difference(
        "a version that is malformed",
        _raw("505 closed", "400 closed, 200 open"),
        "nginx forgives a space after the version, and reads 1.10 as a later 1.x; all else it calls no request. From "
        "nginx gunicorn gets HTTP/1.1, whatever the client wrote.",
    ),
    Difference(
        "a path that can't be decoded or leads above the root",
        _raw("200 open", "400 closed"),
        "nginx decodes a path to find its location, and refuses %zz, %00 and too many dots. To the app these are names "
        "that it does not have.",
    ),
    Difference(
        "HTTP/0.9",
        _raw("400 closed", "closed"),
        "Its answers have no status that could say what is wrong, so nginx closes.",
    ),
)


_FIRST_RAW = next(row.name for row in DIFFERENCES if "wsgi" not in row.answers)
_HEAD = f"""\
What is not listed is the same on all layers. From "{_FIRST_RAW}" on
these are raw requests, to an app that has every path and method: the table has the statuses of the
answers, then whether the connection takes a next request (open) or not (closed)."""


def table() -> str:
    """Return all rows as text, 100 characters wide at most."""
    return "\n\n".join([_HEAD, *map(_text, DIFFERENCES)])


def _text(row: Difference) -> str:
    layers_of: dict[str, list[str]] = {}
    for layer, answers in row.answers.items():
        layers_of.setdefault(" or ".join(answers), []).append(layer)
    lines = [row.name, *(f"    {', '.join(layers)}: {answer}" for answer, layers in layers_of.items())]
    return "\n".join([*lines, textwrap.fill(row.reason, 100, initial_indent="    ", subsequent_indent="    ")])

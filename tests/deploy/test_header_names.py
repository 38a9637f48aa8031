"""Names of headers as they were sent, beside an environ that has no more than before: in both parsers of gunicorn."""

from __future__ import annotations

import importlib.util
import random
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create

from deploy import header_names
from deploy.worker import ReadRequest
from handlers.hub import header_properties
from pipeline.settings import Settings

from .. import stack

Pairs = list[tuple[str, str]]


class Parser(RequestParser):
    mesg_class = ReadRequest


@pytest.fixture(params=["python", "fast"])
def cfg(request: pytest.FixtureRequest) -> Config:
    if request.param == "fast" and not importlib.util.find_spec("gunicorn_h1c"):
        pytest.skip("gunicorn's parser in C, gunicorn_h1c, is not installed")
    return config(http_parser=request.param)


def config(**settings: Any) -> Config:
    """Return gunicorn's settings as gunicorn.conf.py has them, as far as a parser asks for them."""
    found = runpy.run_path(str(stack.GUNICORN_CONF))
    names = ("header_map", "forwarder_headers", "secure_scheme_headers", "limit_request_fields")
    cfg = Config()
    for name, value in ({name: found[name] for name in names} | settings).items():
        cfg.set(name, value)
    return cfg


class Case(NamedTuple):
    """Lines after `Host: a`; what becomes of them in environ, with what is in it without them; and as sent."""

    lines: bytes
    environ: dict[str, str] | None  # None: refused
    sent: Pairs


CASES = {
    "case": Case(b"WindAlert: 1", {"HTTP_WINDALERT": "1"}, [("WindAlert", "1")]),
    "an underscore": Case(b"device_id: d7", {}, [("device_id", "d7")]),
    "a dot": Case(b"app.version: 1.2", {"HTTP_APP.VERSION": "1.2"}, [("app.version", "1.2")]),
    "all letters of a token": Case(b"!#$%&'*+-.^`|~09: 1", {"HTTP_!#$%&'*+_.^`|~09": "1"}, [("!#$%&'*+-.^`|~09", "1")]),
    "the mount point": Case(b"SCRIPT_NAME: /p\r\nscript_name: /p", {}, [("SCRIPT_NAME", "/p"), ("script_name", "/p")]),
    "the path": Case(b"PATH_INFO: /p", {}, [("PATH_INFO", "/p")]),
    "an address": Case(b"X_Forwarded_For: 6", {}, [("X_Forwarded_For", "6")]),
    "an address beside the real one": Case(
        b"X-Forwarded-For: 1\r\nX_Forwarded_For: 6",
        {"HTTP_X_FORWARDED_FOR": "1"},
        [("X-Forwarded-For", "1"), ("X_Forwarded_For", "6")],
    ),
    "a scheme": Case(b"X_Forwarded_Proto: https", {}, [("X_Forwarded_Proto", "https")]),
    "a length": Case(b"Content_Length: 5", {}, [("Content_Length", "5")]),
    "a coding": Case(b"Transfer_Encoding: chunked", {}, [("Transfer_Encoding", "chunked")]),
    "a type": Case(b"Content_Type: a/b", {}, [("Content_Type", "a/b")]),
    "another Host": Case(b"HTTP_HOST: b", {}, [("HTTP_HOST", "b")]),
    "a question of nginx's": Case(b"X_Authorize_Only: 1", {}, [("X_Authorize_Only", "1")]),
    "our key": Case(b"wz.headers: 1", {"HTTP_WZ.HEADERS": "1"}, [("wz.headers", "1")]),
    "our key in another case": Case(b"WZ.Headers: 1", {"HTTP_WZ.HEADERS": "1"}, [("WZ.Headers", "1")]),
    "our key as one of environ": Case(b"HTTP_wz.headers: 1", {}, [("HTTP_wz.headers", "1")]),
    "twice": Case(b"A: 1\r\nA: 2", {"HTTP_A": "1,2"}, [("A", "1"), ("A", "2")]),
    "twice, in another case": Case(b"A: 1\r\na: 2", {"HTTP_A": "1,2"}, [("A", "1"), ("a", "2")]),
    "a colon in the value": Case(b"A: b: c", {"HTTP_A": "b: c"}, [("A", "b: c")]),
    "an empty value": Case(b"A:\r\nb_c: \t", {"HTTP_A": ""}, [("A", ""), ("b_c", "")]),
    "blanks around a value": Case(b"A:\t b c \t", {"HTTP_A": "b c"}, [("A", "b c")]),
    "bytes that are not UTF-8": Case(b"A: \xe9\xff\x85", {"HTTP_A": "\xe9\xff\x85"}, [("A", "\xe9\xff\x85")]),
    "bytes that are blanks to Python": Case(b"A: \xa0b\xa0", {"HTTP_A": "\xa0b\xa0"}, [("A", "\xa0b\xa0")]),
    "a name that is not ASCII": Case(b"\xdf: 1", None, []),
    "brackets in a name": Case(b"a(b): 1", None, []),
    "a blank in a name": Case(b"a b: 1", None, []),
    "a blank before the colon": Case(b"a_b : 1", None, []),
    "a tab before the colon": Case(b"a_b\t: 1", None, []),
    "no name": Case(b": 1", None, []),
    "no colon": Case(b"a_b", None, []),
    "a folded line": Case(b"a_b: 1\r\n c_d: 2", None, []),
    "a NUL in a name": Case(b"a\0b: 1", None, []),
    "a NUL in a value": Case(b"a_b: \0", None, []),
    "a CR in a value": Case(b"a_b: 1\rc_d: 2", None, []),
    "an LF that ends a line": Case(b"a_b: 1\nc_d: 2", None, []),
    "a length twice": Case(b"Content-Length: 0\r\nContent-Length: 0", None, []),
}
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: a\r\n%s\r\nX: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na:b\r\n0\r\nT_r: 1\r\n\r\n"
)


def pieces(sent: bytes, cuts: list[int]) -> Iterator[bytes]:
    for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        if begin < end:
            yield sent[begin:end]


def environ_of(request: Any, cfg: Config) -> dict[str, Any]:
    """Return what gunicorn makes of a request, without what is another object for each."""
    sock: Any = None
    environ = create(request, sock, ("127.0.0.1", 1), ("127.0.0.1", 2), cfg)[1]
    return {name: value for name, value in environ.items() if isinstance(value, (str, bool, tuple))}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_stands_in_environ_and_what_was_sent(cfg: Config, case: Case) -> None:
    parser = Parser(cfg, iter([HEAD % case.lines]), ("127.0.0.1", 1))
    if case.environ is None:
        with pytest.raises(ParseException):
            next(parser)
        return
    request: Any = next(parser)
    plain = next(Parser(cfg, iter([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]), ("127.0.0.1", 1)))

    assert list(request.sent_headers) == [("Host", "a"), *case.sent]
    assert environ_of(request, cfg) == environ_of(plain, cfg) | case.environ


def test_requests_in_pieces_on_one_connection_do_not_mix(cfg: Config) -> None:
    drawn = random.Random(7)
    taken = [case for case in CASES.values() if case.environ is not None]
    for _ in range(30):
        some = drawn.choices(taken, k=4)
        sent = b"".join(drawn.choice([b"", b"\r\n"]) + CHUNKED % case.lines for case in some)
        cuts = sorted(drawn.choices(range(len(sent)), k=drawn.randint(0, 12)))
        parser = Parser(cfg, pieces(sent, cuts), ("127.0.0.1", 1))
        for case in some:
            request: Any = next(parser)
            expected = [("Host", "a"), *case.sent, ("X", "3"), ("Transfer-Encoding", "chunked")]
            assert list(request.sent_headers) == expected
            assert request.body.read() == b"a:b"
            assert list(request.sent_headers) == expected  # none of the trailer's


def test_a_request_without_headers_has_none(cfg: Config) -> None:
    request: Any = next(Parser(cfg, iter([b"GET / HTTP/1.0\r\n\r\n"]), ("127.0.0.1", 1)))

    assert list(request.sent_headers) == []


def test_it_is_looked_at_at_the_start(cfg: Config) -> None:
    header_names.check(cfg)


@pytest.mark.parametrize(
    "wrong", [{"header_map": "dangerous"}, {"header_map": "refuse"}, {"forwarder_headers": "Z_.Z"}], ids=str
)
def test_settings_that_let_a_name_into_environ_are_refused(cfg: Config, wrong: dict[str, str]) -> None:
    for name, value in wrong.items():
        cfg.set(name, value)

    with pytest.raises(RuntimeError, match=r"header_names.py .*'drop'"):
        header_names.check(cfg)


def test_a_gunicorn_that_has_changed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Request, "parse_headers", lambda self, data: [("HOST", "a")])

    with pytest.raises(RuntimeError, match="written for gunicorn 27"):
        header_names.check(config(http_parser="python"))


def test_a_worker_that_would_lose_names_does_not_start(tmp_path: Path, server_settings: Settings) -> None:
    conf = tmp_path / "conf.py"
    conf.write_text(
        f"import runpy\nglobals().update(runpy.run_path({str(stack.GUNICORN_CONF)!r}))\nheader_map = 'dangerous'\n"
    )
    log = tmp_path / "log"

    with (
        pytest.raises(RuntimeError, match="ended with status"),
        stack.gunicorn(tmp_path, stack.emptied(server_settings), conf=conf, log=log, WEB_CONCURRENCY="1"),
    ):
        pass

    assert "read headers in another way than deploy/header_names.py expects" in log.read_text()


def test_the_app_and_the_server_mean_the_same_key() -> None:
    assert header_names.KEY == header_properties.SENT_HEADERS
    assert header_names.VARIABLE == header_properties._SERVER_HAS_IT

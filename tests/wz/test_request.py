"""wz's Request reads its attributes when they are asked for; each must have the value that Werkzeug's Request has."""

from __future__ import annotations

import io
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException
from werkzeug.test import create_environ
from werkzeug.wrappers import Request as WerkzeugRequest

from wz import Request

from .conftest import Web

Environ = dict[str, Any]


def _headers(request: WerkzeugRequest) -> Any:
    return sorted(request.headers.items()), request.headers.get("x-a"), "X-A" in request.headers


def _files(request: WerkzeugRequest) -> Any:
    return [(name, file.filename, file.read()) for name, file in request.files.items(multi=True)]


#: What is compared: attributes by name, and a few that take a call.
ATTRIBUTES = [
    *("method", "scheme", "root_path", "path", "query_string", "remote_addr", "server", "script_root", "full_path"),
    *("host", "host_url", "url", "base_url", "root_url", "url_root", "is_secure", "access_route"),
    *("content_type", "mimetype", "mimetype_params", "content_length", "content_encoding", "content_md5", "is_json"),
    *("want_form_data_parsed", "referrer", "origin", "max_forwards", "pragma", "date", "range", "if_range", "if_match"),
    *("if_none_match", "if_modified_since", "if_unmodified_since", "remote_user", "is_multithread", "is_multiprocess"),
    *(
        "max_content_length",
        "max_form_memory_size",
        "max_form_parts",
        "input_stream",
        "environ",
        "shallow",
        "is_run_once",
    ),
]
READERS: dict[str, Callable[[WerkzeugRequest], Any]] = {
    **{name: attrgetter(name) for name in ATTRIBUTES},
    "args": lambda request: list(request.args.items(multi=True)),
    "cookies": lambda request: list(request.cookies.items(multi=True)),
    "headers": _headers,
    "accept_mimetypes": lambda request: list(request.accept_mimetypes),
    "accept_languages": lambda request: list(request.accept_languages),
    "authorization": lambda request: request.authorization and request.authorization.to_header(),
    "cache_control": lambda request: str(request.cache_control),
    "user_agent": lambda request: request.user_agent.string,
    "repr": lambda request: repr(request).replace("wz.http.", ""),
}
#: These read the body, which can be read only once, so each gets a request of its own.
BODY_READERS: dict[str, Callable[[WerkzeugRequest], Any]] = {
    "get_data": lambda request: request.get_data(),
    "get_data as text": lambda request: request.get_data(as_text=True),
    "get_data twice": lambda request: (request.get_data(), request.get_data()),
    "get_data uncached": lambda request: (request.get_data(cache=False), request.get_data(cache=False)),
    "data": lambda request: request.data,
    "stream": lambda request: request.stream.read(),
    "stream in parts": lambda request: [request.stream.read(3), request.stream.readline(), request.stream.read()],
    "form, then data": lambda request: (list(request.form.items(multi=True)), request.data, request.get_data()),
    "data, then form": lambda request: (request.get_data(parse_form_data=True), list(request.form.items(multi=True))),
    "files": _files,
    "values": lambda request: list(request.values.items(multi=True)),
    "json": lambda request: request.json,
    "get_json": lambda request: request.get_json(force=True, silent=True),
}


def outcome(read: Callable[[WerkzeugRequest], Any], request: WerkzeugRequest) -> Any:
    try:
        value = read(request)
    except HTTPException as exc:
        return "raised", exc.code
    except Exception as exc:
        return "raised", type(exc), str(exc)
    return str(value) if hasattr(value, "to_header") else value


def assert_same(environ: Environ, body: bytes = b"", **attributes: Any) -> None:
    """Compare every attribute; `attributes` are set on both requests first."""

    def make(cls: type[WerkzeugRequest]) -> WerkzeugRequest:
        request = cls(environ | {"wsgi.input": io.BytesIO(body)}, populate_request=False)
        for name, value in attributes.items():
            setattr(request, name, value)
        return request

    ours, theirs = make(Request), make(WerkzeugRequest)
    theirs.environ = ours.environ  # this also compares the streams' identity
    for name, read in READERS.items():
        assert outcome(read, ours) == outcome(read, theirs), name
        assert outcome(read, ours) == outcome(read, theirs), f"{name}, read again"
    is_cut = is_cut_by_werkzeug(ours, body)
    if is_cut and ours.content_length is None:
        return
    for name, read in BODY_READERS.items():
        with make(Request) as ours, make(WerkzeugRequest) as theirs:
            # A body that the server ends before its length is cut off, which Werkzeug says where the server doesn't.
            if theirs.content_length is not None and len(body) <= theirs.content_length:
                theirs.environ.pop("wsgi.input_terminated", None)
            answer = outcome(read, ours)
            # A body as long as the limit is taken, which Werkzeug may refuse when it is read once more.
            is_right = answer == ("raised", 413) or len(body) == ours.max_content_length
            assert answer == outcome(read, theirs) or (is_cut and is_right), name


def is_cut_by_werkzeug(request: WerkzeugRequest, body: bytes) -> bool:
    """Say whether the body's end must be looked for, which Werkzeug does not do when the limit comes first."""
    limit = request.max_content_length
    return "wsgi.input_terminated" in request.environ and limit is not None and len(body) >= limit


def environ_with(**changes: Any) -> Environ:
    """A server's environ with some keys changed; None removes a key."""
    environ = create_environ() | {"REMOTE_ADDR": "127.0.0.1"}
    environ |= {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in environ.items() if value is not None}


JSON = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}
FORM = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"}
PARTS = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": 'multipart/form-data; boundary="b"'}
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nfile\r\n--b--\r\n'


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="plain"),
        pytest.param({"REQUEST_METHOD": "get"}, id="a method in small letters"),
        pytest.param({"REQUEST_METHOD": None}, id="no method"),
        pytest.param({"PATH_INFO": ""}, id="an empty path"),
        pytest.param({"PATH_INFO": None, "SCRIPT_NAME": None, "QUERY_STRING": None}, id="no path at all"),
        pytest.param({"PATH_INFO": "//a//b/"}, id="double slashes"),
        pytest.param({"PATH_INFO": "no/slash"}, id="no leading slash"),
        pytest.param({"PATH_INFO": "/é".encode().decode("latin-1")}, id="a path in UTF-8"),
        pytest.param({"PATH_INFO": "/\xff\xc3"}, id="a path that is not UTF-8"),
        pytest.param({"PATH_INFO": "/a%2Fb?c#d"}, id="a path with what separates"),
        pytest.param({"SCRIPT_NAME": "/app"}, id="below a script name"),
        pytest.param({"SCRIPT_NAME": "/äpp//".encode().decode("latin-1")}, id="a script name that ends in slashes"),
        pytest.param({"SCRIPT_NAME": "app"}, id="a script name without a slash"),
        pytest.param({"QUERY_STRING": "a=1&a=2&b&=c&d=%C3%A9+e&&f=%"}, id="a query"),
        pytest.param({"QUERY_STRING": "plain=text"}, id="a query with nothing encoded"),
        pytest.param({"QUERY_STRING": "a=é".encode().decode("latin-1")}, id="a query in UTF-8"),
        pytest.param({"QUERY_STRING": "a=%FF&b=\xff"}, id="a query that is not UTF-8"),
        pytest.param({"HTTP_HOST": "Example.COM:80"}, id="the scheme's own port"),
        pytest.param({"HTTP_HOST": "example.com:443", "wsgi__url_scheme": "https"}, id="https and its port"),
        pytest.param({"HTTP_HOST": "example.com:8080"}, id="a port"),
        pytest.param({"HTTP_HOST": "a b"}, id="a bad Host"),
        pytest.param({"HTTP_HOST": ""}, id="an empty Host"),
        pytest.param({"HTTP_HOST": None}, id="no Host"),
        pytest.param({"HTTP_HOST": None, "SERVER_NAME": "::1", "SERVER_PORT": "8080"}, id="no Host, IPv6"),
        pytest.param({"HTTP_HOST": None, "SERVER_NAME": "/run/s.sock", "SERVER_PORT": None}, id="a unix socket"),
        pytest.param({"HTTP_HOST": None, "SERVER_NAME": "/run/s.sock", "SERVER_PORT": ""}, id="a port without digits"),
        pytest.param({"HTTP_HOST": None, "SERVER_NAME": None}, id="no server name"),
        pytest.param({"wsgi__url_scheme": None}, id="no scheme"),
        pytest.param({"REMOTE_ADDR": None}, id="no address"),
        pytest.param({"HTTP_X_FORWARDED_FOR": "10.0.0.1, 10.0.0.2"}, id="a forwarded address"),
        pytest.param({"HTTP_X_A": "é".encode().decode("latin-1")}, id="a header that is not ASCII"),
        pytest.param(
            {"HTTP_ACCEPT": "text/html;q=0.5, */*;q=0.1", "HTTP_ACCEPT_LANGUAGE": "de, en;q=0.5"}, id="Accept"
        ),
        pytest.param({"HTTP_COOKIE": 'a=b; c="d\\"e"; a=f; g'}, id="cookies"),
        pytest.param({"HTTP_AUTHORIZATION": "Basic YTpi"}, id="Basic"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer x"}, id="Bearer"),
        pytest.param({"HTTP_IF_NONE_MATCH": '"a", W/"b"', "HTTP_IF_MATCH": "*"}, id="entity tags"),
        pytest.param({"HTTP_RANGE": "bytes=0-4,9-", "HTTP_IF_RANGE": '"a"'}, id="ranges"),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": "Thu, 01 Jan 1970 00:00:00 GMT", "HTTP_DATE": "no date"}, id="dates"),
        pytest.param({"CONTENT_TYPE": "", "CONTENT_LENGTH": ""}, id="empty content headers"),
        pytest.param({"CONTENT_TYPE": "Application/JSON; charset=latin-1"}, id="JSON in capitals"),
        pytest.param({"CONTENT_TYPE": "application/problem+json"}, id="a kind of JSON"),
        pytest.param({"CONTENT_LENGTH": "-1"}, id="a negative length"),
        pytest.param({"CONTENT_LENGTH": "1_0"}, id="a length that only int() reads"),
        pytest.param({"CONTENT_LENGTH": "٣"}, id="a length in other digits"),
        pytest.param({"HTTP_TRANSFER_ENCODING": "chunked"}, id="chunked"),
    ],
)
def test_attributes(changes: Environ) -> None:
    assert_same(environ_with(**changes))


# When the client goes away, Werkzeug leaves open the file that it was filling.
@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")
@pytest.mark.parametrize("limit", [None, 0, 5, 100], ids=lambda limit: f"limit {limit}")
@pytest.mark.parametrize(
    "framing",
    [
        pytest.param({"CONTENT_LENGTH": "exact"}, id="its length"),
        pytest.param({"CONTENT_LENGTH": "5"}, id="a length of five"),
        pytest.param({"CONTENT_LENGTH": "1000"}, id="a length that is too long"),
        pytest.param({"CONTENT_LENGTH": "x"}, id="a length that is not a number"),
        pytest.param({"CONTENT_LENGTH": None}, id="no length"),
        pytest.param({"CONTENT_LENGTH": None, "wsgi__input_terminated": True}, id="an input that ends"),
        pytest.param({"CONTENT_LENGTH": "5", "wsgi__input_terminated": True}, id="an input that ends, and a length"),
        pytest.param({"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}, id="chunked"),
    ],
)
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(JSON, b'{"a": [1, 2.5, "\xc3\xa9"]}', id="JSON"),
        pytest.param(JSON, b"not JSON", id="no JSON"),
        pytest.param({"REQUEST_METHOD": "POST"}, b'{"a": 1}', id="no type"),
        pytest.param(JSON, b"", id="empty"),
        pytest.param(FORM, b"a=1&b=%C3%A9+x&a=2", id="a form"),
        pytest.param(PARTS, MULTIPART, id="a file"),
        pytest.param({"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/plain"}, b"\xff\x00text\nmore", id="bytes"),
    ],
)
def test_bodies(headers: Environ, body: bytes, framing: Environ, limit: int | None) -> None:
    framing = {name: str(len(body)) if value == "exact" else value for name, value in framing.items()}

    assert_same(environ_with(**headers, **framing), body, max_content_length=limit)


@pytest.mark.parametrize(
    ("body", "limit", "status"),
    [
        pytest.param(b"12345", 6, None, id="below the limit"),
        pytest.param(b"12345", 5, None, id="of exactly the limit"),
        pytest.param(b"", 0, None, id="nothing, where nothing may be"),
        pytest.param(b"123456", 5, 413, id="one byte more"),
        pytest.param(b"x" * 200_000, 100_000, 413, id="more than is read at once"),
    ],
)
@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda request: request.get_data(), id="get_data"),
        pytest.param(lambda request: request.stream.read(), id="stream"),
        pytest.param(lambda request: b"".join(iter(lambda: request.stream.read(3), b"")), id="stream in parts"),
    ],
)
def test_a_body_of_unknown_length_is_whole_or_too_large(
    read: Callable[[WerkzeugRequest], Any], body: bytes, limit: int, status: int | None
) -> None:
    environ = environ_with(REQUEST_METHOD="POST", CONTENT_LENGTH=None, wsgi__input_terminated=True)
    request = Request(environ | {"wsgi.input": io.BytesIO(body)})
    request.max_content_length = limit

    assert outcome(read, request) == (body if status is None else ("raised", status))


@pytest.mark.parametrize("trusted", [["example.com"], [".example.com"], ["other.test"]])
def test_trusted_hosts(trusted: list[str]) -> None:
    assert_same(environ_with(HTTP_HOST="api.example.com"), trusted_hosts=trusted)


def test_shallow_requests_have_no_body() -> None:
    request = Request(environ_with(**JSON), shallow=True)

    assert request.shallow
    with pytest.raises(RuntimeError, match="shallow"):
        request.get_data()


def test_a_request_is_not_kept_alive_by_its_environ() -> None:
    environ = environ_with()

    request = Request(environ)

    assert request not in environ.values()


def test_attributes_can_be_set() -> None:
    request = Request(environ_with())

    for name, value in {
        "method": "PUT",
        "path": "/b",
        "scheme": "https",
        "root_path": "/c",
        "query_string": b"d=e",
    }.items():
        setattr(request, name, value)

    assert (request.method, request.full_path, request.url) == ("PUT", "/b?d=e", "https://localhost/c/b?d=e")
    assert request.args["d"] == "e"


_text = st.text(st.characters(max_codepoint=0xFF), max_size=12)
_visible = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=12)
_bytes = st.one_of(_text, st.text(max_size=6).map(lambda text: text.encode(errors="surrogatepass").decode("latin-1")))


@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {
            "REQUEST_METHOD": st.sampled_from(["GET", "POST", "put", "HEAD", "OPTIONS", ""]),
            "PATH_INFO": st.one_of(_bytes, _bytes.map(lambda path: "/" + path)),
            "SCRIPT_NAME": st.one_of(st.just(""), _bytes),
            "QUERY_STRING": st.one_of(
                _bytes, st.from_regex(r"([a-z%0-9A-F+]{0,4}=?[a-z%0-9A-F+]{0,5}&?){0,4}", fullmatch=True)
            ),
            "wsgi__url_scheme": st.sampled_from(["http", "https", "ws"]),
            "CONTENT_TYPE": st.one_of(
                st.none(), _visible, st.sampled_from([JSON, FORM, PARTS]).map(lambda h: h["CONTENT_TYPE"])
            ),
            "CONTENT_LENGTH": st.one_of(st.none(), st.integers(-1, 20).map(str), _visible),
            "wsgi__input_terminated": st.booleans(),
        },
        optional={
            "HTTP_HOST": st.one_of(
                _visible, st.sampled_from(["a.test:80", "a.test:443", "a.test:1", "[::1]:80", "[", "a:b"])
            ),
            "HTTP_COOKIE": _visible,
            "HTTP_X_A": _visible,
            "HTTP_ACCEPT": _visible,
            "HTTP_RANGE": _visible,
            "HTTP_CACHE_CONTROL": _visible,
            "HTTP_X_FORWARDED_FOR": _visible,
            "REMOTE_ADDR": _visible,
            "SERVER_PORT": st.sampled_from(["80", "443", "x", "", None]),
        },
    ),
    st.binary(max_size=16),
    st.sampled_from([None, 0, 5]),
)
def test_a_generated_environ_is_read_as_werkzeug_reads_it(changes: Environ, body: bytes, limit: int | None) -> None:
    assert_same(environ_with(**changes), body, max_content_length=limit)


def test_the_files_of_a_form_are_closed_with_the_request(web: Web) -> None:
    app, kept = web.app(), []

    @app.route("/", methods=["POST"])
    def take() -> str:
        kept.extend(web.request.files.getlist("files"))
        return str([file.closed for file in kept])

    files = [(io.BytesIO(b"one"), "1.txt"), (io.BytesIO(b"two"), "2.txt")]
    assert web.client(app).post("/", data={"files": files}).text == "[False, False]"

    assert [file.closed for file in kept] == [True, True]

"""The upstream through a proxy: a real one, which tunnels with CONNECT and forwards plain HTTP."""

from __future__ import annotations

import base64
import select
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from pipeline.connection_string import ConnectionString
from pipeline.hub.event import Event, StoredEvent
from pipeline.hub.proxy import proxy_for
from pipeline.hub.upstream import Upstream, UpstreamUnavailable
from pipeline.hub.upstream_requests import Outgoing, UpstreamRequest, upstream_requests
from pipeline.settings import InvalidSetting

from ..in_thread import in_thread
from ..upstream import make_certificates, scripted_upstream

USER, PASSWORD = "relay", "p@ss:word/"
LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Proxy:
    """`seen` are the request lines that it got."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen: list[str] = []


@contextmanager
def proxy() -> Iterator[Proxy]:
    """Run a proxy that wants a password, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            found.seen.append(self.requestline.rpartition(" ")[0])
            if self.headers.get("Proxy-Authorization") == LOGIN:
                return True
            self.close_connection = True
            self.send_error(407)
            return False

        def do_CONNECT(self) -> None:
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as there:
                self.send_response(200)
                self.end_headers()
                while ready := select.select([self.connection, there], [], [])[0]:
                    data = ready[0].recv(65536)
                    if not data:
                        break
                    (there if ready[0] is self.connection else self.connection).sendall(data)
            self.close_connection = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
            answer = build_opener(ProxyHandler({})).open(Request(self.path, body, headers))
            self.send_response(answer.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    found = Proxy(server.server_address[1])
    with in_thread(server):
        yield found


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for variable in (name, name.upper()):
            monkeypatch.delenv(variable, raising=False)


pytestmark = pytest.mark.usefixtures("no_proxies")


def request() -> UpstreamRequest:
    (found,) = upstream_requests([Outgoing.of(StoredEvent(0, 1, "1-0", 1, Event(b"x")), "s/0/1-0", "h@00000000000a")])
    return found


def test_plain_http_is_forwarded(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy() as between, scripted_upstream() as server:
        monkeypatch.setenv("http_proxy", f"http://relay:p%40ss%3Aword%2F@127.0.0.1:{between.port}")
        Upstream(server.target).send("events", request())

        assert between.seen == [f"POST {server.target.url}/events/messages?timeout=20&api-version=2014-01"]
        assert len(server.received) == 1
        assert not any(name.lower().startswith("proxy-") for name in server.received[0].headers)


def test_tls_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    ca, certificate = make_certificates(tmp_path)
    with proxy() as between, scripted_upstream(certificate) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"relay:p%40ss%3Aword%2F@127.0.0.1:{between.port}")
        upstream = Upstream(server.target, ca)
        for _ in range(3):
            upstream.send("events", request())

        assert between.seen == [f"CONNECT {urlsplit(server.target.endpoint).netloc}"]
        assert len(server.received) == 3
        assert not any(name.lower().startswith("proxy-") for name in server.received[0].headers)
        upstream._pool.clear()


def test_a_password_that_is_wrong_waits_and_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with proxy() as between, scripted_upstream() as server:
        monkeypatch.setenv("ALL_PROXY", f"http://relay:hunter2@127.0.0.1:{between.port}")
        with pytest.raises(UpstreamUnavailable, match="407") as caught:
            Upstream(server.target).send("events", request())

        assert "hunter2" not in str(caught.value)
        assert server.received == []
        monkeypatch.setenv("HTTPS_PROXY", f"http://relay:hunter2@127.0.0.1:{between.port}")
        with pytest.raises(UpstreamUnavailable, match=f"by the proxy http://127.0.0.1:{between.port}") as caught:
            Upstream(_over_tls(server.target.endpoint)).send("events", request())
        assert "hunter2" not in str(caught.value)


def _over_tls(endpoint: str) -> ConnectionString:
    return ConnectionString(endpoint.replace("http:", "https:"), "up", "a2V5")


@pytest.mark.parametrize("there", ["127.0.0.1", "example.com, 127.0.0.1", "*", "127.0.0.1:{port}"])
def test_no_proxy(monkeypatch: pytest.MonkeyPatch, there: str) -> None:
    with scripted_upstream() as server:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", there.format(port=server.target.port))
        Upstream(server.target).send("events", request())

        assert len(server.received) == 1


@pytest.mark.parametrize("text", ["socks5://h:1", "http://", "http://h:port", "http://[", "http://u:secret@h:0"])
def test_what_is_no_proxy_is_said_without_its_password(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", text)

    with pytest.raises(InvalidSetting, match="HTTPS_PROXY: write http://") as caught:
        proxy_for("https://ns.example.com")
    assert "secret" not in str(caught.value)


def test_a_scheme_has_a_proxy_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://p:1")

    assert proxy_for("https://ns.example.com") is None
    found = proxy_for("http://ns.example.com")
    assert found is not None
    assert (found.url, found.headers) == ("http://p:1", {})

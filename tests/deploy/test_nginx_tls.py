"""TLS as nginx.d/tls.conf has it: protocols, HTTP/2, HSTS, and plain HTTP that is sent on."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from deploy.nginx import TLS

from .. import stack
from .wire import Answer, connect, exchange, read

HOST = "wz.example"


@dataclass(frozen=True)
class Service:
    plain: str
    port: int
    authority: trustme.CA

    def ask(self, host: str = HOST, alpn: list[str] | None = None, version: ssl.TLSVersion | None = None) -> Answer:
        """Ask for /healthz over TLS."""
        with self.open(alpn, version) as sock:
            sock.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = read(sock)
        assert answer is not None
        return answer

    def open(self, alpn: list[str] | None = None, version: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if alpn:
            context.set_alpn_protocols(alpn)
        if version:
            context.minimum_version = context.maximum_version = version
        return context.wrap_socket(connect(f"http://127.0.0.1:{self.port}"), server_hostname=HOST)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """nginx without a gunicorn, with a certificate of a local authority."""
    folder = tmp_path_factory.mktemp("run")
    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    tls = TLS(folder / "chain.pem", folder / "key.pem", stack.free_port())
    tls.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    tls.key.write_bytes(issued.private_key_pem.bytes())
    with stack.nginx(folder, tls, alone=True) as nginx:
        yield Service(nginx.address, tls.port, authority)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_it_answers_and_tells_browsers_to_stay(service: Service, version: ssl.TLSVersion) -> None:
    answer = service.ask(version=version)

    assert answer.status == 503  # no gunicorn
    assert answer.detail
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_older_protocols_are_refused(service: Service) -> None:
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        service.ask(version=ssl.TLSVersion.TLSv1_1)


def test_a_machine_of_one_s_own_is_not_told_to_stay(service: Service) -> None:
    assert "Strict-Transport-Security" not in service.ask("localhost").headers


def test_http_2_is_spoken(service: Service) -> None:
    with service.open(alpn=["h2", "http/1.1"]) as sock:
        assert sock.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_http_is_sent_on(service: Service, method: str) -> None:
    head = f"{method} /boards/b?limit=1 HTTP/1.1\r\nHost: {HOST}:80\r\nContent-Length: 0\r\n\r\n"
    answer = exchange(service.plain, head.encode())

    assert answer is not None
    assert answer.status == 308
    assert answer.headers["Location"] == f"https://{HOST}:{service.port}/boards/b?limit=1"
    assert "Strict-Transport-Security" not in answer.headers  # which means nothing there


def test_plain_http_on_the_port_of_tls_is_sent_on(service: Service) -> None:
    head = f"GET /boards/b HTTP/1.1\r\nHost: {HOST}:{service.port}\r\n\r\n"
    answer = exchange(f"http://127.0.0.1:{service.port}", head.encode())

    assert answer is not None
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{HOST}:{service.port}/boards/b")


def test_a_bad_request_is_not_sent_on(service: Service) -> None:
    answer = exchange(service.plain, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")

    assert answer is not None
    assert answer.status == 400
    assert answer.detail


def test_the_file_for_production_names_the_paths_of_production() -> None:
    text = (Path(stack.REPOSITORY) / "deploy" / "nginx.d" / "tls.conf").read_text()

    assert "ssl_certificate /etc/wz/tls/fullchain.pem;" in text

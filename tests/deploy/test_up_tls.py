"""`wz up --tls`: HTTPS, with a certificate that its clients can trust."""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deploy import certificates
from pipeline.store.clock import machine_now

from ..stack import PATIENCE, free_port
from .running import Up, mode, paste, running


@pytest.fixture(scope="module")
def tls_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, tls_port: int) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("tls"), "--tls", "--tls-port", str(tls_port), "--workers", "1") as up:
        yield up


def test_the_curl_commands_trust_it(up: Up, tls_port: int) -> None:
    event, reward = (line for line in up.text.splitlines() if line.startswith("curl "))

    assert f"https://127.0.0.1:{tls_port}/" in event
    assert paste(event, f"Authorization: {up.authorization}")[0] == 201
    assert paste(reward, f"Authorization: {up.authorization}")[0] == 200


def test_the_connection_string_is_for_https(up: Up, tls_port: int) -> None:
    assert f"Endpoint=sb://127.0.0.1:{tls_port}/;" in up.text
    assert "UseDevelopmentEmulator" not in up.text


def test_who_does_not_know_the_authority_trusts_nothing(tls_port: int, up: Up) -> None:
    connection = http.client.HTTPSConnection("127.0.0.1", tls_port, timeout=PATIENCE)

    with closing(connection), pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/healthz")


def test_plain_http_is_sent_on(up: Up, tls_port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/boards/a?limit=1")
        response = connection.getresponse()

        assert response.status == 308
        assert response.headers["Location"] == f"https://127.0.0.1:{tls_port}/boards/a?limit=1"


def test_nobody_else_can_read_the_keys(up: Up) -> None:
    assert {mode(file) for file in (up.state / "tls").iterdir()} == {0o600}


def test_a_certificate_is_kept_until_it_is_near_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, key = certificates.certificate(tmp_path)
    authority = (tmp_path / "tls" / "authority.pem").read_text()
    first = file.read_text()
    assert certificates.certificate(tmp_path) == (file, key)
    assert file.read_text() == first

    monkeypatch.setattr(certificates, "machine_now", lambda: machine_now() + timedelta(days=370))
    certificates.certificate(tmp_path)

    assert file.read_text() != first
    assert (tmp_path / "tls" / "authority.pem").read_text() == authority
    left = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc - machine_now()
    assert left > timedelta(days=700)


def test_without_its_authority_a_certificate_is_made_anew(tmp_path: Path) -> None:
    file, _key = certificates.certificate(tmp_path)
    first = file.read_text()
    os.unlink(tmp_path / "tls" / "authority.key")

    certificates.certificate(tmp_path)

    assert file.read_text() != first


def test_it_is_good_for_each_host_that_clients_call(tmp_path: Path) -> None:
    """A new host has it made anew; one that is no longer among them does not, nor what is no name."""
    file, _key = certificates.certificate(tmp_path, ["contoso.servicebus.windows.net", "10.0.0.7", "a b", "::1", ""])
    found = x509.load_pem_x509_certificate(file.read_bytes()).extensions
    names = [str(one.value) for one in found.get_extension_for_class(x509.SubjectAlternativeName).value]
    first = file.read_text()

    certificates.certificate(tmp_path)
    assert sorted(names) == ["10.0.0.7", "127.0.0.1", "contoso.servicebus.windows.net", "localhost"]
    assert file.read_text() == first
    certificates.certificate(tmp_path, ["fabrikam.servicebus.windows.net"])
    assert file.read_text() != first

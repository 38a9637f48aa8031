from __future__ import annotations

import pytest

from pipeline.connection_string import ConnectionString
from pipeline.hub.own_address import OwnAddress, is_loopback
from pipeline.settings import Settings


def string(endpoint: str, development: bool = False) -> ConnectionString:
    return ConnectionString(endpoint, "root", "key", development=development)


@pytest.mark.parametrize(
    ("root", "hosts", "upstream", "is_own"),
    [
        pytest.param("sb://ns.example.com/", (), "sb://NS.example.com/", True, id="the same"),
        pytest.param("sb://ns.example.com/", (), "https://ns.example.com.:443", True, id="the same, spelt out"),
        pytest.param("sb://ns.example.com/", (), "sb://ns.example.com:8443/", False, id="another port"),
        pytest.param("sb://ns.example.com/", (), "http://ns.example.com/", False, id="the port of plain HTTP"),
        pytest.param("sb://ns.example.com/", ("other.example.com",), "sb://other.example.com/", True, id="of WZ_HOSTS"),
        pytest.param("sb://ns.example.com/", (), "sb://up.example.com/", False, id="another host"),
        pytest.param("http://127.0.0.1:8080/", (), "http://localhost:8080", True, id="localhost"),
        pytest.param("http://localhost:8080/", (), "http://[::1]:8080", True, id="loopback of IPv6"),
        pytest.param("http://127.0.0.1:8080/", (), "http://127.1:8080", True, id="loopback in short"),
        pytest.param("http://127.0.0.1:8080/", (), "http://0.0.0.0:8080", True, id="all addresses"),
        pytest.param("http://127.0.0.1:8080/", (), "http://127.0.0.1:8081", False, id="another one on this machine"),
        pytest.param("sb://ns.example.com:8080/", (), "http://127.0.0.1:8080", False, id="what only hops can tell"),
    ],
)
def test_which_upstream_is_this_service(root: str, hosts: tuple[str, ...], upstream: str, is_own: bool) -> None:
    own = OwnAddress.from_settings(Settings(connection_string=string(root), hosts=frozenset(hosts)))

    assert own.is_at(string(upstream)) == is_own
    assert bool(own.why_not(string(upstream), "Events", "events")) == is_own
    assert not own.why_not(string(upstream), "archive", "events")


def test_without_a_root_rule_nothing_is_known() -> None:
    assert not OwnAddress.from_settings(Settings()).is_at(string("http://127.0.0.1:8080"))


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "127.255.0.1", "::1", "::ffff:127.0.0.1", "0x7f000001", "::"]
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "example.com", "localhost.example.com", "10.0.0.1", "::2", "128.1"])
def test_no_loopback(host: str) -> None:
    assert not is_loopback(host)

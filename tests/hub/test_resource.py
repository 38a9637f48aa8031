from __future__ import annotations

import pytest

from pipeline.hub.resource import covers, publisher_names

HOSTS = frozenset({"ns.servicebus.windows.net"})
HUB = "sb%3A%2F%2Fns.servicebus.windows.net%2Fevents"


@pytest.mark.parametrize(
    ("escaped", "name", "covered"),
    [
        pytest.param("dev-1", "dev-1", True, id="its own"),
        pytest.param("Dev-1", "dEV-1", True, id="case"),
        pytest.param("dev", "dev-1", False, id="half"),
        pytest.param("dev-1", "dev-2", False, id="other"),
        pytest.param("a%20b", "a b", True, id="a name as it is"),
        pytest.param("a+b", "a b", True, id="a blank as a plus"),
        pytest.param("a%2Bb", "a+b", True, id="a plus"),
        pytest.param("a%2Bb", "a b", False, id="a plus is no blank"),
        pytest.param("a%252Bb", "a+b", True, id="a plus in a URL"),
        pytest.param("a%2520b", "a b", True, id="a name as in a URL"),
        pytest.param("a%2520b", "a%20b", True, id="or as it is"),
        pytest.param("d%25c3%25a9v", "dÉv", True, id="not ASCII, in a URL"),
        pytest.param("d%25E9v", "d\u00e9v", False, id="a URL that is not UTF-8"),
        pytest.param("a%252Fb", "a", False, id="a slash in a name"),
        pytest.param("%2562", "b", False, id="an escape that no URL has"),
        pytest.param("%2562", "%62", True, id="a percent sign"),
        pytest.param("%252562", "%62", True, id="a percent sign in a URL"),
        pytest.param("%252562", "b", False, id="nothing is decoded three times"),
        pytest.param("%2561dmin", "admin", False, id="half of a name in escapes"),
        pytest.param("b%3Fx", "b", False, id="a question mark in a name"),
        pytest.param("b%3Fx", "b?x", True, id="its own, with a question mark"),
        pytest.param("b%3Fapi-version%3D2014-01", "b", True, id="the query of a request"),
    ],
)
def test_a_publisher_s_token_is_good_for_that_publisher_only(escaped: str, name: str, covered: bool) -> None:
    for word in ("publishers", "publisher", "Publishers"):
        sr = f"{HUB}%2F{word}%2F{escaped}"
        assert covers(sr, HOSTS, ("events", "publishers", name, "messages"), any_case=True) is covered
        assert not covers(sr, HOSTS, ("events", "messages"), any_case=True)


def test_a_hub_may_be_named_as_the_word_for_publishers() -> None:
    sr = "sb%3A%2F%2Fns.servicebus.windows.net%2Fpublisher%2F"
    assert not covers(sr, HOSTS, ("events", "publishers", "dev-1", "messages"), any_case=True)
    assert covers(sr, HOSTS, ("publisher", "messages"), any_case=True)


def test_names_outside_hubs_keep_their_case() -> None:
    for name, covered in (("Ann", True), ("ann", False)):
        sr = f"https%3A%2F%2Fns.servicebus.windows.net%2Fboards%2F{name}"
        assert covers(sr, HOSTS, ("boards", "Ann"), any_case=False) is covered


@pytest.mark.parametrize(
    ("path", "name", "spelling", "names"),
    [
        pytest.param("", "Dev-1", "Dev-1", {"dev-1"}, id="of all publishers"),
        pytest.param("%2Fmessages", "Dev-1", "Dev-1", {"dev-1"}, id="of the hub's own path"),
        pytest.param("%2Fpublishers%2Fdev-1", "DEV-1", "dev-1", {"dev-1"}, id="as in the token"),
        pytest.param("%2Fpublisher%2FDev+1", "dev 1", "Dev 1", {"dev 1"}, id="with a blank"),
        pytest.param("%2Fpublishers%2FD%2520v", "d V", "D v", {"d v", "d%20v"}, id="as in a URL"),
        pytest.param("%2Fpublishers%2FD%2520v", "d%20V", "D%20v", {"d v", "d%20v"}, id="or as it is"),
        pytest.param(
            "%2Fpublishers%2Fdev-1%2Fmessages%3Fapi-version%3D2014-01", "Dev-1", "Dev-1", {"dev-1"}, id="of one request"
        ),
    ],
)
def test_a_token_says_how_its_publisher_is_spelt(path: str, name: str, spelling: str, names: set[str]) -> None:
    assert publisher_names(f"{HUB}{path}", name) == (spelling, names)


def test_a_long_address_is_read_in_no_time() -> None:
    sr = f"{HUB}%3F{'timeout=' * 50_000}/{'&timeout=1' * 50_000}/{'?' * 50_000}x"
    assert not covers(sr, HOSTS, ("events", "messages"), any_case=True)

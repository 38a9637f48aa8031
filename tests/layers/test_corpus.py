"""Each raw request of requests/ is answered as its file says, by gunicorn alone and behind nginx."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from deploy import servers
from deploy.differences import DIFFERENCES

from .conftest import Hops
from .corpus import STRICT, Case, cases, raw
from .probe import BY
from .wire import Answer

CASES = {case.name: case for case in cases()}
ROWS = {row.name: row for row in DIFFERENCES}
OLD = servers.version(servers.nginx()) < STRICT


@pytest.mark.parametrize("name", CASES)
def test_a_raw_request(hops: Hops, hop: str, name: str) -> None:
    case = CASES[name]

    outcome = hops.send(hop, case.request, markers=0 if hop in case.ends else 1)

    assert outcome.text == case.expected["nginx 1.22" if hop == "nginx" and OLD else hop]
    for line in case.arrives[hop] if outcome.handled else ():
        assert_arrived(outcome.handled[-1], line)
    for answer in outcome.answers:
        if answer.status >= "400" and BY not in answer.headers:
            assert_in_the_service_s_form(answer)


def assert_arrived(seen: dict[str, str], line: str) -> None:
    name, _, rest = line.partition(" ")
    expected = {"absent": None, "empty": ""}.get(rest, rest.removeprefix("= "))
    assert seen.get(name) == expected, line


def assert_in_the_service_s_form(answer: Answer) -> None:
    """A problem document, or the XML of Event Hubs, whose paths are all that are not another domain's."""
    request_id = answer.headers["X-Request-ID"]
    if answer.headers["Content-Type"] == "application/problem+json":
        problem = json.loads(answer.body)
        assert (str(problem["status"]), problem["request_id"]) == (answer.status, request_id)
    else:
        assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
        error = ElementTree.fromstring(answer.body)
        assert error.findtext("Code") == answer.status
        assert f"TrackingId:{request_id}" in error.findtext("Detail", "")


def test_a_refusal_has_the_form_of_its_path(hops: Hops, hop: str) -> None:
    problem, error = (
        hops.send(hop, CASES[name].request) for name in ("104-length-and-chunked", "441-broken-send-to-a-hub")
    )

    assert problem.answers[0].headers["Content-Type"] == "application/problem+json"
    assert error.answers[0].headers["Content-Type"] == "application/xml; charset=utf-8"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_where_the_hops_differ_the_table_says_why(case: Case) -> None:
    assert (len(set(case.expected.values())) > 1) == (case.differs is not None)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if "wsgi" not in row.answers])
def test_a_row_of_the_table_has_what_its_requests_are_answered(name: str) -> None:
    shown = [case.expected for case in CASES.values() if case.differs == name]
    answers = {layer: set(texts) for layer, texts in ROWS[name].answers.items()}

    assert {layer: {expected[layer] for expected in shown} for layer in answers} == answers
    if "nginx 1.22" not in answers:
        assert all(expected["nginx 1.22"] == expected["nginx"] for expected in shown)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        pytest.param("GET / HTTP/1.1\nHost: a\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", id="the head is ended"),
        pytest.param("A\n\nbody\\\n", b"A\r\n\r\nbody", id="a body without CRLF at its end"),
        pytest.param("A\n\n0\\r\\n\n", b"A\r\n\r\n0\r\n\r\n", id="the last chunk"),
        pytest.param("A\\\nB\\\\\n", b"AB\\\r\n\r\n", id="a backslash, and one at the end of a line"),
        pytest.param("\\x00\\0\\t\\n\\{a\\n*2}\n", b"\0\0\t\na\na\n\r\n\r\n", id="bytes"),
        pytest.param("\n\nA\n", b"\r\n\r\nA\r\n\r\n", id="empty lines first"),
    ],
)
def test_how_a_request_is_written(text: str, sent: bytes) -> None:
    assert raw(text) == sent

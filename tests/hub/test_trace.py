from __future__ import annotations

import pytest

from pipeline.hub import Event, Hub
from pipeline.hub.relay import Relay
from pipeline.hub.trace import trace_id, traceparent_of

from ..upstream import Answer, ScriptedUpstream

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
OTHER = f"00-{TRACE[::-1]}-00f067aa0ba902b7-00"


@pytest.mark.parametrize("traceparent", [PARENT, f"{PARENT[:-1]}0", f"cc{PARENT[2:]}", f"cc{PARENT[2:]}-more-of-it"])
def test_a_valid_traceparent(traceparent: str) -> None:
    assert trace_id(traceparent) == TRACE


@pytest.mark.parametrize(
    "traceparent",
    [
        pytest.param(PARENT.upper(), id="capitals"),
        pytest.param(f"ff{PARENT[2:]}", id="the version that is none"),
        pytest.param(f"{PARENT}-more", id="more than its version has"),
        pytest.param(f"cc{PARENT[2:]}more", id="more without a hyphen"),
        pytest.param(f"00-{'0' * 32}-00f067aa0ba902b7-01", id="no trace"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="no parent"),
        pytest.param(f" {PARENT}", id="a space"),
        pytest.param(f"{PARENT}\n", id="a line break"),
        pytest.param(TRACE, id="a trace alone"),
        pytest.param("", id="nothing"),
        pytest.param(7, id="a number"),
    ],
)
def test_an_invalid_one_is_as_none(traceparent: object) -> None:
    assert trace_id(traceparent) is None


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "Diagnostic-Id", "diagnostic-id"])
def test_an_event_has_it_by_the_names_that_senders_use(name: str) -> None:
    assert traceparent_of(Event(b"", properties={"a": 1, name: PARENT})) == PARENT


def test_the_standard_s_name_comes_first() -> None:
    both = {"Diagnostic-Id": OTHER, "traceparent": PARENT}

    assert traceparent_of(Event(b"", properties=both)) == PARENT
    assert traceparent_of(Event(b"", properties={**both, "traceparent": "?"})) == OTHER
    assert traceparent_of(Event(b"")) is None


def test_the_relay_passes_on_each_event_s_own(hub: Hub, relay: Relay, upstream: ScriptedUpstream) -> None:
    hub.append([Event(b"a", "k", "text/plain", {"traceparent": PARENT})])
    relay.step()

    (single,) = upstream.received
    assert single.headers["traceparent"] == PARENT


@pytest.mark.parametrize(("second", "header"), [(PARENT, PARENT), (OTHER, None), (None, None)])
def test_a_batch_of_one_trace_is_a_request_of_that_trace(
    hub: Hub, relay: Relay, upstream: ScriptedUpstream, second: str | None, header: str | None
) -> None:
    properties = [{"Diagnostic-Id": PARENT}, {} if second is None else {"traceparent": second}]
    hub.append([Event(b"a", "k", properties=its) for its in properties])
    relay.step()

    (batch,) = upstream.received
    assert batch.headers.get("traceparent") == header
    assert b'"Diagnostic-Id":"%s"' % PARENT.encode() in batch.body


def test_what_is_logged_of_a_refused_event_names_its_trace(
    hub: Hub, relay: Relay, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.script(Answer(400))
    hub.append([Event(b"a", properties={"traceparent": PARENT})])
    relay.step()

    (record,) = (record for record in caplog.records if "refused" in record.message)
    assert vars(record)["trace_id"] == TRACE

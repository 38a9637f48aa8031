"""GetMetadataPropertyValue: what an event says of itself, in each place of a query; and what has none is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from pipeline.hub.event import Event, StoredEvent
from pipeline.windows.engine.engine import Engine, OutputRow
from pipeline.windows.engine.event_times import TimePolicies
from pipeline.windows.engine.input_rows import EventReader, InputRows
from pipeline.windows.explanation.explain import explain
from pipeline.windows.jobs.job_toml import HubInput, JobConfig
from pipeline.windows.language.ticks import END, from_unix_ms, isoformat
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.language.values import to_json
from pipeline.windows.operators.faults import ROW, Faults
from pipeline.windows.planning.topology import topology

from ..support.run import planned

MS = 1_714_558_500_000
TIME = isoformat(from_unix_ms(MS))
NOW = from_unix_ms(MS + 7)

EVENT = StoredEvent(
    3,
    12,
    "1714558500000-4",
    MS,
    Event(
        b'{"n": 1}',
        "dev-1",
        "application/json",
        {"SenderClientId": "app", "a.b": 1.5, "iothub-connection-device-id": "device-9"},
        message_id="m-1",
    ),
)
PUBLISHED = StoredEvent(0, 0, "1714558500000-5", MS, Event(b'[{"n": 2}, {"n": 3}]', "bob", publisher="bob"))


def rows_of(query: str, events: Sequence[StoredEvent] = (EVENT,), counts: Counter[str] | None = None) -> list[Any]:
    """Return the rows that a query gives of events of its input Input, and of Other if it has that."""
    plan = planned(query)
    faults = Faults("job", Counter() if counts is None else counts)
    engine = Engine(plan, faults)
    given = []
    for name in plan.inputs:
        for partition in (0, 3):
            its_events = [event for event in events if event.partition == partition]
            reader = EventReader(plan.names, keeps_events=plan.reads_metadata)
            inputs = InputRows(plan.streams, name, TimePolicies(), faults)
            for stream, rows in inputs.by_stream(reader.rows(its_events, NOW, faults)):
                given += engine.feed(stream, rows)
    given += engine.advance(END, 100)
    assert all(isinstance(row, OutputRow) for row in given)
    return [msgspec.json.decode(to_json(row.columns)) for row in given if isinstance(row, OutputRow)]


def value_of(name: str, event: StoredEvent = EVENT) -> Any:
    (row, *_) = rows_of(f"SELECT GetMetadataPropertyValue(Input, '{name}') AS v FROM Input", [event])
    return row["v"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("[EventHub].[EventEnqueuedUtcTime]", TIME),
        ("[EventHub].[EventProcessedUtcTime]", isoformat(NOW)),
        ("[EventHub].[PartitionId]", 3),
        ("[EventHub].[Offset]", "1714558500000-4"),
        ("[EventHub].[SequenceNumber]", 12),
        ("[EventHub].[PartitionKey]", "dev-1"),
        ("[EventHub].[Publisher]", None),
        ("EventHub.SequenceNumber", 12),
        ("eventhub.sequencenumber", 12),
        ("[User].[SenderClientId]", "app"),
        ("[User].[senderclientid]", "app"),
        ("[User].[a.b]", 1.5),
        ("User.a.b", 1.5),
        ("[User].SenderClientId", "app"),
        ("[User].[nothing]", None),
        ("IoTHub.ConnectionDeviceId", "device-9"),
        ("[EventHub].[IoTConnectionDeviceId]", "device-9"),
        ("IoTHub.MessageId", "m-1"),
        ("IoTHub.CorrelationId", None),
    ],
)
def test_a_property_by_its_name(name: str, value: Any) -> None:
    assert value_of(name) == value


def test_all_properties_of_a_kind_are_a_record() -> None:
    assert value_of("[User]") == dict(EVENT.event.properties)
    assert value_of("EventHub") == {
        "EventEnqueuedUtcTime": TIME,
        "EventProcessedUtcTime": isoformat(NOW),
        "PartitionId": 3,
        "Offset": "1714558500000-4",
        "SequenceNumber": 12,
        "PartitionKey": "dev-1",
        "Publisher": None,
    }
    assert value_of("IoTHub")["ConnectionDeviceId"] == "device-9"
    assert value_of("[EventHub].[Publisher]", PUBLISHED) == "bob"


def test_an_event_id_is_the_same_each_time_and_another_for_each_record() -> None:
    query = "SELECT GetMetadataPropertyValue(Input, 'EventId') AS id FROM Input"
    ids = [row["id"] for row in rows_of(query, [EVENT, PUBLISHED])]

    assert ids == [row["id"] for row in rows_of(query, [EVENT, PUBLISHED])]
    assert len(set(ids)) == 3


N = "GetMetadataPropertyValue(i, '[EventHub].[SequenceNumber]')"
CLIENT = "GetMetadataPropertyValue(i, '[User].[SenderClientId]')"
OTHER = "GetMetadataPropertyValue(o, '[EventHub].[SequenceNumber]')"
BOTH = (EVENT, PUBLISHED)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        pytest.param(
            f"SELECT *, {N} AS s FROM Input i", [{"n": 1, "s": 12}, {"n": 2, "s": 0}, {"n": 3, "s": 0}], id="*"
        ),
        pytest.param(f"SELECT n FROM Input i WHERE {CLIENT} = 'app'", [{"n": 1}], id="WHERE"),
        pytest.param(f"SELECT {N} + n AS s FROM Input i WHERE n < 3", [{"s": 2}, {"s": 13}], id="an expression"),
        pytest.param(
            f"SELECT {CLIENT} AS c, MAX({N}) AS s FROM Input i GROUP BY {CLIENT}, TumblingWindow(minute, 5)",
            [{"c": None, "s": 0}, {"c": "app", "s": 12}],
            id="GROUP BY",
        ),
        pytest.param(
            f"SELECT n, {N} AS s, LAG(n) OVER (PARTITION BY PartitionId LIMIT DURATION(minute, 5)) AS before "
            "FROM Input i",
            [{"n": 2, "s": 0, "before": None}, {"n": 3, "s": 0, "before": 2}, {"n": 1, "s": 12, "before": None}],
            id="beside an analytic function",
        ),
        pytest.param(
            f"SELECT i.n AS a, o.n AS b, {N} AS s, {OTHER} AS t FROM Input i JOIN Other o "
            f"ON DATEDIFF(minute, i, o) BETWEEN 0 AND 1 AND {N} = 12 AND {OTHER} = 0",
            [{"a": 1, "b": 2, "s": 12, "t": 0}, {"a": 1, "b": 3, "s": 12, "t": 0}],
            id="JOIN",
        ),
        pytest.param(
            f"SELECT e.ArrayIndex AS i, {N} AS s FROM Input i CROSS APPLY GetArrayElements(i.list) AS e WHERE {N} = 12",
            [],
            id="APPLY without elements",
        ),
        pytest.param(
            f"SELECT i.n, e.PropertyName AS p, {N} AS s FROM Input i OUTER APPLY GetRecordProperties(i.r) AS e "
            f"WHERE {CLIENT} = 'app'",
            [{"n": 1, "p": None, "s": 12}],
            id="APPLY",
        ),
        pytest.param(
            f"WITH Named AS (SELECT n, {CLIENT} AS c FROM Input i) SELECT n, c FROM Named WHERE c = 'app'",
            [{"n": 1, "c": "app"}],
            id="a step that names it",
        ),
        pytest.param(
            "SELECT n, GetMetadataPropertyValue(Input, 'User.SenderClientId') AS c FROM Input AS i WHERE n = 1",
            [{"n": 1, "c": "app"}],
            id="by the input's name beside an alias",
        ),
    ],
)
def test_where_it_may_stand(query: str, rows: list[Any]) -> None:
    added = {"EventProcessedUtcTime", "PartitionId", "EventEnqueuedUtcTime"}
    given = [{name: value for name, value in row.items() if name not in added} for row in rows_of(query, BOTH)]

    assert sorted(given, key=str) == sorted(rows, key=str)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT {}(Input, 'Blob') AS v FROM Input", r"1:40: an event has no 'Blob': there are \[EventHub\]\.\[Event"),
        (
            "SELECT {}(Input, '[EventHub].[Nope]') AS v FROM Input",
            r"an event has no '\[EventHub\]\.\[Nope\]': there are",
        ),
        ("SELECT {}(Input, '') AS v FROM Input", "an event has no ''"),
        ("SELECT {}(Input, 'EventId.x') AS v FROM Input", "an event has no 'EventId.x'"),
        ("SELECT {}(Input) AS v FROM Input", "takes 2 arguments, not 1"),
        ("SELECT {}(Input, n) AS v FROM Input", "takes an input and a name in quotes"),
        ("SELECT {}('Input', 'EventId') AS v FROM Input", "takes an input and a name in quotes"),
        ("SELECT {}(Other, 'EventId') AS v FROM Input", "is here about Input, and not about Other"),
        (
            "SELECT {}(Input, 'EventId') AS v FROM Input a JOIN Input b ON DATEDIFF(minute, a, b) BETWEEN 0 AND 1",
            "is here about a or b, and not about Input",
        ),
        ("SELECT {}(e, 'EventId') AS v FROM Input CROSS APPLY GetArrayElements(n) AS e", "is about an input, and e is"),
        (
            "WITH S AS (SELECT n FROM Input) SELECT {}(S, 'EventId') AS v FROM S",
            "is about an input, and S is none: select",
        ),
        ("SELECT n FROM Input TIMESTAMP BY {}(Input, '[User].[t]')", "is not allowed in TIMESTAMP BY"),
        ("SELECT LAG({}(Input, 'EventId')) OVER (LIMIT DURATION(minute, 1)) AS v FROM Input", "can't be in LAG"),
        (
            "SELECT TopOne() OVER (ORDER BY n) AS v, MAX({}(Input, '[User].[x]')) AS x FROM Input "
            "GROUP BY TumblingWindow(minute, 1)",
            "TOPONE without an expression takes a whole row",
        ),
    ],
)
def test_what_is_refused(query: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        planned(query.format("GetMetadataPropertyValue"))


def test_rows_have_their_events_only_if_the_query_asks_for_them() -> None:
    assert not planned("SELECT * FROM Input").reads_metadata
    assert not planned(f"WITH S AS (SELECT {N} AS s FROM Input i) SELECT n FROM Input").reads_metadata
    assert planned(f"SELECT {N} AS s FROM Input i").reads_metadata


def test_an_integer_that_is_too_large_leaves_the_row_out() -> None:
    large = StoredEvent(0, 0, "1-0", MS, Event(b"{}", properties={"x": 2**63}))
    counts: Counter[str] = Counter()
    query = "SELECT GetMetadataPropertyValue(Input, '[User].[x]') AS v FROM Input"

    assert rows_of(query, [large, EVENT], counts) == [{"v": None}]
    assert counts == {ROW: 1}


def test_it_is_computed_for_each_partition_by_itself_and_explained() -> None:
    plan = planned(f"SELECT i.k, MAX({N}) AS s FROM Input i GROUP BY i.k, TumblingWindow(minute, 5)")

    assert topology(plan, {"Input": "k"}).is_embarrassingly_parallel
    told = explain(plan, JobConfig({"Input": HubInput(hub="events", partition_key="k")}, {}))
    assert "output: GETMETADATAPROPERTYVALUE(i, '[EventHub].[SequenceNumber]')" in told

"""CROSS APPLY and OUTER APPLY, from the query's text to rows. Times are seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.windows.engine.engine import Engine, OutputRow
from pipeline.windows.explanation.explain import explain
from pipeline.windows.jobs.job_toml import HubInput, JobConfig
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.operators import elements
from pipeline.windows.operators.codec import pack, unpack
from pipeline.windows.operators.faults import ROW, Faults
from pipeline.windows.operators.reference import Version
from pipeline.windows.planning.topology import topology

from ..support.reference import applied
from ..support.run import Event, planned, rows_of, run

Columns = dict[str, Any]


def columns_of(text: str, events: Iterable[Columns], **more: Any) -> list[Columns]:
    """Run a query over events of one second after another; return the rows of its only output, without their times."""
    (rows,) = run(text, [(place + 1, event) for place, event in enumerate(events)], **more).values()
    return [columns for _, columns in rows]


# Microsoft's own examples: learn.microsoft.com/stream-analytics-query, and azure/stream-analytics/...-parsing-json

SENSOR = {
    "DeviceId": "12345",
    "Location": {"Lat": 47, "Long": 122},
    "SensorReadings": {
        "Temperature": 80,
        "Humidity": 70,
        "CustomSensor01": 5,
        "CustomSensor02": 99,
        "SensorMetadata": {"Manufacturer": "ABC", "Version": "1.2.45"},
    },
}
SENSOR_OF_ARRAYS = {
    "DeviceId": "12345",
    "SensorReadings": {
        "Temperature": 80,
        "Humidity": 70,
        "CustomSensor01": 5,
        "CustomSensor02": 99,
        "CustomSensor03": [12, -5, 0],
    },
    "SensorMetadata": [{"smKey": "Manufacturer", "smValue": "ABC"}, {"smKey": "Version", "smValue": "1.2.45"}],
}
CUSTOM_SENSORS = [
    {"DeviceId": "123", "SensorReadings": {"Temperature": 80, "Humidity": 70, "CustomSensor": [1, 1, 0]}},
    {"DeviceId": "631", "SensorReadings": {"Temperature": 81, "Humidity": 69, "CustomSensor": [0, 1, 0]}},
]
CARS = [
    {"TollId": 1, "EntryTime": "2014-09-10T12:11:00Z", "Licenses": ["NJB 1006", "TRL 7"]},
    {"TollId": 2, "EntryTime": "2014-09-10T12:12:00Z", "Licenses": []},
]

EXAMPLES = [
    pytest.param(
        """SELECT e.TollId, e.EntryTime,
           flat.ArrayValue AS licensePlate, flat.ArrayIndex AS licensePlateIndex
           FROM input AS e
           OUTER APPLY GetArrayElements(e.Licenses) AS flat""",
        CARS,
        [
            (1, "2014-09-10T12:11:00Z", "NJB 1006", 0),
            (1, "2014-09-10T12:11:00Z", "TRL 7", 1),
            (2, "2014-09-10T12:12:00Z", None, None),
        ],
        id="apply: a car without a license plate",
    ),
    pytest.param(
        """WITH firstQuery AS (
           SELECT input.TollId, input.EntryTime,
           flat.ArrayIndex AS i1, flat.ArrayValue AS licenses
              FROM input
              CROSS APPLY GetArrayElements(input.ArrayOfArray) AS flat)

        SELECT firstQuery.TollId, firstQuery.EntryTime, firstQuery.i1,
        flat2.ArrayIndex AS i2, flat2.ArrayValue AS license
           FROM firstQuery
           CROSS APPLY GetArrayElements(firstQuery.licenses) AS flat2""",
        [{"TollId": 1, "EntryTime": "t", "ArrayOfArray": [["a", "b"], [], ["c"]]}],
        [(1, "t", 0, 0, "a"), (1, "t", 0, 1, "b"), (1, "t", 2, 0, "c")],
        id="apply: an array of arrays",
    ),
    pytest.param(
        """SELECT
            arrayElement.ArrayIndex,
            arrayElement.ArrayValue
        FROM input as event
        CROSS APPLY GetArrayElements(event.arrayField) AS arrayElement""",
        [{"arrayField": ["x", "y"]}],
        [(0, "x"), (1, "y")],
        id="getarrayelements",
    ),
    pytest.param(
        """SELECT
            recordProperty.PropertyName,
            recordProperty.PropertyValue
        FROM input as event
        CROSS APPLY GetRecordProperties(event.recordField) AS recordProperty""",
        [{"recordField": {"a": 1, "b": None}}],
        [("a", 1), ("b", None)],
        id="getrecordproperties",
    ),
    pytest.param(
        """SELECT
            i.DeviceId,
            CustomerSensorValue.ArrayValue AS CustomerSensorValue
        FROM input AS i
        CROSS APPLY GetArrayElements(i.SensorReadings.CustomSensor) AS CustomerSensorValue""",
        CUSTOM_SENSORS,
        [("123", 1), ("123", 1), ("123", 0), ("631", 0), ("631", 1), ("631", 0)],
        id="getarrayelement: unfold the array",
    ),
    pytest.param(
        """SELECT
            i.DeviceId,
            SUM(CustomerSensorValue.ArrayValue) AS CustomerSensorTotal
        FROM input AS i
        CROSS APPLY GetArrayElements(i.SensorReadings.CustomSensor) AS CustomerSensorValue
        GROUP BY i.DeviceId, TumblingWindow(minute, 1)""",
        CUSTOM_SENSORS,
        [("123", 2), ("631", 1)],
        id="getarrayelement: aggregate the content",
    ),
    pytest.param(
        """SELECT
            event.DeviceID,
            sensorReading.PropertyName,
            sensorReading.PropertyValue
        FROM input as event
        CROSS APPLY GetRecordProperties(event.SensorReadings) AS sensorReading""",
        [SENSOR],
        [
            ("12345", "Temperature", 80),
            ("12345", "Humidity", 70),
            ("12345", "CustomSensor01", 5),
            ("12345", "CustomSensor02", 99),
            ("12345", "SensorMetadata", {"Manufacturer": "ABC", "Version": "1.2.45"}),
        ],
        id="parsing json: record fields into separate events",
    ),
    pytest.param(
        """SELECT
            DeviceId,
            CustomSensor03Record.ArrayIndex,
            CustomSensor03Record.ArrayValue
        FROM input
        CROSS APPLY GetArrayElements(SensorReadings.CustomSensor03) AS CustomSensor03Record""",
        [SENSOR_OF_ARRAYS],
        [("12345", 0, 12), ("12345", 1, -5), ("12345", 2, 0)],
        id="parsing json: array elements into separate events",
    ),
    pytest.param(
        """SELECT
            i.DeviceId,
            SensorMetadataRecords.ArrayValue.smKey as smKey,
            SensorMetadataRecords.ArrayValue.smValue as smValue
        FROM input i
        CROSS APPLY GetArrayElements(SensorMetadata) AS SensorMetadataRecords""",
        [SENSOR_OF_ARRAYS],
        [("12345", "Manufacturer", "ABC"), ("12345", "Version", "1.2.45")],
        id="parsing json: properties of the elements",
    ),
]


@pytest.mark.parametrize(("query", "events", "expected"), EXAMPLES)
def test_an_example_of_the_documentation(query: str, events: list[Columns], expected: list[tuple[Any, ...]]) -> None:
    assert [tuple(row.values()) for row in columns_of(query, events)] == expected


def test_the_documentation_sends_properties_to_outputs_of_their_own() -> None:
    rows = run(
        """WITH Stage0 AS
        (
            SELECT
                event.DeviceID,
                sensorReading.PropertyName,
                sensorReading.PropertyValue
            FROM input as event
            CROSS APPLY GetRecordProperties(event.SensorReadings) AS sensorReading
        )

        SELECT DeviceID, PropertyValue AS Temperature INTO TemperatureOutput FROM Stage0
        WHERE PropertyName = 'Temperature'
        SELECT DeviceID, PropertyValue AS Humidity INTO HumidityOutput FROM Stage0 WHERE PropertyName = 'Humidity'""",
        [(1, SENSOR)],
    )

    assert rows == {
        "TemperatureOutput": [(1, {"DeviceID": "12345", "Temperature": 80})],
        "HumidityOutput": [(1, {"DeviceID": "12345", "Humidity": 70})],
    }


def test_the_documentation_pivots_elements_into_columns() -> None:
    rows = run(
        """WITH DynamicCTE AS (
            SELECT
                i.DeviceId,
                SensorMetadataRecords.ArrayValue.smKey as smKey,
                SensorMetadataRecords.ArrayValue.smValue as smValue
            FROM input i
            CROSS APPLY GetArrayElements(SensorMetadata) AS SensorMetadataRecords
        )

        SELECT
            i.DeviceId,
            i.Location.*,
            V.smValue AS 'smVersion',
            M.smValue AS 'smManufacturer'
        FROM input i
        LEFT JOIN DynamicCTE V ON V.smKey = 'Version' and V.DeviceId = i.DeviceId AND DATEDIFF(minute,i,V) BETWEEN 0 AND 0
        LEFT JOIN DynamicCTE M ON M.smKey = 'Manufacturer' and M.DeviceId = i.DeviceId AND DATEDIFF(minute,i,M) BETWEEN 0 AND 0
        """,  # noqa: E501
        [(1, {**SENSOR_OF_ARRAYS, "Location": SENSOR["Location"]})],
    )["output"]

    assert [tuple(columns.values()) for _, columns in rows] == [("12345", 47, 122, "1.2.45", "ABC")]


# What the pages say in words, and what is not on them

ONE = {"id": 1, "list": [1, None], "record": {"x": [5], "y": "why"}}
ELEMENTS: list[Columns] = [{"ArrayIndex": 0, "ArrayValue": 1}, {"ArrayIndex": 1, "ArrayValue": None}]


def test_a_star_gives_the_payload_and_the_record_of_the_element() -> None:
    """APPLY's page, Return Types: 'a record containing the initial payload and a record element_name'."""
    assert columns_of("SELECT * FROM i CROSS APPLY GetArrayElements(list) AS e", [ONE]) == [
        {**ONE, "e": element} for element in ELEMENTS
    ]
    assert columns_of("SELECT * FROM i OUTER APPLY GetArrayElements(none) AS e", [ONE]) == [{**ONE, "e": None}]
    assert columns_of("SELECT * FROM i CROSS APPLY GetArrayElements(list) AS ID", [ONE]) == [ONE, ONE]  # left wins


def test_the_alias_is_a_record() -> None:
    assert columns_of("SELECT e, E.* FROM i CROSS APPLY GetArrayElements(list) e", [ONE]) == [
        {"e": element, **element} for element in ELEMENTS
    ]
    assert columns_of("SELECT e.* FROM i OUTER APPLY GetArrayElements(none) AS e", [ONE]) == [
        {"ArrayIndex": None, "ArrayValue": None}
    ]
    assert columns_of(
        "SELECT e.ArrayValue.* FROM i CROSS APPLY GetArrayElements(list) e", [{"list": [{"a": 1}, 2]}]
    ) == [
        {"a": 1},
        {},
    ]


def test_applies_follow_each_other_and_may_be_about_each_other() -> None:
    text = (
        "SELECT p.PropertyName AS name, v.ArrayValue AS value, e.ArrayIndex AS i FROM i "
        "CROSS APPLY GetRecordProperties(record) AS p OUTER APPLY GetArrayElements(TRY_CAST(p.PropertyValue AS array)) "
        "AS v CROSS APPLY GetArrayElements(i.list) AS e"
    )

    assert [tuple(row.values()) for row in columns_of(text, [ONE])] == [
        ("x", 5, 0), ("x", 5, 1), ("y", None, 0), ("y", None, 1),
    ]  # fmt: skip


def test_what_is_applied_may_be_the_value_of_an_analytic_function() -> None:
    text = (
        "SELECT id, e.ArrayValue AS v, LAG(id) OVER (LIMIT DURATION(hour, 1)) AS before, ISFIRST(hour, 1) AS first "
        "FROM i CROSS APPLY GetArrayElements(LAG(list) OVER (LIMIT DURATION(hour, 1))) AS e"
    )

    rows = columns_of(text, [{"id": 1, "list": ["a", "b"]}, {"id": 2, "list": ["c"]}, {"id": 3}])

    assert [tuple(row.values()) for row in rows] == [(2, "a", 1, 0), (2, "b", 1, 0), (3, "c", 2, 0)]


STREAM_JOIN = "JOIN b ON b.id = {} AND DATEDIFF(second, a, b) BETWEEN 0 AND 9"


@pytest.mark.parametrize(
    "joined",
    [
        f"CROSS APPLY GetArrayElements(a.list) AS e {STREAM_JOIN.format('e.ArrayValue')}",
        f"{STREAM_JOIN.format('b.id')} CROSS APPLY GetArrayElements(a.list) AS e",
        "CROSS APPLY GetArrayElements(a.list) AS e JOIN t ON t.id = e.ArrayValue JOIN b ON b.id = t.id AND "
        "DATEDIFF(second, a, b) BETWEEN 0 AND 9",
    ],
    ids=["before", "after", "before two"],
)
def test_a_join_may_come_before_or_after(joined: str) -> None:
    """Where it comes after, ON has no key of the left side, and WHERE has the rest."""
    events: dict[str, list[Event]] = {
        "a": [(1, {"list": [7, 8]}), (2, {"list": [8, 9]})],
        "b": [(3, {"id": 8}), (4, {"id": 9}), (30, {"id": 7})],
    }
    text = f"SELECT e.ArrayIndex AS i, b.id FROM a {joined} WHERE e.ArrayValue = b.id"

    rows = run(text, events, tables={"t": _Table({"id": 7}, {"id": 8}, {"id": 9})})["output"]

    assert rows == [(3, {"i": 1, "id": 8}), (3, {"i": 0, "id": 8}), (4, {"i": 1, "id": 9})]


class _Table:
    def __init__(self, *records: Columns) -> None:
        self.version = Version(records)

    def version_at(self, time: int) -> Version:
        return self.version

    def refresh(self) -> None:
        pass


def test_null_has_no_elements_and_another_type_is_a_fault_of_the_row() -> None:
    faults = Counter[str]()
    text = "SELECT id, e.ArrayIndex FROM i OUTER APPLY GetArrayElements(list) AS e"

    rows = columns_of(
        text, [{"id": 1}, {"id": 2, "list": "[1]"}, {"id": 3, "list": {"a": 1}}, {"id": 4, "list": [0]}], faults=faults
    )

    assert rows == [{"id": 1, "ArrayIndex": None}, {"id": 4, "ArrayIndex": 0}]
    assert faults == {ROW: 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT GetArrayElements(a) AS x FROM i", "1:8: GetArrayElements gives rows: write CROSS APPLY GetArrayEl"),
        ("SELECT a FROM i CROSS APPLY GetArrayElement(a, 0) AS x", "1:29: expected GetArrayElements or GetRecordProp"),
        ("SELECT a FROM i CROSS APPLY GetArrayElements(a)", "1:48: expected AS and a name for the elements"),
        ("SELECT a FROM i CROSS APPLY GetArrayElements(a, b) AS x", r"1:47: expected an operator or \)"),
        ("SELECT a FROM i CROSS JOIN b", "CROSS JOIN is not supported"),
        ("SELECT a FROM i CROSS APPLY GetArrayElements(a) AS I", "1:52: two sources are called I"),
        ("SELECT a FROM i CROSS APPLY GetArrayElements(x.b) AS x", None),
        ("SELECT x.b FROM i CROSS APPLY GetArrayElements(a) AS x", "x has no column b; it has ArrayIndex, ArrayValue"),
        ("SELECT ArrayValue FROM i CROSS APPLY GetArrayElements(a) AS x", "write i.ArrayValue or x.ArrayValue"),
        (
            "SELECT LAG(x.ArrayValue) OVER (LIMIT DURATION(day, 1)) AS b FROM i CROSS APPLY GetArrayElements(a) AS x",
            "LAG can't be about x: APPLY in a step before",
        ),
        (
            "SELECT a FROM i CROSS APPLY GetArrayElements(a) AS x TIMESTAMP BY x.ArrayValue",
            "1:54: TIMESTAMP BY is for inputs: an element can't give the time",
        ),
        (
            "SELECT TopOne() OVER (ORDER BY t) AS x FROM i CROSS APPLY GetArrayElements(a) AS x "
            "GROUP BY TumblingWindow(second, 1)",
            "beside a JOIN, APPLY or an analytic function",
        ),
        (
            "SELECT x.ArrayIndex AS n FROM i CROSS APPLY GetArrayElements(a) AS x JOIN b ON "
            "DATEDIFF(second, x, b) BETWEEN 0 AND 1",
            "x has no time for DATEDIFF",
        ),
        ("SELECT * FROM i CROSS APPLY GetArrayElements(a) AS x JOIN t ON t.a = 1", r"write i\.\*, x\.\*, t\.\*"),
    ],
)
def test_what_has_no_meaning_is_refused(text: str, message: str | None) -> None:
    if message is None:  # x.b is the property b of a column x: the elements are not there yet
        planned(text)
        return
    with pytest.raises(QueryError, match=message):
        planned(text, ["t"])


def test_an_event_becomes_no_more_rows_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two arrays are multiplied, in one FROM or in two steps. Another event counts anew."""
    monkeypatch.setattr(elements, "MOST", 10)
    in_one = "SELECT x.ArrayIndex AS a, y.ArrayIndex AS b FROM i {a}CROSS APPLY GetArrayElements(b) AS y"
    in_two = (
        "WITH s AS (SELECT x.ArrayIndex AS a, b FROM i {a}) "
        "SELECT a, y.ArrayIndex AS b FROM s CROSS APPLY GetArrayElements(b) AS y"
    )
    for text in (in_one, in_two):
        faults = Counter[str]()
        events = [{"a": [0] * 4, "b": [0] * 3}, {"a": [0] * 11, "b": []}, {"a": [0] * 5, "b": [0, 0]}]

        rows = columns_of(text.format(a="CROSS APPLY GetArrayElements(a) AS x "), events, faults=faults)

        assert len(rows) == 9 + 0 + 10
        assert faults == {ROW: 2}  # the fourth element of the first event, and the second event


def test_the_elements_of_a_large_event_are_passed_on_in_parts() -> None:
    plan = planned(
        "SELECT COUNT(*) AS n, MAX(e.ArrayIndex) AS last FROM i CROSS APPLY GetArrayElements(a) AS e "
        "GROUP BY TumblingWindow(second, 1)"
    )
    engine = Engine(plan, Faults("test", Counter()))
    (place,) = engine._operators
    fed: list[int] = []
    feed = engine._operators[place].feed
    engine._operators[place].feed = lambda port, rows: (fed.append(len(rows)), feed(port, rows))[1]  # type: ignore

    engine.feed(0, rows_of(plan, 0, [(0.5, {"a": [None] * 100_000})]))
    (row,) = engine.advance(10**19, 10)

    assert isinstance(row, OutputRow)
    assert row.columns == {"n": 100_000, "last": 99_999}
    assert max(fed) <= 1_000


def test_rows_have_arrivals_of_their_own_which_a_replay_gives_again() -> None:
    """They are what ids of rows are made of. The state and the exchange pack them."""
    plan = planned(
        "SELECT e.ArrayIndex AS n FROM i CROSS APPLY GetArrayElements(a) AS e OUTER APPLY GetArrayElements(a) AS f"
    )
    rows = rows_of(plan, 0, [(1, {"a": [1, 2, 3]}), (1, {"a": [4]}), (2, {"a": []})])
    whole = Engine(plan, Faults("test", Counter())).feed(0, rows)
    engine = Engine(plan, Faults("test", Counter()))
    one_by_one = [given for row in rows for given in engine.feed(0, [row])]

    assert len(whole) == 10
    assert len({row.arrival for row in whole if isinstance(row, OutputRow)}) == 10
    assert one_by_one == whole
    assert [unpack(pack(row.arrival)) for row in whole if isinstance(row, OutputRow)] == [
        row.arrival for row in whole if isinstance(row, OutputRow)
    ]


def test_the_key_of_partitions_goes_through_and_explain_shows_the_node() -> None:
    plan = planned(
        "WITH s AS (SELECT i.device, x.ArrayValue AS v FROM i CROSS APPLY GetArrayElements(i.list) AS x) "
        "SELECT s.device, COUNT(*) AS n FROM s OUTER APPLY GetRecordProperties(s.v) AS y "
        "GROUP BY s.device, TumblingWindow(minute, 1)"
    )
    config = JobConfig(inputs={"i": HubInput(hub="h", partition_key="device")}, outputs={})

    assert topology(plan, {"i": "device"}).is_embarrassingly_parallel
    assert not topology(plan, {"i": "v"}).is_embarrassingly_parallel
    explained = explain(plan, config)
    assert "s: CROSS APPLY GetArrayElements(i.list)\n" in explained
    assert "output: OUTER APPLY GetRecordProperties(v)\n" in explained or "GetRecordProperties(s.v)\n" in explained
    assert "CROSS APPLY GetArrayElements(i.list)" in explain(plan, config, "mermaid")


leaves = st.none() | st.integers(0, 3) | st.text("xy", max_size=1)
documents = st.recursive(
    leaves,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "z"]), parts, max_size=3),
    max_leaves=12,
)
#: What the next APPLY is about: the event, or what an earlier one found.
PATHS = [("x",), ("y",), ("y", "x"), ("e0", "ArrayValue"), ("e0", "PropertyValue", "x"), ("e1", "ArrayValue")]


@given(
    events=st.lists(st.fixed_dictionaries({"x": documents, "y": documents}), max_size=4),
    chain=st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from(PATHS)), min_size=1, max_size=3),
    in_steps=st.booleans(),
)
@settings(deadline=None)
def test_a_chain_of_applies_gives_what_plain_python_gives(
    events: list[Columns], chain: list[tuple[bool, bool, tuple[str, ...]]], in_steps: bool
) -> None:
    """Each value is cast to what the function takes; what is neither has no elements."""
    applies, expected = [], [dict(event) for event in events]
    for place, (is_outer, is_array, path) in enumerate(chain):
        known = {"x", "y"} | {f"e{i}" for i in range(place)}
        if path[0] not in known or (path[0][0] == "e" and (path[1] == "ArrayValue") != chain[int(path[0][1])][1]):
            path = ("x",)
        function, type_ = ("GetArrayElements", "array") if is_array else ("GetRecordProperties", "record")
        kind = "OUTER" if is_outer else "CROSS"
        applies.append(f"{kind} APPLY {function}(TRY_CAST({'.'.join(path)} AS {type_})) AS e{place}")
        wanted = list if is_array else dict
        expected = [
            made for record in expected for made in applied(record, _at(record, path, wanted), is_outer, f"e{place}")
        ]
    text = f"SELECT * FROM i {' '.join(applies)}"
    if in_steps:
        names = [*(f"s{place}" for place in range(len(applies))), ""]
        steps = [
            f"s{place} AS (SELECT * FROM {names[place - 1] if place else 'i'} {apply})"
            for place, apply in enumerate(applies)
        ]
        text = f"WITH {', '.join(steps)} SELECT * FROM s{len(applies) - 1}"

    found = run(text, [(place + 1, event) for place, event in enumerate(events)]).get("output", [])

    assert [columns for _, columns in found] == expected


def _at(record: Columns, path: tuple[str, ...], wanted: type) -> Any:
    value: Any = record
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, wanted) else None


@pytest.mark.parametrize(
    ("applied", "value", "expected"),
    [
        ("GetArrayElements(best.list)", "e.ArrayValue", ["a", "b"]),
        ("GetRecordProperties(best)", "e.PropertyName", ["t", "list"]),
        ("GetArrayElements(two)", "e.ArrayValue.value.t", [1, 2]),
        ("GetArrayElements(s.[all])", "e.ArrayValue.list", [["a", "b"], ["c"]]),
    ],
)
def test_what_a_window_collects_can_be_applied(applied: str, value: str, expected: list[Any]) -> None:
    text = (
        "WITH s AS (SELECT TopOne() OVER (ORDER BY t DESC) AS best, CollectTop(2) OVER (ORDER BY t) AS two, "
        "Collect() AS [all] FROM i GROUP BY TumblingWindow(minute, 1)) "
        f"SELECT {value} AS v FROM s CROSS APPLY {applied} AS e"
    )

    rows = columns_of(text, [{"t": 2, "list": ["a", "b"]}, {"t": 1, "list": ["c"]}])

    assert [row["v"] for row in rows] == expected

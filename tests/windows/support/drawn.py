"""Random queries that mean something, each beside what it means: a function that makes its rows of all events at once.

A query has a source, which may be a step of WITH, and over it rows, what came before, or windows, maybe of windows.
Times are in half seconds after the base of whoever runs it, and are never equal for two events of a partition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st

from . import reference

MS = 500  # of a unit of time
PARTITIONS = 3

#: Reference data, by `k`: two rows for one, none for another.
TABLE = [{"k": 0, "v": 7}, {"k": 1, "v": 1}, {"k": 1, "v": 2}]


class Event(NamedTuple):
    """An event of an input. Its columns are id, k, x, n, list, and `at` if the query has it as its time."""

    input: str
    time: int
    id: int
    k: int
    x: int | None
    late: int

    @property
    def partition(self) -> int:
        return self.id % PARTITIONS


class Record(NamedTuple):
    """`number` is in the order of arrival among those of a time; a row of a window has the end as its time."""

    time: int
    number: tuple[int, ...]
    columns: dict[str, Any]


#: The time of a row, as each query has it.
NOW = "System.Timestamp() AS t"

Rows = Callable[[dict[str, list[Record]]], list[Record]]
"""Makes rows from the records of all events, by input."""


@dataclass(frozen=True)
class Drawn:
    """`rows` makes the rows of Out, but for their column t. `by_time`: `at` is the time. `has_key`: id is the key."""

    text: str
    by_time: bool
    has_key: bool
    rows: Rows

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Source:
    """What the rows are selected from: its step, its records, and if their order of arrival is known."""

    text: str
    records: Rows
    is_ordered: bool


# -- conditions and values, with SQL's three truths --------------------------------------------------------------------

#: Text, in which {a} stands before a column of A, and what it means.
Value = tuple[str, Callable[[dict[str, Any]], Any]]


def _null(of: Callable[[Any], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda row: None if row["x"] is None else of(row["x"])


def _x_or_k(row: dict[str, Any]) -> Any:
    return row["k"] if row["x"] is None else row["x"]


CONDITIONS: list[Value] = [
    ("{a}x > 1", _null(lambda x: x > 1)),
    ("NOT {a}x = 2", _null(lambda x: x != 2)),
    ("{a}x IS NULL", lambda row: row["x"] is None),
    ("{a}x NOT BETWEEN 1 AND 3", _null(lambda x: not 1 <= x <= 3)),
    ("{a}x & 1 = 1", _null(lambda x: x % 2 == 1)),
    ("{a}k IN (0, 2)", lambda row: row["k"] in (0, 2)),
    ("NOT ({a}x > 1 AND {a}k = 0)", lambda row: row["k"] != 0 or (None if row["x"] is None else row["x"] <= 1)),
    ("CASE WHEN {a}x IS NULL THEN {a}k ELSE {a}x END < 2", lambda row: _x_or_k(row) < 2),
]
VALUES: list[Value] = [
    ("x + k", lambda row: None if row["x"] is None else row["x"] + row["k"]),
    ("(k & 1) | 4", lambda row: row["k"] & 1 | 4),
    ("ABS(k - 2)", lambda row: abs(row["k"] - 2)),
    ("COALESCE(x, k)", _x_or_k),
    ("CAST(k AS nvarchar(max))", lambda row: str(row["k"])),
]

AGGREGATES: dict[str, str] = {
    "COUNT(*)": "COUNT(*)",
    "COUNT(x)": "COUNT",
    "COUNT(DISTINCT x)": "COUNT(DISTINCT)",
    "SUM(x)": "SUM",
    "AVG(x)": "AVG",
    "MIN(x)": "MIN",
    "MAX(x)": "MAX",
}
ORDERED: dict[str, str] = {
    "TopOne(n) OVER (ORDER BY x)": "TOPONE ASC",
    "TopOne(n) OVER (ORDER BY x DESC)": "TOPONE DESC",
    "Collect(x)": "COLLECT",
}


def filtered(records: Sequence[Record], condition: Value | None) -> list[Record]:
    return [each for each in records if condition is None or condition[1](each.columns) is True]


def where(condition: Value | None, a: str = "") -> str:
    return "" if condition is None else f" WHERE {condition[0].format(a=a)}"


# -- sources -----------------------------------------------------------------------------------------------------------


@st.composite
def sources(draw: st.DrawFn, by: str) -> Source:
    """Draw a step with the columns id, k, x, n and v, whose events have their time by the clause `by`."""
    kind = draw(st.sampled_from(["plain", "apply", "apply", "table", "join", "union"]))
    condition = draw(st.none() | st.sampled_from(CONDITIONS))
    is_outer = draw(st.booleans())
    select, end = "SELECT a.id AS id, a.k AS k, a.x AS x, a.n AS n, {} AS v " + f"FROM A a{by}", where(condition, "a.")
    match kind:
        case "plain":
            return Source(
                select.format("a.x") + end, lambda given: with_v(filtered(given["A"], condition), "x"), is_ordered=True
            )
        case "apply":
            part = draw(st.sampled_from(["ArrayValue", "ArrayIndex"]))
            return Source(
                select.format(f"e.{part}")
                + f" {'OUTER' if is_outer else 'CROSS'} APPLY GetArrayElements(a.list) AS e{end}",
                lambda given: unfolded(filtered(given["A"], condition), part, is_outer),
                is_ordered=True,
            )
        case "table":
            return Source(
                select.format("t.v") + f" {'LEFT ' if is_outer else ''}JOIN T t ON a.k = t.k{end}",
                lambda given: with_table(filtered(given["A"], condition), is_outer),
                is_ordered=True,
            )
        case "join":
            low, high = sorted(draw(st.tuples(st.integers(-2, 3), st.integers(-2, 3))))
            on = f"a.id = b.id AND DATEDIFF(second, a, b) BETWEEN {low} AND {high}"
            return Source(
                select.format("b.x") + f" JOIN B b{by} ON {on}{end}",
                lambda given: pairs(filtered(given["A"], condition), given["B"], low, high),
                is_ordered=False,
            )
    return Source(
        f"SELECT id, k, x, n, x AS v FROM A{by}{where(condition)} UNION ALL SELECT id, k, x, n, k AS v FROM B{by}",
        lambda given: with_v(filtered(given["A"], condition), "x") + with_v(given["B"], "k"),
        is_ordered=False,
    )


def with_v(records: Sequence[Record], of: str) -> list[Record]:
    return [each._replace(columns={**each.columns, "v": each.columns[of]}) for each in records]


def unfolded(records: Sequence[Record], part: str, outer: bool) -> list[Record]:
    return [
        Record(each.time, (*each.number, place), {**made, "v": None if made["e"] is None else made["e"][part]})
        for each in records
        for place, made in enumerate(reference.applied(each.columns, each.columns["list"], outer, "e"))
    ]


def with_table(records: Sequence[Record], outer: bool) -> list[Record]:
    made = []
    for each in records:
        found: list[Any] = [row["v"] for row in TABLE if row["k"] == each.columns["k"]]
        if outer and not found:
            found = [None]
        made += [Record(each.time, (*each.number, place), {**each.columns, "v": v}) for place, v in enumerate(found)]
    return made


def pairs(left: Sequence[Record], right: Sequence[Record], low: int, high: int) -> list[Record]:
    """Make the rows of a join: DATEDIFF counts how often a second begins between the two."""
    return [
        Record(max(a.time, b.time), (), {**a.columns, "v": b.columns["x"]})
        for a in left
        for b in right
        if a.columns["id"] == b.columns["id"] and low <= b.time // 2 - a.time // 2 <= high
    ]


# -- what is made of them ----------------------------------------------------------------------------------------------


@st.composite
def windows(draw: st.DrawFn) -> tuple[str, Callable[[Sequence[reference.Event]], Any]]:
    kind = draw(st.sampled_from(["tumbling", "hopping", "hopping", "sliding", "session", "snapshot"]))
    size = draw(st.sampled_from([1, 2, 3, 4, 6, 8, 12]))  # so that the base is a multiple of it
    if kind == "snapshot":
        return "System.Timestamp()", reference.snapshot
    if kind == "tumbling":
        return f"TumblingWindow(millisecond, {size * MS})", lambda events: reference.hopping(size, size, 0, events)
    if kind == "sliding":
        return f"SlidingWindow(millisecond, {size * MS})", lambda events: reference.sliding(size, events)
    if kind == "hopping":
        of = draw(st.integers(1, 10))
        text = f"HoppingWindow(millisecond, {size * of * MS}, {size * MS})"
        return text, lambda events: reference.hopping(size * of, size, 0, events)
    timeout = draw(st.integers(1, 6))
    text = f"SessionWindow(millisecond, {timeout * MS}, {size * MS})"
    return text, lambda events: reference.session(timeout, size, False, events)


def grouped(
    records: Sequence[Record], keys: Sequence[str], aggregates: Sequence[str], window: Any, least: int
) -> list[Record]:
    ordered = sorted(records, key=lambda each: (each.time, each.number))
    events = [
        reference.Event(
            each.time, place, tuple(each.columns[key] for key in keys), each.columns["x"], each.columns["x"]
        )
        for place, each in enumerate(ordered)
    ]
    rows = []
    for end, key, members in window(events):
        if len(members) > least:
            columns = dict(zip(keys, key, strict=True))
            for place, name in enumerate(aggregates):
                value = reference.AGGREGATES[name](members)
                columns[f"c{place}"] = ordered[-value].columns["n"] if name.startswith("TOPONE") else value
            rows.append(Record(end, (), columns))
    return rows


def before(records: Sequence[Record], limit: int) -> list[Record]:
    """Give each record the x of the one of its id before it, if that is younger than the limit."""
    rows = []
    last: dict[int, Record] = {}
    for each in sorted(records, key=lambda each: (each.time, each.number)):
        found = last.get(each.columns["id"])
        lag = found.columns["x"] if found and found.time > each.time - limit else None
        rows.append(each._replace(columns={**each.columns, "before": lag}))
        last[each.columns["id"]] = each
    return rows


@dataclass(frozen=True)
class Windowed:
    """GROUP BY over the records of a step, with HAVING COUNT(*) > `least`."""

    keys: tuple[str, ...]
    aggregates: dict[str, str]
    over: str
    window: Any
    condition: Value | None
    least: int

    def text(self, step: str, more: str = "") -> str:
        columns = [*self.keys, *(f"{each} AS c{place}" for place, each in enumerate(self.aggregates))]
        having = f" HAVING COUNT(*) > {self.least}" if self.least else ""
        by = ", ".join([*self.keys, self.over])
        return f"SELECT {', '.join(columns)}{more} FROM {step}{where(self.condition)} GROUP BY {by}{having}"

    def rows(self, records: Sequence[Record]) -> list[Record]:
        found = filtered(records, self.condition)
        return grouped(found, self.keys, list(self.aggregates.values()), self.window, self.least)

    def counts(self, records: Sequence[Record]) -> list[Record]:
        """Return the same rows with COUNT(*) as x."""
        found = filtered(records, self.condition)
        rows = grouped(found, self.keys, ["COUNT(*)"], self.window, self.least)
        return [each._replace(columns={"x": each.columns["c0"]}) for each in rows]


@st.composite
def windowed(draw: st.DrawFn, is_ordered: bool) -> Windowed:
    names = AGGREGATES | ORDERED if is_ordered else AGGREGATES
    picked = draw(st.lists(st.sampled_from(list(names)), min_size=1, max_size=3, unique=True))
    keys = draw(st.sampled_from([(), ("id",), ("k",), ("v",), ("id", "v")]))
    condition = draw(st.none() | st.sampled_from(CONDITIONS))
    return Windowed(keys, {each: names[each] for each in picked}, *draw(windows()), condition, draw(st.integers(0, 1)))


@st.composite
def queries(draw: st.DrawFn) -> Drawn:
    by_time = draw(st.booleans())
    source = draw(sources(" TIMESTAMP BY at" if by_time else ""))
    head, records = f"WITH s AS ({source.text})", source.records
    kinds = ["rows", "before", "windows", "windows", "windows of windows"]
    kind = draw(st.sampled_from(kinds if source.is_ordered else kinds[2:]))
    group = draw(windowed(source.is_ordered))
    rows: Rows
    match kind:
        case "rows":
            value, of = draw(st.sampled_from(VALUES))
            name = draw(st.sampled_from(["y", '"y"', "'y'"]))
            text = f"SELECT n, v, {value} AS {name}, {NOW} INTO Out FROM s{where(group.condition)}"
            rows = lambda given: [  # noqa: E731
                only(each, "n", "v", y=of(each.columns)) for each in filtered(records(given), group.condition)
            ]
        case "before":
            limit = draw(st.integers(1, 12))
            lag = f"LAG(x) OVER (PARTITION BY id LIMIT DURATION(millisecond, {limit * MS}))"
            text = f"SELECT n, v, {lag} AS before, {NOW} INTO Out FROM s"
            rows = lambda given: [only(each, "n", "v", "before") for each in before(records(given), limit)]  # noqa: E731
        case "windows":
            text = group.text("s", f", {NOW} INTO Out")
            rows = lambda given: group.rows(records(given))  # noqa: E731
        case _:
            head += f", w AS ({group.text('s', ', COUNT(*) AS x')})"
            outer = Windowed((), {"COUNT(*)": "COUNT(*)", "SUM(x)": "SUM"}, *draw(windows()), None, 0)
            text = outer.text("w", f", {NOW} INTO Out")
            rows = lambda given: outer.rows(group.counts(records(given)))  # noqa: E731
    return Drawn(f"{head} {text}", by_time, draw(st.booleans()), rows)


def only(record: Record, *names: str, **more: Any) -> Record:
    return record._replace(columns={name: record.columns[name] for name in names} | more)


events = st.lists(
    st.builds(
        Event,
        st.sampled_from("AAB"),
        st.integers(5, 40),
        st.integers(0, 4),
        st.integers(0, 2),
        st.none() | st.integers(0, 5),
        st.integers(0, 4),
    ),
    min_size=5,
    max_size=30,
)


def records(events: Sequence[Event], by_time: bool) -> dict[str, list[Record]]:
    """Return the records of each input, in the order in which the events arrive."""
    found: dict[str, list[Record]] = {"A": [], "B": []}
    for number, event in enumerate(sorted(events, key=lambda event: event.time)):
        time = event.time - event.late if by_time else event.time
        found[event.input].append(Record(time, (event.partition, number), columns(event, number)))
    return found


def columns(event: Event, number: int) -> dict[str, Any]:
    x = event.x
    made = [event.k, *range(x)] if x else None if x is None else []
    return {"id": event.id, "k": event.k, "x": x, "n": number, "list": made}

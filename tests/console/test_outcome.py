"""What a job made of one event, held against a job that has run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py

from pipeline.console.outcome import Outcome, Placed, outcome
from pipeline.hub import Event, Hub
from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.job import Job
from pipeline.windows.language.ticks import isoformat
from tests.windows.support.running_jobs import run

#: 2024-05-01T12:00:00Z, in ms since the Unix epoch.
NOON = 1_714_564_800_000


def definition(query: str, **tables: Any) -> Definition:
    outputs = tables.pop("outputs", {"Out": {"type": "stream"}})
    return Definition(query, {"inputs": {"Input": {"hub": "events"}}, "outputs": outputs, **tables})


def send(hub: Hub, at_ms: int, *bodies: bytes, partition: int = 0) -> None:
    for body in bodies:
        hub.append([Event(body)], partition=partition, enqueued_ms=at_ms)


@pytest.fixture
def hub(redis: redis_py.Redis) -> Hub:
    return Hubs(redis, {"events": 1})["events"]


def ran(hub: Hub, made: Definition) -> None:
    job = Job.of("j", made, hub.redis, Hubs(hub.redis, {}), beat=0.0)
    run(job)
    job.share.stop()


def of(hub: Hub, made: Definition, number: int = 0) -> Outcome:
    return outcome("j", made, hub, hub.read(0, limit=1000)[number], hub.redis)


def ends(found: Outcome) -> list[str | None]:
    return [None if one.end is None else isoformat(one.end)[11:19] for one in found.placed]


def columns(one: Placed, output: int = 0) -> Any:
    row = one.outputs[output].row
    return None if row is None else msgspec.json.decode(row.row)


HOPPING = """
WITH PerKey AS (
    SELECT k, COUNT(*) AS n FROM Input WHERE k IS NOT NULL
    GROUP BY k, HoppingWindow(Duration(second, 10), Hop(second, 5))
)
SELECT k AS name, n INTO Out FROM PerKey"""


def test_the_windows_of_an_event_and_the_rows_that_were_written_for_its_group(hub: Hub) -> None:
    made = definition(HOPPING, boards=[{"from": "Out", "board": "b", "member": "name", "score": "n", "mode": "add"}])
    send(hub, NOON + 6_000, b'{"k": "a"}', b'{"k": "b"}', b'{"k": "a"}')
    send(hub, NOON + 11_000, b'{"k": "b"}')
    assert [columns(one) for one in of(hub, made).placed] == [None, None]
    ran(hub, made)

    found = of(hub, made)
    assert ends(found) == ["12:00:10", "12:00:15"]
    assert [one.group for one in found.placed] == [("a",), ("a",)]
    assert columns(found.placed[0]) == {"name": "a", "n": 2}
    assert [tuple(entry) for entry in found.placed[0].outputs[0].boards] == [("b", "a", 2, "add")]
    assert columns(found.placed[1]) == {"name": "a", "n": 2}
    assert columns(of(hub, made, 1).placed[0]) == {"name": "b", "n": 1}


def test_an_event_that_a_condition_leaves_out_is_in_no_window(hub: Hub) -> None:
    send(hub, NOON, b'{"x": 1}', b"no JSON", b'{"k": "a"}')

    assert of(hub, definition(HOPPING)).placed == []
    (fault,) = of(hub, definition(HOPPING), 1).faults
    assert (fault[0], fault[1].startswith("the body is not JSON")) == ("input_errors", True)


def test_a_row_of_the_event_alone_is_known_at_once_and_found(hub: Hub) -> None:
    made = definition("SELECT *, k + 1 AS next INTO Out FROM Input WHERE k < 3")
    send(hub, NOON, b'{"k": 1}', b'{"k": 2}')

    (before,) = of(hub, made, 1).placed
    assert before.outputs[0].row is None
    assert (before.outputs[0].made or {})["next"] == 3
    ran(hub, made)
    assert columns(of(hub, made, 1).placed[0])["next"] == 3


def test_a_group_that_the_output_does_not_show_is_not_looked_for(hub: Hub) -> None:
    made = definition("SELECT COUNT(*) AS n INTO Out FROM Input GROUP BY k, TumblingWindow(second, 10)")
    send(hub, NOON, b'{"k": "a"}')
    send(hub, NOON + 11_000, b'{"k": "b"}')
    ran(hub, made)

    (one,) = of(hub, made).placed
    assert not one.outputs[0].is_told
    assert one.outputs[0].row is None


LATE = "SELECT COUNT(*) AS n INTO Out FROM Input TIMESTAMP BY t GROUP BY TumblingWindow(second, 10)"


def test_a_late_event_says_so_and_is_where_its_new_time_puts_it(hub: Hub) -> None:
    send(hub, NOON + 60_000, b'{"t": "2024-05-01T12:00:00Z"}')

    found = of(hub, definition(LATE))
    assert [kind for kind, _ in found.faults] == ["late_adjusted"]
    assert [isoformat(time)[11:19] for time in found.times] == ["12:00:55"]
    assert ends(found) == ["12:01:00"]
    dropped = of(hub, definition(LATE, time={"action": "drop"}))
    assert (dropped.placed, len(dropped.faults)) == ([], 1)


def test_an_event_out_of_order_is_told_from_those_before_it(hub: Hub) -> None:
    send(hub, NOON + 10_000, b'{"t": "2024-05-01T12:00:09Z"}', b'{"t": "2024-05-01T12:00:06Z"}')

    found = of(hub, definition(LATE), 1)
    assert [kind for kind, _ in found.faults] == ["out_of_order_adjusted"]
    assert [isoformat(time)[11:19] for time in found.times] == ["12:00:09"]
    assert found.is_sure
    assert of(hub, definition(LATE), 0).faults == []


def test_what_needs_other_events_is_not_followed(hub: Hub) -> None:
    made = definition(
        "SELECT a.k INTO Out FROM Input a JOIN Input b ON DATEDIFF(second, a, b) BETWEEN 0 AND 5 AND a.k = b.k"
    )
    send(hub, NOON, b'{"k": 1}')

    assert of(hub, made).placed == []


def test_a_session_has_no_end_and_a_sliding_window_has_many(hub: Hub) -> None:
    send(hub, NOON, b'{"k": "a"}')
    send(hub, NOON + 3_000, b'{"k": "a"}')
    session = definition("SELECT k, COUNT(*) AS n INTO Out FROM Input GROUP BY k, SessionWindow(second, 5, 60)")
    sliding = definition("SELECT k, COUNT(*) AS n INTO Out FROM Input GROUP BY k, SlidingWindow(second, 10)")

    (one,) = of(hub, session).placed
    assert (one.end, one.group, one.window is None) == (None, ("a",), False)
    (one,) = of(hub, sliding, 1).placed
    assert (isoformat(one.end or 0)[11:19], isoformat(one.last or 0)[11:21]) == ("12:00:03", "12:00:12.9")


def test_many_windows_and_records_are_cut(hub: Hub) -> None:
    made = definition(
        "SELECT COUNT(*) AS n INTO Out FROM Input GROUP BY HoppingWindow(Duration(hour, 2), Hop(second, 1))"
    )
    send(hub, NOON, b'{"k": 1}', b"[" + b",".join([b"{}"] * 101) + b"]")

    found = of(hub, made)
    assert (found.is_cut, 0 < len(found.placed) < 2_000) == (True, True)
    assert of(hub, definition(HOPPING), 1).is_cut


def test_the_seed_s_job(hub: Hub) -> None:
    folder = Path("jobs/context_reward")
    made = definition(
        (folder / "query.asaql").read_text(), outputs={"OutputWindow": {"type": "stream"}, "Output": {"type": "stream"}}
    )
    send(hub, NOON + 1, b'{"eventid": "e", "actionname": "x"}', b'{"eventid": "e", "reward": 2}')
    send(hub, NOON + 7_200_000, b'{"eventid": "f"}')
    ran(hub, made)

    found = of(hub, made, 1)
    assert ends(found) == [None, "13:00:00", "14:00:00"] or ends(found) == ["13:00:00", "14:00:00", None]
    rows = {one.step: columns(one) for one in found.placed if one.end is None or "13" in isoformat(one.end)[11:13]}
    assert rows["Output"]["reward"] == 2
    assert rows["ContextReward"] | {"age": None} == {
        "eventid": "e",
        "actionname": "x",
        "age": None,
        "gender": None,
        "weight": None,
        "reward": 2,
    }


def test_an_output_that_can_t_be_read_back_says_where_its_rows_go(hub: Hub) -> None:
    board = {"type": "board", "board": "b", "member": "k", "score": "n", "mode": "add"}
    made = definition(
        "SELECT k, COUNT(*) AS n INTO Out FROM Input GROUP BY k, TumblingWindow(second, 10)", outputs={"Out": board}
    )
    send(hub, NOON, b'{"k": "a"}')

    (output,) = of(hub, made).placed[0].outputs
    assert (output.to, output.row) == ("board b", None)

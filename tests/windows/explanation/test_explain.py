from __future__ import annotations

from textwrap import dedent

import msgspec
import pytest

from pipeline.windows.engine.event_times import TimePolicies
from pipeline.windows.explanation.explain import FORMATS, Explanation, explain, explanation
from pipeline.windows.jobs.definition import read_definition
from pipeline.windows.jobs.job_toml import HubInput, JobConfig, Reference, ReferenceInput
from pipeline.windows.jobs.prepare import prepare

from ..support.example import JOB
from ..support.run import planned

SEED = (JOB / "query.asaql").read_text()


def by(**keys: str | None) -> JobConfig:
    return JobConfig({name: HubInput(hub="events", partition_key=key) for name, key in keys.items()}, {})


def test_the_seeds_job_in_full_where_it_is_embarrassingly_parallel() -> None:
    assert explain(planned(SEED), by(Input="eventid")) == dedent(
        """\
        Embarrassingly parallel: all of it runs for each partition by itself.
        An event can change rows for 2 hours after it.

        Stage 1, once for each partition
        input Input
        │    from: hub events, partitioned by eventid
        │    time: arrival; the settings for late and disordered events apply to TIMESTAMP BY only
        ├─ ContextReward: GROUP BY eventid, windows of 2 hours, one every 1 hour
        │  │    panes: of 1 hour, 2 in a window
        │  │    state: for each eventid and each pane that it is in, TOPONE() OVER (ORDER BY EventEnqueuedUtcTime), MAX(reward)
        │  └─ OutputWindow: SELECT eventid, actionname, age, gender, weight, MAX(reward) AS reward
        │     └─ output OutputWindow
        └─ output Output
        """  # noqa: E501
    )


def test_why_a_job_is_not_parallel_and_what_would_make_it_so() -> None:
    text = explain(planned(SEED), by(Input="userid"))

    assert text.startswith("Not embarrassingly parallel")
    assert "the groups are made of all events of one eventid, and Input is partitioned by userid" in text
    assert "add userid or PartitionId to the GROUP BY" in " ".join(text.split())
    assert '[inputs.Input] partition_key = "eventid"' in " ".join(text.split())
    assert "Stage 2, once for all partitions" in text
    assert "gives the merging stage a pane's results, and not its rows" in text


def stages(query: str, **keys: str | None) -> list[tuple[int, str]]:
    return [(node.stage, node.title.partition(":")[0]) for node in explanation(planned(query), by(**keys)).nodes]


TUMBLING = "TumblingWindow(second, 5)"
WINDOW = f"GROUP BY k, {TUMBLING}"
NEAR = "DATEDIFF(second, a, b) BETWEEN 0 AND 1"


#: Whether the query is embarrassingly parallel, with two inputs whose partition key is k.
PARALLEL = {
    "no state": ("SELECT * FROM A WHERE x > 1", True),
    "grouped by the key": (f"SELECT COUNT(*) AS n FROM A {WINDOW}", True),
    "and by more": ("SELECT COUNT(*) AS n FROM A GROUP BY K, x, SlidingWindow(second, 5)", True),
    "by another": ("SELECT COUNT(*) AS n FROM A GROUP BY x, SlidingWindow(second, 5)", False),
    "by a part of it": ("SELECT COUNT(*) AS n FROM A GROUP BY k % 2, SlidingWindow(second, 5)", False),
    "PartitionId": (f"SELECT COUNT(*) AS n FROM A GROUP BY PartitionId, {TUMBLING}", True),
    "PARTITION BY": (f"SELECT COUNT(*) AS n FROM A PARTITION BY PartitionId GROUP BY x, {TUMBLING}", True),
    "another of its name": (f"WITH s AS (SELECT k AS j, x AS k FROM A) SELECT COUNT(*) AS n FROM s {WINDOW}", False),
    "under other names": (
        f"WITH s AS (SELECT x, k AS j FROM A), t AS (SELECT j AS k FROM s) SELECT COUNT(*) AS n FROM t {WINDOW}",
        True,
    ),
    "through a star": (f"WITH s AS (SELECT *, 1 AS k FROM A) SELECT COUNT(*) AS n FROM s {WINDOW}", True),
    "a window over a window": (
        f"WITH s AS (SELECT k, COUNT(*) AS n FROM A {WINDOW}) SELECT SUM(n) AS n FROM s {WINDOW}",
        True,
    ),
    "sessions of all": ("SELECT k, COUNT(*) AS n FROM A GROUP BY k, SessionWindow(second, 5, 9)", False),
    "sessions of each": (
        "SELECT COUNT(*) AS n FROM A GROUP BY SessionWindow(second, 5, 9) OVER (PARTITION BY k)",
        True,
    ),
    "LAG of all": ("SELECT LAG(x) OVER (LIMIT DURATION(second, 5)) AS x FROM A", False),
    "LAG of each": ("SELECT LAG(x) OVER (PARTITION BY k LIMIT DURATION(second, 5)) AS x FROM A", True),
    "joined by the keys": (f"SELECT a.x AS x FROM A a JOIN B b ON a.k = b.k AND {NEAR}", True),
    "by one only": (f"SELECT a.x AS x FROM A a JOIN B b ON a.k = b.x AND {NEAR}", False),
    "by two that don't belong together": (
        f"SELECT a.x AS x FROM A a JOIN B b ON a.PartitionId = b.k AND {NEAR}",
        False,
    ),
    "UNION by the keys": (
        f"WITH u AS (SELECT k FROM A UNION SELECT k FROM B) SELECT COUNT(*) AS n FROM u {WINDOW}",
        True,
    ),
    "UNION by another": (
        f"WITH u AS (SELECT k FROM A UNION SELECT x AS k FROM B) SELECT COUNT(*) AS n FROM u {WINDOW}",
        False,
    ),
    "a star after a column of that name": (
        f"WITH s AS (SELECT x AS k, * FROM A) SELECT COUNT(*) AS n FROM s {WINDOW}",
        False,
    ),
    "after a star, maybe of that name": (
        f"WITH s AS (SELECT *, k AS j FROM A) SELECT COUNT(*) AS n FROM s GROUP BY j, {TUMBLING}",
        False,
    ),
}


@pytest.mark.parametrize(("query", "is_parallel"), PARALLEL.values(), ids=PARALLEL)
def test_what_is_embarrassingly_parallel(query: str, is_parallel: bool) -> None:
    assert explanation(planned(query), by(A="k", B="k")).is_embarrassingly_parallel is is_parallel


@pytest.mark.parametrize(("query", "_"), PARALLEL.values(), ids=PARALLEL)
def test_of_one_partition_everything_runs_in_one_stage(query: str, _: bool) -> None:
    plan = planned(query)
    explained = explanation(plan, by(A="k", B="k"), dict.fromkeys(plan.inputs, 1))

    assert {node.stage for node in explained.nodes} == {1}
    assert explain(plan, partitions=dict.fromkeys(plan.inputs, 1)).startswith("One partition: all of it")


def test_only_what_reads_inputs_of_several_partitions_is_merged() -> None:
    query = (
        f"SELECT x, COUNT(*) AS n INTO one FROM A GROUP BY x, {TUMBLING} "
        f"SELECT x, COUNT(*) AS n INTO three FROM B GROUP BY x, {TUMBLING} "
        f"SELECT a.x AS x INTO both FROM A a JOIN B b ON a.x = b.x AND {NEAR}"
    )
    nodes = explanation(planned(query), by(), {"A": 1, "B": 3}).nodes

    assert {node.step: node.stage for node in nodes if node.title.startswith("output")} == {
        "one": 1,
        "three": 2,
        "both": 2,
    }


def test_where_partitions_are_not_known_both_cases_are_told() -> None:
    assert "Over hubs of one partition there is no merging stage" in explain(planned(SEED))
    assert "Over hubs of one partition" not in explain(planned(SEED), partitions={"Input": 4})


def test_a_step_that_is_merged_gets_panes_and_not_rows() -> None:
    query = "SELECT x, COUNT(*) AS n INTO one FROM A GROUP BY x, TumblingWindow(second, 5) SELECT * INTO two FROM A"

    assert stages(query, A="k") == [
        (1, "input A"),
        (1, "one"),  # panes
        (2, "one"),  # windows
        (2, "one"),
        (2, "output one"),
        (1, "output two"),
    ]


def test_time_is_told_with_its_policies() -> None:
    config = JobConfig(
        {"A": HubInput("events"), "R": ReferenceInput(Reference(file="r.csv"))},
        {},
        policies=TimePolicies(late=None, out_of_order=20_000_000, action="drop"),
    )
    text = explain(
        planned("SELECT a.x, r.y FROM A a TIMESTAMP BY t OVER x LEFT JOIN R r ON a.k = r.k", config.references), config
    )

    assert (
        "time: t, for each x by itself; taken however late; dropped if out of order by more than 2 seconds; "
        "dropped if more than 5 minutes before it"
    ) in text
    assert "LEFT JOIN R ON a.k = r.k" in text


BRANCHES = (
    "WITH s AS (SELECT a.k AS k FROM A a JOIN B b ON a.k = b.k AND DATEDIFF(hour, a, b) BETWEEN 0 AND 1) "
    "SELECT k, COUNT(*) AS n INTO one FROM s "
    "GROUP BY k, Windows(SlidingWindow(second, 5), HoppingWindow(second, 5, 2)) "
    "SELECT k INTO two FROM s UNION SELECT k FROM A"
)


def test_a_node_that_reads_several_is_drawn_under_one_and_named_by_the_others() -> None:
    text = explain(planned(BRANCHES), by(A="k", B="k"))

    assert text.count("─ s: INNER JOIN ON a.k = b.k") == 1
    assert text.count("-> s: INNER JOIN ON a.k = b.k") == 1
    assert "panes: of 1 second and 1 second in turn, 5 in a window" in text


@pytest.mark.parametrize("format", FORMATS)
def test_every_node_is_in_every_format(format: str) -> None:
    plan = planned(BRANCHES)
    drawn = explain(plan, by(A="k", B="x"), format)

    for output in ("one", "two"):
        assert f"output {output}" in drawn


def test_json_is_the_explanation() -> None:
    plan = planned(BRANCHES)

    assert msgspec.json.decode(explain(plan, format="json"), type=Explanation) == explanation(plan)


def test_mermaid_takes_no_sign_of_a_query_for_its_own() -> None:
    drawn = explain(planned("SELECT 'a\"]; --> b' + [c<d>] AS x FROM A"), format="mermaid")

    assert 'n1["output: SELECT #39;a#34;#93;#59; --#62; b#39; #43; #91;c#60;d#62;#93; AS x"]' in drawn
    assert drawn.count("-->") == 2


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="'svg' is not one of text, json, mermaid, dot"):
        explain(planned("SELECT * FROM A"), format="svg")


def test_the_job_that_ships_can_be_explained() -> None:
    assert "hub events" in explain(planned(SEED), prepare(read_definition(JOB), JOB).config)

"""docs/windows.md is right: its commands are run, in the page's order; its lists and drawings are held to the code."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner

from bench.pictures.windows import GROUPINGS, INSTANTS
from handlers import create_app
from pipeline.asaproj.differences import DIFFERENCES
from pipeline.javascript.functions import MEMORY, SECONDS
from pipeline.reference.tables import VERSIONS
from pipeline.settings import Settings
from pipeline.windows.expressions.limits import LONGEST_TEXT
from pipeline.windows.jobs.job_toml import config_of
from pipeline.windows.jobs.outputs.outbox import MOST_WAITING
from pipeline.windows.language.parser import parse
from pipeline.windows.language.time_units import LONGEST, TICKS_PER_DAY
from pipeline.windows.language.values import DEEPEST
from pipeline.windows.operators.elements import MOST as MOST_ELEMENTS
from pipeline.windows.operators.faults import MOST_EXAMPLES, MOST_NEW
from wz.cli import main

from ..client import validated
from ..stack import REPOSITORY, ROOT, process, token
from ..windows.language.reference_blocks import blocks
from ..windows.support.example import EVENTS, JOB, WINDOWS
from ..windows.support.run import run as run_query
from ..windows.support.running_jobs import read_status
from .commands_of_pages import Run, curl, mistakes
from .language_tables import fault_table, function_table, unsupported_rows

PAGE = REPOSITORY / "docs" / "windows.md"
DRAWINGS = REPOSITORY / "docs" / "windows"


@pytest.fixture
def tools(
    redis: redis_py.Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[dict[str, Run]]:
    """What the page's commands begin with, and how they are run. /tmp is the test's own folder."""
    monkeypatch.chdir(REPOSITORY)
    environ = {
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_CONNECTION_STRING": str(ROOT),
    }

    def wz(words: list[str]) -> str:
        if words == ["worker", "&"]:
            running.enter_context(process([sys.executable, "-m", "wz", "worker"], ready=has_done, env=environ))
            return ""
        result = CliRunner().invoke(main, [word.replace("/tmp/", f"{tmp_path}/") for word in words], env=environ)
        return (result.stdout + result.stderr).replace(f"{tmp_path}/", "/tmp/")

    def has_done() -> bool:
        status = read_status(redis, "per-second")
        return status is not None and status.rows == {"PerSecond": 2} and status.lag == 0

    def ls(words: list[str]) -> str:
        return "\n".join(sorted(path.name for path in Path(words[0]).iterdir()))

    client = validated(create_app(settings))
    shell = {"HUB": "", "all": f"Authorization: {token()}"}
    with ExitStack() as running:
        yield {"curl": curl(client, shell), "wz": wz, "ls": ls}


def test_the_commands_print_what_the_page_says(tools: dict[str, Run]) -> None:
    assert mistakes(PAGE, tools) == []


def test_the_page_lists_the_functions_that_there_are_and_that_there_are_not() -> None:
    there_is, there_is_not = PAGE.read_text().split("| There is not |")

    assert f"\n{function_table()}\n\n" in there_is, f"docs/windows.md should have this table:\n{function_table()}"
    for row in unsupported_rows():
        assert f"{row}\n" in there_is_not, f"docs/windows.md should have a row that ends with: {row}"


def test_the_page_has_every_kind_of_fault() -> None:
    assert f"\n{fault_table()}\n\n" in PAGE.read_text(), f"docs/windows.md should have this table:\n{fault_table()}"


def test_the_page_counts_the_blocks_of_the_reference() -> None:
    counts = Counter(block.verdict for block in blocks())
    (sentence,) = re.findall(
        r"Of the (\d+) blocks.*?(\d+) plan, (\d+) are refused.*?in (\d+) the", PAGE.read_text(), re.S
    )

    assert tuple(map(int, sentence)) == (
        counts.total(),
        counts["plans"],
        counts["refused"],
        counts["mistaken"] + counts["fragment"],
    )


def test_what_export_says_of_a_query_is_a_row_of_the_table_of_differences() -> None:
    page = PAGE.read_text()
    for row in DIFFERENCES:
        assert f"\n| {row.construct} | {row.ours} | {row.azure} | " in page


def test_the_limits_are_those_of_the_code() -> None:
    _, limits = PAGE.read_text().split("\n## Limits\n")

    for row in (
        f"the bounds of a join | {LONGEST // TICKS_PER_DAY} days, as in Azure |",
        f"| 64 bits; {DEEPEST} levels |",
        f"| A text that a function makes | {LONGEST_TEXT:,} characters |",
        f"| Rows that APPLY makes of an event | {MOST_ELEMENTS:,} |",
        f"| {SECONDS} s of the processor, {MEMORY // 2**20} MB |",
        f"| {MOST_EXAMPLES} of a kind; {MOST_NEW:,} a turn |",
        f"| Versions of a table | {VERSIONS} |",
        f"| Rows that wait for a receiver | {MOST_WAITING:,} |",
    ):
        assert row in limits


def test_the_drawing_of_the_example_has_its_rows() -> None:
    texts = re.findall(r'<text class="code"[^>]*>([^<]+)</text>', (DRAWINGS / "example.svg").read_text())

    lanes, cells = texts[:3], texts[3:]
    assert lanes == ["e1", "e2", "e3"]
    assert [tuple(cells[place : place + 3]) for place in range(0, len(cells), 3)] == [
        (key, context[0] or "NULL", "NULL" if reward is None else str(reward)) for _, key, context, reward in WINDOWS
    ]
    assert len(EVENTS) == 8


@pytest.mark.parametrize(("kind", "window"), [(kind, window) for kind, (window, _) in GROUPINGS.items()])
def test_the_drawing_of_the_windows_has_what_they_give(kind: str, window: str) -> None:
    drawn = re.findall(rf'data-kind="{kind}" data-end="(\d+)">(\d+)<', (DRAWINGS / "kinds.svg").read_text())

    rows = run_query(
        f"SELECT COUNT(*) AS count INTO Counts FROM Input GROUP BY {window}",
        [(second, {}) for second in INSTANTS],
        base="2024-05-01T00:00:00Z",
    )["Counts"]

    assert [(float(end), int(count)) for end, count in drawn] == [(end, row["count"]) for end, row in rows]


def test_the_queries_are_the_jobs_and_one_of_azures_diagnostics() -> None:
    shown, diagnostics = re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    records = [
        {"category": "Execution", "properties": {"Message": "started", "Type": 2}},
        {"category": "Authoring", "properties": None},
    ]

    assert parse(shown) == parse((JOB / "query.asaql").read_text())
    assert [tuple(row.values()) for _, row in run_query(diagnostics, [(1, {"records": records})])["output"]] == [
        ("Execution", "Message", "started"), ("Execution", "Type", 2), ("Authoring", None, None),
    ]  # fmt: skip


def test_the_error_that_it_shows_is_the_one_that_comes(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    folder = shutil.copytree(JOB, tmp_path / JOB.name)
    query = folder / "query.asaql"
    query.write_text(query.read_text().replace("HoppingWindow", "HopingWindow"))

    result = CliRunner().invoke(main, ["job", "explain", str(folder)])

    assert result.stderr == shown.replace("jobs/context_reward", str(folder))


def test_its_job_toml_is_one() -> None:
    first, second = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)

    for text in (first, second):
        config_of(tomllib.loads(text), PAGE)
    assert set(tomllib.loads(second)) == {
        *("start", "snapshot", "faults", "time", "inputs", "outputs", "functions", "boards")
    }


def test_the_pages_it_links_to_are_there() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text()):
        assert (PAGE.parent / link).exists(), link

"""docs/suite.md: its pictures are those that the code draws now, each test that it names is there."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from deploy.differences import DIFFERENCES

from .. import times
from ..pictures import FOLDER, PICTURES
from .repository import ROOT

PAGE = ROOT / "docs" / "suite.md"
LINKS = sorted(set(re.findall(r"\]\(\.\./([\w./-]+\.py)#(\w+)\)", PAGE.read_text())))


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_the_code_draws_now(name: str) -> None:
    assert (FOLDER / name).read_text() == PICTURES[name](), "run python -m tests.pictures"


def test_the_picture_of_times_is_of_the_numbers_beside_it() -> None:
    kept = json.loads(times.JSON.read_text())

    assert times.SVG.read_text() == times.picture_now(), "run python -m tests.times"
    assert {*kept["parts"]} - {times.OTHER} <= {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}


@pytest.mark.parametrize(("file", "name"), LINKS)
def test_what_the_page_names_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())

    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert name in defined | assigned


def test_every_picture_is_shown_and_says_what_it_shows() -> None:
    shown = re.findall(r"!\[.{30,}\]\(suite/(\S+)\)", PAGE.read_text())

    assert set(shown) == {path.name for path in FOLDER.glob("*.svg")}


def test_times_are_read_from_what_pytest_writes(tmp_path: Path) -> None:
    junit = tmp_path / "times.xml"
    junit.write_text(
        '<testsuites><testsuite name="pytest" time="7.25">'
        '<testcase classname="tests.wz.test_hooks" name="a" time="1.5"/>'
        '<testcase classname="tests.handlers.hub.test_sas" name="b" time="2"/>'
        '<testcase classname="tests.handlers.test_wire" name="c" time="0.25"/>'
        '<testcase classname="tests.test_units" name="d" time="0.5"/>'
        '<testcase classname="examples.flaskr.tests.test_blog" name="e" time="0.25"/>'
        "</testsuite></testsuites>"
    )

    found = times.read(junit)

    assert found["clock"] == 7.2
    assert found["parts"] == {
        "handlers": {"tests": 2, "seconds": 2.2},
        "wz": {"tests": 1, "seconds": 1.5},
        "other": {"tests": 2, "seconds": 0.8},
    }


def test_the_table_of_differences_is_that_of_the_code() -> None:
    rows = [
        f"| {row.name} | {' | '.join(row.answers[layer][0] for layer in ('wsgi', 'gunicorn', 'nginx'))} |"
        for row in DIFFERENCES
        if "wsgi" in row.answers
    ]
    table = "\n".join(["| What is sent or read | The app, called | gunicorn | nginx |", "|---|---|---|---|", *rows])

    assert f"\n{table}\n" in PAGE.read_text(), f"docs/suite.md should have this table:\n{table}"

"""What each page of a step ends with is true: exercises, what a trace shows, and where Flask and wz do the same."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.commands_of_pages import mistakes
from tests.stack import REPOSITORY
from tests.wz.flask_page import ROWS
from wz.cli import main

from .progress import cases
from .steps import TOUR, open_step

PAGES = sorted(TOUR.glob("[0-9][0-9]_*.md"))

#: Not 10 and 11, whose traces are of a service that runs, with its servers.
TRACED = [page for page in PAGES if "`wz trace`:" in page.read_text()]

_RUN = re.compile(r"^\$ python docs/tour/(\w+)\.py$", re.M)

#: Those that run a program with the server of the standard library, and ask it something.
RUN = [page for page in [*PAGES, TOUR / "index.md"] if _RUN.search(page.read_text())]

#: A file of Flask or Werkzeug, and a name in it.
_PLACE = re.compile(r"`((?:flask|werkzeug)/[\w/]+)\.py: ([\w.]+)`")
_ROW = re.compile(r"\[what Flask does for you\]\(\.\./flask\.md#([\w-]+)\): the row of `([^`]+)`")
_TRACE = re.compile(r"^\$ (wz .*trace .*)\n```\n\n<details><summary>Answer</summary>\n(.*?)</details>", re.S | re.M)


def _id(page: Path) -> str:
    return page.stem


def test_there_are_twelve() -> None:
    assert [int(page.stem[:2]) for page in PAGES] == list(range(1, 13))


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_a_page_ends_with_two_exercises_a_question_and_three_lines(page: Path) -> None:
    text = page.read_text()
    exercises, beside = text.partition("\n## Exercises\n")[2].split("\n## Beside this step\n")

    assert re.findall(r"^\*\*(\d|A question)", exercises, re.M) == ["1", "2", "A question"]
    assert exercises.count("<details><summary>Answer</summary>\n") == exercises.count("\n</details>\n") == 3
    assert re.findall(r"^- \*\*(.+?)\*\*", beside, re.M) == ["Flask 3.1 does here", "Cost", "In the table"]


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_flask_does_it_there(page: Path) -> None:
    places = _PLACE.findall(page.read_text())

    assert places
    for file, name in places:
        module = import_module(file.replace("/", "."))
        assert attrgetter(name)(module).__module__ == module.__name__, f"{name} is not written in {file}.py"


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_its_row_is_in_the_table(page: Path) -> None:
    ((topic, name),) = _ROW.findall(page.read_text())

    assert [row for row in ROWS if row.topic.lower().replace(" ", "-") == topic and name in row.names()]


@pytest.mark.parametrize("page", TRACED, ids=_id)
def test_the_trace_shows_what_the_answer_says(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((command, answer),) = _TRACE.findall(page.read_text())
    monkeypatch.chdir(REPOSITORY)

    shown = CliRunner().invoke(main, shlex.split(command)[1:]).output
    assert [word for word in re.findall(r"`([^`]+)`", answer) if word not in shown] == []


@pytest.mark.parametrize("page", RUN, ids=_id)
def test_its_commands_print_what_it_says(page: Path) -> None:
    (file,) = _RUN.findall(page.read_text())
    with open_step(file) as opened:

        def python(words: list[str]) -> str:
            assert words == [f"docs/tour/{file}.py"]
            return ""

        def curl(words: list[str]) -> str:
            args = CURL.parse_args(words)
            path = args.url.removeprefix("http://127.0.0.1:8000")
            assert path != args.url
            method = "HEAD" if args.head else args.method
            answer = opened.open(path, method=method, data=args.json, content_type="application/json")
            head = f"HTTP/1.0 {answer.status}\n{answer.headers}\n" if args.head or args.include else ""
            return f"{head}{answer.text}"

        elsewhere = {"wz", "make"} & set(re.findall(r"^\$ (\w+)", page.read_text(), re.M))
        tools = {"python": python, "curl": curl} | {tool: lambda words: "" for tool in elsewhere}
        assert mistakes(page, tools) == []


def _curl() -> ArgumentParser:
    """Return the options that the pages use. Cookies the test client keeps by itself."""
    parser = ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-i", dest="include", action="store_true")
    parser.add_argument("-I", dest="head", action="store_true")
    parser.add_argument("-X", dest="method", default="GET")
    parser.add_argument("--json")
    parser.add_argument("-b", "-c", dest="jar")
    return parser


CURL = _curl()


def test_a_mark_that_goes_is_shown_as_it_says() -> None:
    """Strict, as pytest says it of a mark that went: test_exercises.py has that the answer makes it go."""
    (reason,) = re.findall(r"`\[XPASS\(strict\)\] not yet: (.+?)`", (TOUR / "index.md").read_text())

    assert [case.function for case in cases() if case.reason == reason] == ["test_head_is_get_without_the_body"]

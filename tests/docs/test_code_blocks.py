"""Every code block of the pages is run by a test, or says why not (code_blocks.py)."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from wz.cli import main

from ..stack import ROOT as NAMESPACE
from .code_blocks import (
    BLOCKS,
    READERS,
    RUN_BY,
    functions,
    is_data,
    is_program,
    problem,
    rows_of,
)
from .commands_of_pages import commands
from .markdown import Block, blocks_of
from .repository import ROOT

#: An example has commands of its own.
CONSOLES = [block for block in BLOCKS if block.language == "console" and not block.page.startswith("examples/")]
LANGUAGES = {
    *("bash", "sh", "console", "powershell"),
    *("c", "diff", "go", "java", "javascript", "js", "lua", "pycon", "python", "sql"),
    *("html", "http", "ini", "json", "nginx", "text", "toml", "xml"),
}

PROGRAMS = [block for block in BLOCKS if is_program(block)]


def params(blocks: list[Block]) -> list[object]:
    return [pytest.param(block, id=block.place) for block in blocks]


def test_every_block_is_run_or_says_why_not() -> None:
    found = [f"{block.place}: {block.language}: {why}" for block in BLOCKS if (why := problem(block))]

    assert not found, "\n".join(found)


def test_every_block_names_a_language_that_is_in_use() -> None:
    """One that is misspelt is shown without colours."""
    assert [f"{block.place}: {block.language}" for block in BLOCKS if block.language not in LANGUAGES] == []


def test_every_row_has_a_block_and_a_test() -> None:
    idle = [row for row in RUN_BY if not any(row.has(block) for block in BLOCKS)]
    gone = [row.test for row in RUN_BY if (parts := row.test.split("::"))[1] not in functions(ROOT / parts[0])]

    assert (idle, gone) == ([], [])


def test_the_test_of_a_row_knows_the_page() -> None:
    """By its name, by that of its folder, or as one of all, in its file or in one that it imports."""
    unknown = []
    for row in RUN_BY:
        page = Path(row.page)
        names = {page.name, page.stem} | ({page.parent.name} - {"docs"})
        text = "".join(texts(ROOT / row.test.partition("::")[0]))
        if 'rglob("*.md")' in text:
            continue
        if not any(f'"{name}"' in text or f"docs/{name}" in text or f"/ {name}" in text for name in names):
            unknown.append(row)

    assert unknown == []


def texts(file: Path) -> Iterator[str]:
    """Yield the text of a test's file, and those of the files of tests/ that it imports."""
    text = file.read_text()
    yield text
    for dots, module in re.findall(r"^from (\.+|(?=tests\b))([\w.]*) import", text, re.MULTILINE):
        folder = file.parents[len(dots) - 1] if dots else ROOT
        path = folder.joinpath(*filter(None, module.split("."))).with_suffix(".py")
        if path.is_file():
            yield path.read_text()


@pytest.mark.parametrize("block", params(PROGRAMS))
def test_a_program_runs_by_itself(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())

    exec(block.code(), {"__name__": "example"})


def test_a_traceback_shows_the_lines_of_the_page() -> None:
    for block in PROGRAMS:
        assert block.source.splitlines()[0] == (ROOT / block.page).read_text().splitlines()[block.line - 1]
        with pytest.raises(ZeroDivisionError) as raised:
            exec(block._replace(source="1 / 0").code())
        assert (raised.traceback[-1].lineno, raised.traceback[-1].path) == (block.line - 1, ROOT / block.page)


@pytest.mark.parametrize("block", params([block for block in BLOCKS if is_data(block)]))
def test_data_can_be_read(block: Block) -> None:
    assert READERS[block.language](block.source) is not False


@pytest.mark.parametrize("block", params([block for block in BLOCKS if block.language in ("bash", "sh")]))
def test_a_shell_takes_the_lines(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.source, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", ["docs/hub.md", "docs/windows.md"])
def test_variables_that_a_page_sets_are_set(page: str) -> None:
    (block,) = (block for block in BLOCKS if block.page == page and "all=$(" in block.source)
    scripts = sysconfig.get_path("scripts")
    env = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "WZ_CONNECTION_STRING": str(NAMESPACE)}
    lines = re.sub(r"^source .*", "", block.source, flags=re.MULTILINE)  # the tests' own environment is in PATH
    names = re.findall(r"^(\w+)=", block.source, re.MULTILINE)
    script = lines + "".join(f'\necho "${name}"' for name in names)

    done = subprocess.run(["bash", "-ec", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True)

    address, *headers = done.stdout.splitlines()
    assert address == "http://127.0.0.1:8080"
    assert headers
    assert {header.partition(" sr=")[0] for header in headers} == {"Authorization: SharedAccessSignature"}


@pytest.mark.parametrize("block", params(CONSOLES))
def test_commands_and_their_options_exist(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where `wz` has the commands of the service
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    for command in commands(block):
        lexer = shlex.shlex(command.text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = "#"
        tool, *words = until_it_ends(list(lexer))
        if Path(tool).name == "wz":
            parse(main, words)
        elif tool == "make":
            named = [word for word in words if re.fullmatch("[a-z]+", word)]
            assert set(named) <= targets


def until_it_ends(words: list[str]) -> list[str]:
    """Return the words of the first command of a line, without the variables that are set for it."""
    ends = [at for at, word in enumerate(words) if re.fullmatch(r"[;|&()<>]+", word)]
    first = words[: ends[0]] if ends else words
    while len(first) > 1 and re.match(r"[A-Z_]+=", first[0]):
        first = first[1:]
    return first or [""]


def parse(command: click.Command, words: list[str]) -> None:
    """Raise click's error if there is no such command, or if it has no such option."""
    context = click.Context(command)
    _options, rest, _order = command.make_parser(context).parse_args(args=list(words))
    if isinstance(command, click.Group) and rest:
        found = command.get_command(context, rest[0])
        assert found is not None, f"there is no command {rest[0]}"
        parse(found, rest[1:])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("```console\n$ ls\n```", "no test runs it", id="nothing is said"),
        pytest.param("```\nls\n```", "name its language", id="no language"),
        pytest.param("<!-- not run: -->\n```console\n$ ls\n```", "say why", id="no reason"),
        pytest.param("<!-- not run: it lists a folder -->\n\n```console\n$ ls\n```", "", id="a reason"),
        pytest.param("<!-- not run: it lists a folder -->\n\nSo:\n\n```console\n$ ls\n```", "no test", id="elsewhere"),
        pytest.param("```text\nls\n```", "", id="text"),
        pytest.param("```python\nx = 1\n```", "", id="a program"),
        pytest.param("```{step} 05_errors.py\n```", None, id="a directive"),
        pytest.param("<!-- from: wz/none.py -->\n```python\nx = 1\n```", "these lines are not in", id="no such file"),
        pytest.param(
            "<!-- from: tests/docs/code_blocks.py -->\n```python\nclass Row(NamedTuple):\n    page: str\n```",
            "these lines are not in",
            id="other lines",
        ),
        pytest.param(
            "<!-- from: tests/docs/code_blocks.py -->\n```python\nclass Row(NamedTuple):\n    ...\n    page: str\n```",
            "",
            id="an excerpt",
        ),
    ],
)
def test_a_block_that_nobody_runs_is_found(text: str, found: str | None) -> None:
    problems = [problem(block) for block in blocks_of(text, "docs/none.md")]

    assert (problems == []) if found is None else problems[0].startswith(found)
    assert bool(found) == any(problems)


def test_a_block_that_a_row_names_needs_no_mark() -> None:
    (block,) = blocks_of("<!-- not run: it lists a folder -->\n```console\n$ ls\n```", "docs/hub.md")

    assert rows_of(block)
    assert problem(block) == "a test runs it, so it needs no mark"

"""The pages of the reference that are made of the code have all of it, whenever the guide is built."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click
import pytest

import wz
from deploy.nginx import DEPLOY
from wz.cli import main

from ..commands.calling import COMMANDS
from ..stack import REPOSITORY

DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module")
def generated() -> Iterator[Any]:
    """What the guide's build fills its pages with."""
    sys.path.insert(0, str(DOCS))
    try:
        yield import_module("_ext.generated")
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def texts(generated: Any) -> Mapping[str, str]:
    return {name: make() for name, make in generated.MAKERS.items()}


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def every(commands: Mapping[str, click.Command], path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from every(command.commands, f"{path} {name}")


def test_each_text_stands_on_one_page(generated: Any) -> None:
    named = [name for page in DOCS.rglob("*.md") for name in generated.BLOCK.findall(page.read_text())]

    assert sorted(named) == sorted(generated.MAKERS)


def test_a_block_is_replaced_and_nothing_else(generated: Any, texts: Mapping[str, str]) -> None:
    page = "# A\n\n```{generated} bodies\n```\n\nend\n"
    source = [page]
    generated.fill(None, "a", source)

    assert source == [f"# A\n\n{texts['bodies']}\n\nend\n"]


def test_every_command_is_there_with_its_options(texts: Mapping[str, str]) -> None:
    sections = dict(re.findall(r"^#+ (wz .+)\n((?:(?!^##).*\n?)*)", texts["commands"], re.MULTILINE))

    for path, command in every({**main.commands, **COMMANDS}, "wz"):
        options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
        missing = [name for one in options for name in one.opts if f"{name}" not in sections[path]]
        assert missing == [], path
        assert " ".join((command.help or "").split()[:4]).replace("<", "\\<") in sections[path]


def test_every_operation_is_there_with_its_parameters(texts: Mapping[str, str]) -> None:
    document = import_module("_ext.http_reference").document()
    sections = dict(re.findall(r"^### ([A-Z]+ /.*)\n((?:(?!^##).*\n?)*)", texts["operations"], re.MULTILINE))
    operations = {
        f"{method.upper()} {path}": one
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    }

    assert sections.keys() == operations.keys()
    for title, operation in operations.items():
        for parameter in operation.get("parameters", ()):
            assert f"| `{parameter['name']}` | {parameter['in']} |" in sections[title], title


def test_every_kind_of_body_that_is_named_is_explained(texts: Mapping[str, str]) -> None:
    named = set(re.findall(r"\(#(body-[^)]+)\)", texts["operations"] + texts["bodies"]))
    there = set(re.findall(r"^\{#(body-.+)\}$", texts["bodies"], re.MULTILINE))

    assert len(there) > 100
    assert named - there == set()


def test_every_name_of_the_framework_is_there(texts: Mapping[str, str]) -> None:
    found = headings(texts["framework"])

    assert {name for name in wz.__all__ if name not in found} == set()
    assert "`wz.typed`" in texts["framework"]


def test_every_alert_is_there_in_words(texts: Mapping[str, str]) -> None:
    rules = re.findall(r"- alert: (\w+)", (DEPLOY / "prometheus" / "rules.yml").read_text())

    assert re.findall(r"^\| (Wz\w+)", texts["alerts"], re.MULTILINE) == rules
    assert "{{" not in texts["alerts"]


@pytest.mark.parametrize("page", ["operate.md", "deploy.md", "reference/errors.md"])
def test_every_command_and_alert_that_a_page_names_is_there(page: str, texts: Mapping[str, str]) -> None:
    text = (DOCS / page).read_text()
    commands = {name for block in re.findall(r"`(wz [a-z][^`]*)`", text) for name in [command_of(block)]}
    alerts = set(re.findall(r"\bWz[A-Z]\w+", text))

    assert commands
    assert {name for name in commands if name not in headings(texts["commands"])} == set()
    assert {name for name in alerts if f"| {name}" not in texts["alerts"]} == set()


def command_of(text: str) -> str:
    """Return the words of a command line up to its first argument: `wz hub status` for `wz hub status events`."""
    words = text.split()
    first = {**main.commands, **COMMANDS}.get(words[1])
    return " ".join(words[: 3 if isinstance(first, click.Group) else 2])


def test_what_is_made_is_the_same_each_time(generated: Any, texts: Mapping[str, str]) -> None:
    """Or the guide would change without a reason; an object's address in memory would be one."""
    assert " at 0x" not in "".join(texts.values())
    assert {name: make() for name, make in generated.MAKERS.items()} == texts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`<board>` is a name", "`<board>` is a name"),
        ("<script> and *stars*", r"\<script> and \*stars\*"),
        ("with --dry-run, a -- b", "with `--dry-run`, a -- b"),
        ("[E, ]**F", r"\[E, \]\*\*F"),
    ],
)
def test_only_what_stands_in_backticks_is_code(generated: Any, text: str, shown: str) -> None:
    assert import_module("_ext.markdown").prose(text) == shown

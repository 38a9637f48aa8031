"""docs/keys.md has every key that the domains list, and code spells no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.commands.hub import hub
from pipeline.hub.relay import GROUP
from pipeline.store.keys import WORD, Key

from .key_tables import DOMAINS, MODULES, table
from .repository import ROOT

PAGE = (ROOT / "docs" / "keys.md").read_text()


@pytest.mark.parametrize("title", DOMAINS)
def test_the_page_has_the_keys_of(title: str) -> None:
    section = PAGE.partition(f"\n## {title}\n\n")[2].partition("\n## ")[0]

    assert table(DOMAINS[title]) in section, "write what `python -m tests.docs.key_tables` prints"


@pytest.mark.parametrize("title", DOMAINS)
def test_no_key_is_declared_and_not_listed(title: str) -> None:
    declared = {value for value in vars(MODULES[title]).values() if isinstance(value, Key)}

    assert declared == set(DOMAINS[title])


def test_no_two_keys_have_one_name() -> None:
    names = [key.pattern for keys in DOMAINS.values() for key in keys]

    assert len(names) == len(set(names))


#: How names of keys begin, as far as it says that they are keys: `{hub:`, `job:`, `hubs:deleted`.
HEADS = {head for keys in DOMAINS.values() for key in keys if ":" in (head := WORD.split(key.pattern)[0])}
HEAD = re.compile(rf"(?<![\w:])({'|'.join(map(re.escape, sorted(HEADS)))})(?! )")


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a file, those of f-strings included, with their lines; docstrings are left out."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_names_of_keys_are_spelled_in_keys_py_alone() -> None:
    places = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for folder in ("pipeline", "handlers", "deploy")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "keys.py"
        for line, text in literals(path)
        if HEAD.search(text)
    ]

    assert {"{hub:", "{board:", "job:", "hubs:deleted"} <= HEADS
    assert places == []


def test_a_help_text_takes_the_names_of_groups_from_where_they_are_made() -> None:
    shown = CliRunner().invoke(hub, ["detach", "--help"]).output

    assert f"a relay ({GROUP}) or a job" in " ".join(shown.split())

"""CONTRIBUTING.md and the glossary name what is there: tests, names of the code, import contracts, words.

Links, paths and settings are compared by test_pages.py, for every page.
"""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from typing import NamedTuple

import pytest

from .markdown import prose
from .repository import ROOT

PAGE = prose(ROOT / "CONTRIBUTING.md")
GLOSSARY = ROOT / "docs" / "glossary.md"

_TEST = re.compile(r"`(test_\w+)`")
_LINK = re.compile(r"\]\((\S+)\)")
_SECTION = re.compile(r"^### .*", re.MULTILINE)
_NAME = re.compile(r"`([A-Za-z_]\w*)`")
_ROW = re.compile(r"^\| ([\w -]+) \| (.+) \| \[\S+\]\((\S+)\) \|$", re.MULTILINE)

#: Names in backticks of other projects' code, and what the page has as an example.
ELSEWHERE = {"BaseConverter", "LookupError", "integer"}


class Addition(NamedTuple):
    """What the page says of one kind of addition."""

    title: str
    text: str


def additions() -> list[Addition]:
    titles = [title.removeprefix("### ") for title in _SECTION.findall(PAGE)]
    return [Addition(*pair) for pair in zip(titles, _SECTION.split(PAGE)[1:], strict=True)]


@cache
def functions_in(file: str) -> frozenset[str]:
    return frozenset(
        node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)
    )


def test_each_test_that_is_named_is_in_the_file_that_is_linked_after_it() -> None:
    *texts, _ = parts = re.split(_LINK, PAGE)  # text, link, text, link ..., text
    named = [(test, file) for text, file in zip(texts[::2], parts[1::2], strict=True) for test in _TEST.findall(text)]

    assert len(named) == len(_TEST.findall(PAGE))
    assert [(test, file) for test, file in named if test not in functions_in(file)] == []


@pytest.mark.parametrize("addition", additions(), ids=lambda addition: addition.title)
def test_each_addition_has_files_and_a_test(addition: Addition) -> None:
    files = [link for link in _LINK.findall(addition.text) if not link.startswith("#")]

    assert [link for link in files if not link.startswith("tests/")]
    assert _TEST.search(addition.text)


@pytest.mark.parametrize("addition", additions(), ids=lambda addition: addition.title)
def test_names_in_backticks_are_in_a_file_that_is_linked_beside_them(addition: Addition) -> None:
    files = [ROOT / link for link in _LINK.findall(addition.text) if not link.startswith("#")]
    there = "\n".join(file.read_text() for file in files if file.is_file())

    assert [name for name in _NAME.findall(addition.text) if not _is_in(name, there) and name not in ELSEWHERE] == []


def test_the_rooms_name_every_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert [contract["name"] for contract in contracts if f'"{contract["name"]}"' not in PAGE] == []


@pytest.mark.parametrize(("word", "file"), [(word, file) for word, _, file in _ROW.findall(GLOSSARY.read_text())])
def test_a_word_of_the_glossary_is_used_where_it_is_said_to_be_at_home(word: str, file: str) -> None:
    text = (GLOSSARY.parent / file).read_text()

    assert re.search(rf"(?:\b|_){re.escape(word)}", text, re.IGNORECASE)


def test_every_row_of_the_glossary_is_looked_at_and_a_word_has_one_meaning() -> None:
    rows = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("| ") and "| Where |" not in line]
    words = [word for word, _, _ in _ROW.findall(GLOSSARY.read_text())]

    assert len(words) == len(rows)
    assert len(words) == len(set(words))


def _is_in(name: str, text: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None

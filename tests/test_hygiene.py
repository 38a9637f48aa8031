"""What every test of the repository keeps to: it can fail, it does not sleep for luck, and its name says what is so.

Files are read as syntax trees. A test can fail if it asserts, expects an exception, or has a program checked
(`check=True`), itself or by a function that it calls; functions are known by their names, wherever they are.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .stack import REPOSITORY

FILES = sorted(
    path
    for folder in ("tests", "examples/flaskr/tests", "examples/suite")
    for path in (REPOSITORY / folder).rglob("*.py")
    if "node_modules" not in path.parts
)

#: Functions of pytest, Playwright, kubernetes_validate and Schemathesis that raise if something is wrong.
CHECKERS = {"raises", "warns", "fail", "expect", "validate", "validate_response"}

#: Where a test sleeps outside of a loop that looks again, and why.
SLEEPS = {
    "tests/boards/test_build.py": "a process is killed at any moment, so that it is at another place each time",
    "tests/reference/test_tables.py": "time passes before each command of a writer, so that a reader's time is another",
}


class Function(NamedTuple):
    """`calls` are the names of what it calls, and of what it gives to what it calls, which may call that."""

    path: str
    name: str
    asserts: bool
    calls: frozenset[str]
    is_table: bool

    @property
    def is_test(self) -> bool:
        return Path(self.path).name.startswith("test_") and self.name.startswith("test_")


def functions(source: str, path: str = "tests/test_a.py") -> Iterator[Function]:
    for node in definitions(ast.parse(source).body):
        asserts, calls = False, set()
        for part in ast.walk(node):
            match part:
                case ast.Assert() | ast.keyword(arg="check", value=ast.Constant(value=True)):
                    asserts = True
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
                    given = (*args, *(keyword.value for keyword in keywords))
                    calls |= {name, *(value.id for value in given if isinstance(value, ast.Name))}
        is_table = any(
            "parametrize" in ast.unparse(mark.func) for mark in node.decorator_list if isinstance(mark, ast.Call)
        )
        yield Function(path, node.name, asserts, frozenset(calls), is_table)


def definitions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    """Yield the functions of a module and the methods of its classes; what is in a function is a part of it."""
    for statement in body:
        match statement:
            case ast.FunctionDef():
                yield statement
            case ast.ClassDef(body=inner) | ast.If(body=inner) | ast.With(body=inner):
                yield from definitions(inner)


def can_not_fail(found: Collection[Function]) -> list[str]:
    """Return the tests that nothing fails but an error in themselves."""
    checkers = CHECKERS | {one.name for one in found if one.asserts}
    while more := {one.name for one in found if one.name not in checkers and one.calls & checkers}:
        checkers |= more
    return [f"{one.path}: {one.name}" for one in found if one.is_test and not one.asserts and not one.calls & checkers]


def is_riddle(one: Function) -> bool:
    """Say whether the name has fewer than three words; a table may, since its ids say more."""
    return len(one.name.removeprefix("test_").split("_")) < 3 and not one.is_table


def sleeps(source: str) -> list[int]:
    """Return the lines that sleep, but not those in a `while`, which looks again what has happened meanwhile."""
    if "sleep(" not in source:
        return []
    tree = ast.parse(source)
    looking = {id(node) for loop in ast.walk(tree) if isinstance(loop, ast.While) for node in ast.walk(loop)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in looking]
    return [call.lineno for call in calls if ast.unparse(call.func) in ("time.sleep", "sleep")]


@pytest.fixture(scope="module")
def found() -> list[Function]:
    return [one for path in FILES for one in functions(path.read_text(), str(path.relative_to(REPOSITORY)))]


def test_every_test_can_fail(found: list[Function]) -> None:
    assert can_not_fail(found) == []


def test_a_name_says_what_is_so(found: list[Function]) -> None:
    assert [f"{one.path}: {one.name}" for one in found if one.is_test and is_riddle(one)] == []


def test_nothing_sleeps_for_luck() -> None:
    sleeping = {str(path.relative_to(REPOSITORY)) for path in FILES if sleeps(path.read_text())}

    assert sleeping == set(SLEEPS), "wait for what is to happen, by stack.until"


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        pytest.param("def test_a(): assert f()", False, id="an assertion"),
        pytest.param("def test_a(): f()", True, id="a call"),
        pytest.param("def f(): assert 1\ndef g(): f()\ndef test_a(): g()", False, id="a call of what calls one"),
        pytest.param("def f(): assert 1\ndef test_a(): g(check=f)", False, id="an assertion that is given on"),
        pytest.param("def test_a():\n    with pytest.raises(ValueError): f()", False, id="an exception"),
        pytest.param("def test_a(): subprocess.run(['a'], check=True)", False, id="a program"),
        pytest.param("def test_a(): subprocess.run(['a'], check=False)", True, id="a program that may fail"),
    ],
)
def test_a_test_that_can_not_fail_is_found(source: str, wrong: bool) -> None:
    assert bool(can_not_fail(list(functions(source)))) is wrong


def test_a_sleep_is_found_unless_it_looks_again() -> None:
    assert sleeps("import time\ntime.sleep(1)") == [2]
    assert sleeps("import time\nwhile not f(): time.sleep(1)") == []


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        pytest.param("def test_some_pages(): ...", True, id="two words"),
        pytest.param("def test_pages_come_last(): ...", False, id="three words"),
        pytest.param("@pytest.mark.parametrize('a', [1])\ndef test_pages(a): ...", False, id="a table"),
    ],
)
def test_a_name_that_says_little_is_found(source: str, wrong: bool) -> None:
    assert [is_riddle(one) for one in functions(source)] == [wrong]

"""The rows of docs/flask.md, and what each promises: a place that does it, and tests that see the place do it."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "flask.md"

_CODE = re.compile(r"`([^`]+)`")
_NAME = re.compile(r"[A-Za-z_]\w*")


class Row(NamedTuple):
    topic: str
    cells: list[str]

    @property
    def is_same(self) -> bool:
        """Whether it promises Flask's behaviour, perhaps with exceptions that it tells."""
        return re.match(r"same\b", self.cells[1]) is not None

    @property
    def place(self) -> str:
        return self.cells[2].strip("`")

    @property
    def tests(self) -> list[str]:
        """The tests, each with its file's path below tests."""
        return [test if "/" in test else f"wz/{test}" for test in _CODE.findall(self.cells[3])]

    def names(self) -> set[str]:
        """The identifiers in the code of the first column."""
        return {name for code in _CODE.findall(self.cells[0]) for name in _NAME.findall(code)}


def _read() -> Iterator[Row]:
    topic = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            topic = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| Flask |", "| what |")):
            yield Row(topic, [cell.strip() for cell in line.strip("|").split(" | ")])


ROWS = list(_read())
BEHAVIOURS = [row for row in ROWS if row.topic != "Not taken over"]
NOT_TAKEN_OVER = [row for row in ROWS if row.topic == "Not taken over"]


@cache
def functions_in(path: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((ROOT / "tests" / path).read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


#: A test whose program runs in a process of its own, where no call is seen.
ELSEWHERE = "wz/test_minimal.py::test_an_app_loads_no_optional_file_that_it_does_not_name"

#: The fixtures of tests/wz/conftest.py that run a test on Flask and on wz.
ON_BOTH = {"web", "line"}


def runs_on_both(test: str) -> bool:
    """Whether the test takes one of `ON_BOTH`, or a fixture of its file that takes one."""
    path, _, name = test.partition("::")
    functions, seen, names = functions_in(path), set[str](), [name]
    for each in names:
        seen.add(each)
        if each in functions:
            names += {argument.arg for argument in functions[each].args.args} - seen
    return not ON_BOTH.isdisjoint(names)


def place_of(name: str) -> Any:
    """Return what `wz/app.py: App.match` names, as it stands in its module or class, unwrapped.

    Raises AssertionError if it is a function or class that is written elsewhere.
    """
    path, _, name = name.partition(": ")
    found: Any = import_module(path.removesuffix(".py").replace("/", "."))
    assert (ROOT / path).is_file()
    for part in name.split("."):
        found = inspect.unwrap(inspect.getattr_static(found, part))
    if inspect.isfunction(found) or inspect.isclass(found):
        assert inspect.getsourcefile(found) == str(ROOT / path), f"{name} is not written there"
    return found


def codes_of(place: Any) -> set[CodeType]:
    """The code that runs when the place does its work: that of a function, property or command, or all of a class's.

    That of functions inside of a function is a part: a decorator does its work in one.
    """
    if inspect.isclass(place):
        return {code for part in vars(place).values() if not inspect.isclass(part) for code in codes_of(part)}
    if isinstance(place, property):
        return codes_of(place.fget) | codes_of(place.fset)
    if isinstance(place, cached_property):
        return codes_of(place.func)
    function = inspect.unwrap(getattr(place, "__func__", getattr(place, "callback", place)))
    return set(_with_inner(function.__code__)) if inspect.isfunction(function) else set()


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


@contextmanager
def watch(places: dict[str, set[CodeType]]) -> Iterator[dict[str, set[CodeType]]]:
    """Yield those of the places that are not called meanwhile, in any thread that starts meanwhile."""
    missing = dict(places)

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            for name in [name for name, codes in missing.items() if frame.f_code in codes]:
                del missing[name]
            if not missing:
                sys.setprofile(None)

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield missing
    finally:
        sys.setprofile(before)
        threading.setprofile(None)

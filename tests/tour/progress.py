"""Which test passes in which step, written into the pages of the tour: `python -m tests.tour.progress`.

The marks of tests/tour/test_tour.py say it, and they are strict: a mark that is wrong is a test that fails.
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from bench.page_parts import filled

from . import test_tour
from .steps import FLASK, STEPS, TOUR, number

#: As which its parts of the pages name this.
PROGRAM = "tests.tour.progress"


class Case(NamedTuple):
    """A test of the suite; `learnt` is the first step that passes it, and `reason` why those before it don't."""

    function: str
    learnt: int = 1
    reason: str = ""
    flask: str = ""

    def passes(self, name: str) -> bool:
        return number(name) >= self.learnt and not (name == FLASK and self.flask)

    def link(self) -> str:
        text = self.function.removeprefix("test_").replace("_s_", "'s ").replace("_", " ")
        text = re.sub(r"\b(get|head|json)\b", lambda word: word[0].upper(), text)
        return f"[{text}](../../tests/tour/test_tour.py#{self.function})"


def cases() -> list[Case]:
    """Return the tests that run on every step, in the suite's order."""
    found = []
    for name, function in inspect.getmembers(test_tour, inspect.isfunction):
        if name.startswith("test_"):
            marks = [mark.args for mark in getattr(function, "pytestmark", ()) if mark.name == "since"]
            learnt, reason, _, flask = marks[0] if marks else (1, "", None, "")
            found.append((function.__code__.co_firstlineno, Case(name, learnt, reason, flask)))
    return [test for _, test in sorted(found)]


def matrix(all_tests: list[Case]) -> str:
    """Return the table of all tests and all steps."""
    heads = [f"[Flask]({name}.py)" if name == FLASK else f"[{number(name)}]({name}.md)" for name in STEPS]
    lines = ["| Test | " + " | ".join(heads) + " |", "|---" + "|:-:" * len(STEPS) + "|"]
    lines += [
        f"| {test.link()} | " + " | ".join("✓" if test.passes(name) else "·" for name in STEPS) + " |"
        for test in all_tests
    ]
    passed = [str(sum(test.passes(name) for test in all_tests)) for name in STEPS]
    lines.append(f"| passed, of {len(all_tests)} | " + " | ".join(passed) + " |")
    return "\n".join(lines) + "\n"


def column(all_tests: list[Case], name: str) -> str:
    """Return what a step's page says: how many pass, which are new, and what the rest waits for."""
    step = number(name)
    passed = [test for test in all_tests if test.passes(name)]
    new = [test for test in passed if test.learnt == step]
    pages = {number(one): one for one in STEPS}
    lines = [f"{len(passed)} of {len(all_tests)} tests pass."]
    if step > 1 and new:
        lines[0] += " New here:"
        lines += ["", *(f"- {test.link()}" for test in new)]
    waiting: dict[tuple[int, str], list[Case]] = defaultdict(list)
    for test in all_tests:
        if test not in passed:
            waiting[test.learnt, test.reason].append(test)
    if waiting:
        lines += ["", "| The rest waits for | because | tests |", "|---|---|:-:|"]
        lines += [
            f"| [step {learnt}]({pages[learnt]}.md) | {reason} | {len(each)} |"
            for (learnt, reason), each in sorted(waiting.items())
        ]
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Return the pages as they should be."""
    all_tests = cases()
    parts = {name: column(all_tests, name) for name in STEPS if name != FLASK} | {"index": matrix(all_tests)}
    found = {TOUR / f"{name}.md": part for name, part in parts.items()}
    return {page: filled(page.read_text(), PROGRAM, {"tests": part}) for page, part in found.items()}


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text)

"""What the directive {step} shows with `:new:`. That it marks new lines is in test_guide.py."""

from __future__ import annotations

import re
import runpy
from textwrap import dedent

import pytest

from ..stack import REPOSITORY
from .conftest import Built

excerpt = runpy.run_path(str(REPOSITORY / "docs" / "_ext" / "step.py"))["excerpt"]

FILE = dedent(
    """\
    import sys

    KEY = 1


    class A:
        def one(self):
            return 1

        def two(self):
            found = '''2
    or

    3'''
            return found


    print(A())
    """
).splitlines()


@pytest.mark.parametrize(
    ("marked", "shown"),
    [
        pytest.param(
            [15],
            [
                "...",
                "",
                "class A:",
                "    ...",
                "",
                "    def two(self):",
                "        ...",
                "        return found",
                "",
                "...",
            ],
            id="a line in a method of a class",
        ),
        pytest.param([14], ["...", "", "class A:", "    ...", "", *FILE[9:14], "        ..."], id="a text"),
        pytest.param([1, 3], ["import sys", "", "KEY = 1", "", "..."], id="only blank lines between"),
        pytest.param([18], ["...", "", "print(A())"], id="the last line"),
        pytest.param([], ["..."], id="nothing"),
    ],
)
def test_what_is_not_new_is_left_out(marked: list[int], shown: list[str]) -> None:
    assert excerpt(FILE, marked) == shown


def test_a_page_with_many_steps_shows_only_what_is_new(guide: Built) -> None:
    text = re.sub("<[^>]*>", "", (guide.folder / "sas/index.html").read_text())

    assert text.count("def parse(header):") == 1, "new in the fourth step, and in those after it as well"
    assert text.count("What is gone") > 3

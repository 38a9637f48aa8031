"""The three short tours of the domain, as the tests run them: docs/sas, docs/event and docs/sums."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tests.docs.commands_of_pages import mistakes
from tests.docs.markdown import blocks
from tests.stack import REPOSITORY

DOCS = REPOSITORY / "docs"


def steps(tour: str) -> list[str]:
    """Return the names of a tour's steps, in order."""
    return sorted(path.stem for path in (DOCS / tour).glob("[0-9]*.py"))


def run(tour: str, step: str) -> dict[str, Any]:
    """Run the file of a step, which prints nothing when it is not the program, and return its names."""
    path = DOCS / tour / f"{step}.py"
    names: dict[str, Any] = {"__name__": step}
    sys.path.insert(0, str(path.parent))  # as `python FILE` has it
    try:
        exec(compile(path.read_text(), path, "exec", dont_inherit=True), names)
    finally:
        sys.path.remove(str(path.parent))
    return names


def answered(tour: str, step: str, exercise: int) -> dict[str, Any]:
    """Return the names of a step with the answer to one of the two exercises, the last blocks of the tour's page."""
    names = run(tour, step)
    exec(list(blocks(DOCS / tour / "index.md", "python"))[exercise - 3].code(), names)
    return names


def wrong_prints(tour: str, given: Mapping[str, str] | None = None, said: Mapping[str, str] | None = None) -> list[str]:
    """Run the commands of a tour's page, and return where they don't print what it says.

    `given` has for words of the page what they stand for, `said` for texts that are printed what the page says.
    """

    def python(words: list[str], env: Mapping[str, str] | None = None) -> str:
        command = [sys.executable, *((given or {}).get(word, word) for word in words)]
        env = {**os.environ, **(env or {})}
        done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
        printed = done.stdout + done.stderr
        for text, instead in (said or {}).items():
            printed = printed.replace(text, instead)
        return printed

    def with_the_service(words: list[str]) -> str:
        assert words[0] == "python"
        return python(words[1:], {"PYTHONPATH": str(REPOSITORY)})

    page = DOCS / tour / "index.md"
    tools = {"python": python, "PYTHONPATH=.": with_the_service}
    return mistakes(page, {tool: run for tool, run in tools.items() if f"$ {tool} " in page.read_text()})


def is_shown(tour: str, step: str) -> bool:
    """Say whether the page shows the step's file and what it prints."""
    text = (DOCS / tour / "index.md").read_text()
    return f"```{{step}} {step}.py\n" in text and f"python docs/{tour}/{step}.py" in text

"""The code that a step's page shows beside the step's file, run by the tests of single steps."""

from __future__ import annotations

from typing import Any
from wsgiref.validate import validator

from werkzeug.test import Client

from tests.docs.markdown import blocks

from .steps import TOUR, Step


def run_block(page: str, containing: str, **names: Any) -> dict[str, Any]:
    """Run the one block of a page that has this text, as a part of what has `names`, and return all its names."""
    (found,) = [one for one in blocks(TOUR / f"{page}.md", "python") if containing in one.source]
    exec(found.code(), names)
    return names


def held_to_the_pep(app: Any, **names: Any) -> Step:
    """Return a client whose every request and answer is checked, as in the suite over all steps."""
    return Step(names, Client(validator(app)))

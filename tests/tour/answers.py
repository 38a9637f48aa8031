"""The answers to the exercises of a page, put where the page says: at the end of the step's file."""

from __future__ import annotations

from wsgiref.validate import validator

from werkzeug.test import Client

from tests.docs.markdown import blocks

from .steps import TOUR, Step, run


def answered(name: str, exercise: int) -> Step:
    """Return the step with the answer to one of its two exercises, which are the last two blocks of the page."""
    module = run(name)
    exec(list(blocks(TOUR / f"{name}.md", "python"))[exercise - 3].code(), module)
    return Step(module, Client(validator(module["app"])))

"""What the pages of /layers say about Flask is true of the Flask that is installed."""

from __future__ import annotations

import inspect
from functools import reduce
from importlib import import_module, metadata

import pytest

from handlers.console.layers.flask_places import FLASK
from handlers.console.layers.measured import measured
from wz.tracing.spans import STEPS


def test_each_step_has_its_place_in_the_order_of_the_way() -> None:
    assert list(FLASK) == list(STEPS)


def test_what_is_said_is_said_of_the_installed_flask() -> None:
    assert metadata.version("flask").startswith("3.1.")
    assert measured().versions["flask"].startswith("3.1.")


@pytest.mark.parametrize("step", [step for step, place in FLASK.items() if place.function])
def test_the_named_function_exists(step: str) -> None:
    module, _, name = FLASK[step].function.partition(":")
    function = reduce(getattr, name.split("."), import_module(module))

    assert callable(function)
    assert (inspect.getsourcefile(import_module(module)) or "").endswith(FLASK[step].file)


def test_a_cost_is_shown_only_where_a_function_is_named() -> None:
    assert [step for step in measured().steps if not FLASK[step].function] == []

"""What page 5 of the tour says of errors, and of those that are none."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.exceptions import BadRequest, NotFound

from handlers.error_table import PROBLEMS

from .steps import FLASK, open_step
from .test_tour import ANN


@pytest.mark.parametrize("order", [1, -1])
def test_the_nearest_class_wins_in_whatever_order_they_stand(order: int) -> None:
    with open_step("05_errors") as step:
        table = step.module["errors"] | {LookupError: BadRequest}
        step.module["errors"].clear()
        step.module["errors"].update([*table.items()][::order])

        assert step.get(ANN).status_code == 404


def test_flask_finds_the_nearest_class_too() -> None:
    with open_step(FLASK) as step:
        step.module["app"].register_error_handler(LookupError, lambda exc: step.module["problem"](BadRequest()))

        assert step.get(ANN).status_code == 404


def test_a_class_below_one_of_the_table_is_found_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_step("05_errors") as step:
        monkeypatch.setattr(step.module["boards"], "standing", lambda board, member: b"\xff".decode())

        assert step.get(ANN).status_code == 400  # UnicodeDecodeError is a ValueError


@pytest.mark.parametrize("exc", [SystemExit, KeyboardInterrupt])
def test_what_ends_a_process_goes_through(exc: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def end(board: str, member: str) -> None:
        raise exc

    with open_step("05_errors") as step:
        monkeypatch.setattr(step.module["boards"], "standing", end)
        with pytest.raises(exc):
            step.get(ANN)


def test_what_the_domain_says_is_told_to_the_client() -> None:
    with open_step("05_errors") as step:
        assert _problem(step.get(ANN)) == {
            "status": 404,
            "title": NotFound().name,
            "detail": "ann has no score on points",
        }


def test_a_value_error_by_mistake_is_told_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_step("05_errors") as step:
        monkeypatch.setattr(step.module["boards"], "standing", lambda board, member: int("secret"))

        answer = step.get(ANN)
        assert answer.status_code == 400
        assert "secret" in _problem(answer)["detail"]


def test_the_service_s_table_has_errors_of_its_own_only() -> None:
    assert PROBLEMS
    assert [cls for cls in PROBLEMS if not cls.__module__.startswith("pipeline.")] == []


def _problem(answer: Any) -> dict[str, Any]:
    assert answer.mimetype == "application/problem+json"
    found: dict[str, Any] = answer.get_json(force=True)
    return found

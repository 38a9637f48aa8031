"""The answers to the exercises of steps 1 to 5 do what is asked for, and break nothing that the step can do."""

from __future__ import annotations

import inspect
import logging

import pytest

from . import test_tour
from .answers import answered
from .progress import cases
from .steps import STEPS

FIRST = STEPS[:5]


@pytest.mark.parametrize("exercise", [1, 2])
@pytest.mark.parametrize("name", FIRST)
def test_an_answer_breaks_nothing(name: str, exercise: int) -> None:
    for case in cases():
        function = getattr(test_tour, case.function)
        if case.passes(name) and list(inspect.signature(function).parameters) == ["step"]:
            function(answered(name, exercise))


@pytest.mark.parametrize(
    ("name", "exercise", "mark"),
    [
        ("01_function", 2, "test_head_is_get_without_the_body"),
        ("02_environ", 1, "test_a_body_that_is_not_json_is_a_400"),
        ("03_request", 1, "test_a_wrong_method_is_told_the_right_ones"),
        ("04_map", 1, "test_a_limit_that_is_no_number_is_refused"),
        ("05_errors", 1, "test_a_body_that_is_no_object_is_refused"),
    ],
)
def test_an_answer_makes_the_mark_go(name: str, exercise: int, mark: str) -> None:
    (case,) = [case for case in cases() if case.function == mark]
    assert not case.passes(name)

    getattr(test_tour, mark)(answered(name, exercise))


def test_1_a_header_for_every_answer() -> None:
    step = answered("01_function", 1)

    assert step.get("/boards/points/top").headers["X-Step"] == "1"
    assert step.get("/nothing/here").headers["X-Step"] == "1"


def test_2_a_body_without_a_length() -> None:
    step = answered("02_environ", 2)
    chunked = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}

    assert step.put(test_tour.ANN, json={"score": 3}, environ_overrides=chunked).json["score"] == 3


@pytest.mark.parametrize(("size", "status"), [(1024, 200), (1025, 413)])
def test_3_a_limit(size: int, status: int) -> None:
    step = answered("03_request", 2)

    body = b'{"score": 1}'.ljust(size)
    assert step.put(test_tour.ANN, data=body, content_type="application/json").status_code == status
    assert step.get("/boards/points/top", data=body).status_code == 200, "no view asks for it"


def test_4_a_name_with_a_slash() -> None:
    step = answered("04_map", 2)

    assert step.put("/boards/points/members/a%2Fb", json={"score": 1}).json["member"] == "a/b"
    features = "/boards/points/members/a/features"
    assert step.put(features, json={"score": 1}).json["member"] == "a/features"

    step.module["route"]("/boards/<board>/members/<member>/features", "PUT")(lambda request, board, member: member)
    assert step.put(features, json={"score": 1}).json == "a"


def test_5_a_redirect_is_no_error() -> None:
    step = answered("05_errors", 2)

    answer = step.get("/boards//points/top")
    assert (answer.status_code, answer.mimetype) == (308, "text/html")
    assert step.get("/boards//points/top", follow_redirects=True).json == {"board": "points", "members": []}


def test_5_what_the_answers_of_step_5_leave_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answered("05_errors", 1).put(test_tour.ANN, json=[1])

    assert caplog.records == []

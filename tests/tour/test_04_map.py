"""What page 4 of the tour says of methods, of the Map and of slashes."""

from __future__ import annotations

import pytest

from .steps import FLASK, Step, open_step
from .test_tour import signed_url


@pytest.mark.parametrize("name", ["12_wz", FLASK])
def test_options_is_added_by_flask_and_by_wz(name: str) -> None:
    with open_step(name) as step:
        answer = step.options("/boards/points/top")

        assert answer.status_code == 200
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_options_is_added_by_nobody_here() -> None:
    with open_step("04_map") as step:
        answer = step.options("/boards/points/top")

        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_the_map_knows_the_url_of_an_endpoint() -> None:
    with open_step("04_map") as step:
        urls = step.module["url_map"].bind("hub.test", script_name="/v1")

        assert urls.build("standing", {"board": "points", "member": "Zoë"}) == "/v1/boards/points/members/Zo%C3%AB"


def test_a_slash_in_a_name_is_a_slash_between_names() -> None:
    with open_step("04_map") as step:
        answer = step.get("/boards/a%2Fb/top")

        assert answer.status_code == 404
        assert answer.request.environ["REQUEST_URI"] == "/boards/a%2Fb/top"


def test_a_token_is_signed_for_the_path_as_it_was_decoded() -> None:
    def sent(step: Step) -> str:
        return signed_url(step.post("/ev%65nts/messages", base_url="http://hub.test").json["authorization"])

    with open_step("04_map") as step:
        assert sent(step) == "http://hub.test/events/messages"

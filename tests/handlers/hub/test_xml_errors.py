"""Errors as Azure answers them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial

import pytest
import redis as redis_py

from pipeline.connection_string import ConnectionString
from pipeline.hub.rules import Right, Rules

from ... import stack
from ..conftest import ServiceClient, detail

pytestmark = pytest.mark.cluster

TAIL = re.compile(r" TrackingId:(?P<id>[^,]+), SystemTracker:(?P<tracker>[^,]+), Timestamp:(?P<time>[^,]+)$")


@pytest.mark.parametrize(
    ("method", "path", "token", "status", "text"),
    [
        pytest.param(
            "POST", "/events/messages", str, 401, "MissingToken: The authorization header was not found", id="no token"
        ),
        pytest.param("POST", "/events/messages", lambda: "Bearer x", 401, "MalformedToken: ", id="another scheme"),
        pytest.param(
            "POST",
            "/events/messages",
            partial(stack.token, connection=ConnectionString(stack.ROOT.endpoint, stack.ROOT.key_name, "wrong")),
            401,
            "InvalidSignature: The token has an invalid signature. SubCode=40103: ",
            id="a wrong key",
        ),
        pytest.param(
            "POST",
            "/events/messages",
            partial(stack.token, lifetime=-1),
            401,
            "ExpiredToken: The token is expired.",
            id="expired",
        ),
        pytest.param(
            "POST",
            "/events/messages",
            partial(stack.token, "other"),
            401,
            "InvalidAudience: The authorization header contains a token with a wrong audience",
            id="for another hub",
        ),
        pytest.param(
            "POST",
            "/NoHub/messages",
            stack.token,
            404,
            f"The messaging entity 'sb://{stack.HOST}/NoHub' does not exist",
            id="no such hub",
        ),
        pytest.param(
            "PUT", "/events/messages", stack.token, 405, "The specified HTTP verb (PUT) is not valid.", id="a verb"
        ),
        pytest.param(
            "POST",
            "/events/nothing/here",
            stack.token,
            400,
            "The requested HTTP operation is not supported in an EventHub.",
            id="an operation",
        ),
    ],
)
def test_errors_have_the_service_s_shape_and_texts(
    client: ServiceClient, method: str, path: str, token: Callable[[], str], status: int, text: str
) -> None:
    answer = client.open(path, method=method, headers={"Authorization": token()})

    assert answer.status_code == status
    said = detail(answer)
    assert said.startswith(text)
    tail = TAIL.search(said)
    assert tail is not None
    assert tail["id"] == answer.headers["X-Request-ID"]
    assert tail["tracker"] == f"{stack.HOST}:{path.strip('/')}"
    datetime.fromisoformat(tail["time"])


@pytest.mark.core
def test_a_missing_claim_is_401_with_its_sub_code(client: ServiceClient, redis: redis_py.Redis) -> None:
    rule = Rules(redis, stack.ROOT).add("reader", frozenset({Right.LISTEN}))
    headers = {"Authorization": stack.token(connection=ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary))}
    answer = client.post("/events/messages", data="x", headers=headers)

    assert answer.status_code == 401
    assert detail(answer).startswith(
        "SubCode=40100: Unauthorized : Unauthorized access for 'Send' operation on endpoint "
        f"'sb://{stack.HOST}/events/messages'."
    )


@pytest.mark.core
@pytest.mark.parametrize("path", ["/%0B%EF%BF%BF/messages", "/%3C%26%5D%5D%3E/messages", "/events/%3Cx%3E/y"])
def test_what_xml_cannot_hold_is_answered_in_xml(client: ServiceClient, path: str) -> None:
    answer = client.post(path, data="x")

    assert answer.status_code in (400, 404)
    assert detail(answer)


@pytest.mark.core
@pytest.mark.parametrize("path", ["/boards/none", "/outputs/none", "/hubs/events/none", "/layers/none"])
def test_everything_else_answers_problem_documents(client: ServiceClient, path: str) -> None:
    assert client.get(path).content_type == "application/problem+json"

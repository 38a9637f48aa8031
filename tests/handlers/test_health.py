from __future__ import annotations

from pathlib import Path

import pytest
import redis as redis_py

from handlers import create_app
from handlers.outage import NOTHING_CHANGED
from pipeline.settings import Settings
from wz.testing import Client

from .. import stack
from ..full import full
from .conftest import ServiceClient

pytestmark = pytest.mark.core


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_token(client: ServiceClient, path: str) -> None:
    answer = client.get(path, headers={"Authorization": ""})

    assert (answer.status_code, answer.json["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/readyz", 503), ("/boards/b", 503), ("/outputs/OutputWindow", 503)],
)
def test_without_redis_the_process_is_healthy_and_not_ready(tmp_path: Path, path: str, status: int) -> None:
    settings = Settings(environment="test", redis_url=f"unix://{tmp_path}/none.sock", connection_string=stack.ROOT)
    answer = Client(create_app(settings)).get(path, headers={"Authorization": stack.token()})

    assert answer.status_code == status
    if status == 503:
        assert answer.headers["Retry-After"] == "1"
        assert "none.sock" not in answer.text


def test_a_store_that_is_full_is_told_from_one_that_is_away(client: ServiceClient, redis: redis_py.Redis) -> None:
    assert client.post("/events/messages", data="x").status_code == 201  # which makes the hub
    with full(redis):
        send = client.post("/events/messages", data="x")
        reward = client.put("/boards/b/members/ann", json={"score": 1})
        ready = client.get("/readyz")

    said = "the store is full, and takes nothing new until old events are dropped"
    assert [(answer.status_code, answer.headers.get("Retry-After")) for answer in (send, reward)] == [(503, "5")] * 2
    assert f"ServerBusy: {said}; {NOTHING_CHANGED}" in send.text
    assert reward.json["detail"] == f"{said}; {NOTHING_CHANGED}"
    assert (ready.status_code, ready.json["stores"]["hubs"]) == (503, f"OOM: {said}")
    assert ready.json["detail"] == f"redis, hubs, boards: OOM: {said}"


def test_an_unknown_path_is_a_problem_document(client: ServiceClient) -> None:
    answer = client.get("/hubs/no/such/path")  # any first segment that is not the service's own is a hub

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.json["title"] == "Not Found"


def test_a_browser_gets_a_page(client: ServiceClient) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    answer = client.get("/outputs/no/where", headers={"Accept": accept})

    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_methods_are_listed(client: ServiceClient) -> None:
    options = client.options("/boards/b/members/ann")
    wrong = client.post("/boards/b/members/ann")

    assert options.status_code == 200
    assert options.allow.as_set() == wrong.allow.as_set() == {"delete", "get", "head", "options", "put"}
    assert wrong.status_code == 405


def test_head_has_no_body(client: ServiceClient) -> None:
    answer = client.head("/healthz")

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_length == len(client.get("/healthz").data)

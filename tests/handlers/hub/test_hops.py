"""An event that a relay sends back to a hub where it has been."""

from __future__ import annotations

import json
import secrets

import pytest
import redis as redis_py

from pipeline.hub.log import Hub
from pipeline.hub.upstream_requests import BATCH_TYPE

from ..conftest import ServiceClient, detail

pytestmark = pytest.mark.cluster

ELSEWHERE = "first@00000000000a"


@pytest.mark.parametrize("form", ["single", "batch", "publisher", "partition"])
def test_it_is_refused_with_the_way_that_it_went(client: ServiceClient, redis: redis_py.Redis, form: str) -> None:
    name = f"ring-{secrets.token_hex(4)}"  # which no process knows from an earlier test
    hub = Hub(redis, name, 4)
    assert client.put(f"/{name}").status_code == 201
    hops = f"{hub.hop},{ELSEWHERE}"
    path = {"publisher": "publishers/dev-1/", "partition": "partitions/1/"}.get(form, "")
    if form == "batch":
        items = [{"Body": "new"}, {"Body": "old", "UserProperties": {"wz-hops": hops}}]
        answer = client.post(f"/{name}/messages", data=json.dumps(items), content_type=BATCH_TYPE)
    else:
        answer = client.post(f"/{name}/{path}messages", data="old", headers={"wz-hops": hops})

    assert answer.status_code == 400
    text = detail(answer)
    assert text.startswith(f"RelayRing: the event has been in this hub: {hub.hop} -> {ELSEWHERE} -> {hub.hop}. Pause")
    assert "must leave 'wz-hops' out" in text
    assert [hub.read(p) for p in range(4)] == [[]] * 4


def test_one_that_was_elsewhere_is_taken_and_one_that_no_relay_sends_is_not(client: ServiceClient) -> None:
    assert client.post("/events/messages", data="x", headers={"wz-hops": ELSEWHERE}).status_code == 201
    answer = client.post("/events/messages", data="x", headers={"wz-hops": "mine"})

    assert answer.status_code == 400
    assert detail(answer).startswith("'wz-hops' is not a list of NAME@ID, as relays write it; a forwarder")

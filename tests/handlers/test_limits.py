"""Settings that change which requests are accepted, in process: each needs a service of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis as redis_py

from handlers import create_app
from pipeline.settings import Settings

from .. import stack
from ..client import ServerlikeClient, validated
from .conftest import detail

pytestmark = pytest.mark.cluster


def serve(settings: Settings) -> ServerlikeClient:
    return validated(create_app(settings))


@pytest.mark.parametrize(("tolerance", "status"), [(0, 401), (100, 401), (900, 201)])
def test_an_expired_token_is_taken_for_as_long_as_the_setting_says(
    redis: redis_py.Redis, settings: Settings, tolerance: int, status: int
) -> None:
    client = serve(replace(settings, clock_tolerance=tolerance))
    headers = {"Authorization": stack.token(lifetime=-300)}

    assert client.post("/events/messages", data="x", headers=headers).status_code == status


@pytest.mark.parametrize(("size", "status"), [(3 * 1024**2, 201), (3 * 1024**2 + 1, 413)])
def test_a_send_may_be_as_large_as_the_setting_says(
    redis: redis_py.Redis, settings: Settings, size: int, status: int
) -> None:
    client = serve(replace(settings, max_send_bytes=3 * 1024**2))
    answer = client.post("/events/messages", data=b"x" * size, headers={"Authorization": stack.token()})

    assert answer.status_code == status
    if status == 413:
        assert detail(answer).startswith("The event or the batch is larger than 3145728 bytes.")

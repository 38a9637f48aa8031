from __future__ import annotations

import time
from datetime import UTC, datetime

import redis as redis_py

from pipeline.store.clock import clock_ms, machine_now, machine_time, reply_ms


def test_redis_s_time_is_in_ms_alone_and_in_a_pipeline(redis: redis_py.Redis) -> None:
    before = time.time() * 1000 - 1
    alone = clock_ms(redis)
    with redis.pipeline() as pipe:
        pipe.time()
        (reply,) = pipe.execute()

    assert before <= alone <= reply_ms(reply) <= time.time() * 1000 + 1
    assert reply_ms((1_700_000_000, 999_999)) == 1_700_000_000_999


def test_the_machine_s_time_is_utc() -> None:
    assert abs(machine_time() - time.time()) < 1
    assert abs((machine_now() - datetime.now(UTC)).total_seconds()) < 1

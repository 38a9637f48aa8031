"""Random queries of all constructs, as jobs that die, give the rows that they mean; on a server and on a cluster.

`make crash` draws more of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import redis as redis_py
from hypothesis import HealthCheck, given, settings

from ..support import drawn
from ..support.differential import Death, deaths, of_job, of_model
from ..support.drawn import Drawn, Event


@pytest.mark.cluster
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(query=drawn.queries(), events=drawn.events, deaths=deaths)
def test_a_job_has_the_rows_that_its_query_means(
    redis: redis_py.Redis, tmp_path: Path, query: Drawn, events: Sequence[Event], deaths: Sequence[Death]
) -> None:
    redis.flushdb()

    assert of_job(redis, query, events, deaths, tmp_path / "j") == of_model(query, events)

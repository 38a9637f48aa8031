from __future__ import annotations

from pathlib import Path

import pytest
import redis as redis_py

from bench.hub_plan import round_trips
from pipeline.store.scripts import Script

COUNT = "return ARGV[1] == 'x' and redis.error_reply('X no number') or redis.call('INCRBY', KEYS[1], ARGV[1])"
KEYS = [f"{{{number}}}" for number in range(20)]  # in slots of all nodes


@pytest.fixture(params=["redis", "cluster"])
def client(request: pytest.FixtureRequest) -> redis_py.Redis:
    found: redis_py.Redis = request.getfixturevalue(request.param)
    found.script_flush()
    return found


@pytest.fixture
def script(tmp_path: Path) -> Script:
    file = tmp_path / "count.lua"
    file.write_text(COUNT)
    return Script(file)


def test_it_is_run_once_for_each_key_known_to_redis_or_not(client: redis_py.Redis, script: Script) -> None:
    calls: list[tuple[list[str], list[int]]] = [([key], [number]) for number, key in enumerate(KEYS)]

    assert script.call_all(client, calls) == list(range(20))
    with round_trips() as trips:
        assert script.call_all(client, calls) == [2 * number for number in range(20)]
    assert trips.waits == 1
    assert script.call_all(client, []) == []


def test_an_error_of_one_is_raised(client: redis_py.Redis, script: Script) -> None:
    with pytest.raises(redis_py.ResponseError, match="no number"):
        script.call_all(client, [([KEYS[0]], [1]), ([KEYS[1]], ["x"])])

    assert client.get(KEYS[0]) == b"1"

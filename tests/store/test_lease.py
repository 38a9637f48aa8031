from __future__ import annotations

import pytest
import redis as redis_py

from pipeline.store.lease import Lease


@pytest.fixture
def leases(redis: redis_py.Redis) -> tuple[Lease, Lease]:
    return Lease(redis, "lease"), Lease(redis, "lease")


def test_one_owner_at_a_time(leases: tuple[Lease, Lease]) -> None:
    ours, theirs = leases

    assert ours.hold()
    assert ours.hold()
    assert not theirs.hold()


def test_a_released_lease_can_be_taken_at_once(leases: tuple[Lease, Lease]) -> None:
    ours, theirs = leases
    ours.hold()
    theirs.release()  # not its own
    assert not theirs.hold()

    ours.release()

    assert theirs.hold()


def test_a_lease_that_is_not_renewed_ends(redis: redis_py.Redis) -> None:
    lease = Lease(redis, "lease", ttl=8.0)
    lease.hold()

    assert 0 < redis.pttl("lease") <= 8000


def renew(lease: Lease) -> bool:
    with lease.redis.pipeline(transaction=False) as pipe:
        lease.queue_hold(pipe, take=False)
        return bool(pipe.execute()[0])


def test_a_lease_that_ended_is_not_renewed(redis: redis_py.Redis, leases: tuple[Lease, Lease]) -> None:
    ours, _ = leases
    ours.hold()
    assert renew(ours)
    redis.delete("lease")  # as if it had ended

    assert not renew(ours)
    assert ours.hold()

"""Who looks after a Redis that has no memory left can sign in."""

from __future__ import annotations

import redis as redis_py

from pipeline.console import sessions

from ..full import full


def test_a_session_begins(redis: redis_py.Redis) -> None:
    with full(redis):
        code = sessions.new_code(redis, "a token")
        session = sessions.begin(redis, sessions.take_code(redis, code) or "", 60)
        assert sessions.find(redis, session) == "a token"

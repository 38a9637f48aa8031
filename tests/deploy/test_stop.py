"""Readers that wait don't keep a service from stopping."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import redis as redis_py

from pipeline.settings import Settings

from .. import stack


def test_a_stream_ends_whole_when_gunicorn_stops(tmp_path: Path, redis: redis_py.Redis, settings: Settings) -> None:
    with stack.gunicorn(tmp_path, settings) as server:
        connection = server.connect()
        connection.request("GET", "/hubs/events/partitions/0/tail", headers={"Authorization": stack.token()})
        answer = connection.getresponse()
        assert answer.readline() == b"retry: 1000\n"

    # The block ends with SIGTERM, and kills after ten seconds: then the last chunk would be missing.
    with closing(connection):
        assert answer.read().strip(b":\n") == b""  # nothing but comments

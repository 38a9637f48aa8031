"""A service that stops waits for no reader, and leaves no answer cut."""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing
from pathlib import Path

import redis as redis_py

from handlers.boards.bulk import STOPPING
from pipeline.boards import Boards
from pipeline.settings import Settings

from .. import stack


def test_a_stream_ends_whole_when_gunicorn_stops(tmp_path: Path, redis: redis_py.Redis, settings: Settings) -> None:
    with stack.gunicorn(tmp_path, settings, WEB_CONCURRENCY="1") as server:
        connection = server.connect()
        connection.request("GET", "/hubs/events/partitions/0/tail", headers={"Authorization": stack.token()})
        answer = connection.getresponse()
        assert answer.readline() == b"retry: 1000\n"

    # The block ends with SIGTERM, and kills after ten seconds: then the last chunk would be missing.
    with closing(connection):
        assert answer.read().strip(b":\n") == b""  # nothing but comments


def test_a_bulk_answer_ends_with_what_was_not_carried_out(
    tmp_path: Path, redis: redis_py.Redis, settings: Settings
) -> None:
    body = b"".join(b'{"member": "m%d", "score": 1}\n' % number for number in range(60_000))
    headers = {"Authorization": stack.token(), "Content-Type": "application/x-ndjson"}
    with stack.gunicorn(tmp_path, settings, WEB_CONCURRENCY="1") as server, closing(server.connect()) as connection:
        connection.request("POST", "/boards/b/members", body, headers)
        answer = connection.getresponse()
        first = answer.readline()
        # The rest waits to be read, so most of the records are still to be carried out.
        os.kill(int((tmp_path / "gunicorn.pid").read_text()), signal.SIGTERM)
        *results, last = [first, *answer.read().splitlines()]

    summary = json.loads(last)
    assert summary["records"] == len(results) < 60_000
    assert (summary["complete"], summary["error"]) == (False, STOPPING)
    assert Boards.from_settings(settings)["b"].summary().count == len(results)

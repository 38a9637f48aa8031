from __future__ import annotations

import logging
import re
import threading

import pytest
from redis import ConnectionError

from pipeline.store.outage_log import OutageLog
from pipeline.store.refusals import Parser

from ..stack import until


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.getMessage()) for record in caplog.records]


def test_an_outage_is_told_at_once_then_counted_then_over(caplog: pytest.LogCaptureFixture) -> None:
    log = OutageLog(every=0.3)
    for _ in range(40):
        log.note(ConnectionError("Connection refused."))
    until(lambda: any(": over," in text for _, text in lines(caplog)))

    found = lines(caplog)
    assert found[0] == (logging.ERROR, "Redis: AWAY: the store can't be reached: Connection refused.")
    assert found[-1] == (logging.WARNING, "Redis: AWAY: over, none in 0.3 s")
    more = [re.fullmatch(r"Redis: AWAY: (\d+) more in 0.3 s", text) for _, text in found[1:-1]]
    assert sum(int(line[1]) for line in more if line) == 39
    assert 1 <= len(more) <= 3


def test_each_kind_of_outage_has_lines_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    before = [thread.name for thread in threading.enumerate()].count("the log of outages")
    log = OutageLog(every=0.3)
    for _ in range(2):
        log.note(ConnectionError("Connection refused."))
        log.note(Parser.parse_error("READONLY You can't write against a read only replica."))

    assert [thread.name for thread in threading.enumerate()].count("the log of outages") == before + 1
    begins = [text.split(": ")[1] for _, text in lines(caplog)]
    assert begins[:2] == ["AWAY", "READONLY"]
    until(lambda: sum(": over," in text for _, text in lines(caplog)) == 2)


def test_one_that_comes_back_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    log = OutageLog(every=0.05)
    for count in (1, 2):
        log.note(ConnectionError("Connection refused."))
        until(lambda: len(lines(caplog)) == 2 * count)  # noqa: B023 (it is called at once)

    assert [level for level, _ in lines(caplog)] == [logging.ERROR, logging.WARNING] * 2


def test_what_a_client_sent_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    log = OutageLog(every=0.05)
    log.note(ConnectionError("Command # 1 (SET key secret) of pipeline caused error: no memory"))
    until(lambda: any(": over," in text for _, text in lines(caplog)))

    assert lines(caplog)[0][1].endswith(": no memory")
    assert "secret" not in caplog.text

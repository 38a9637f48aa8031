"""Log lines: JSON for programs, text for people, the same facts in both, and no secret in either."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pipeline import logs

from .stack import REPOSITORY


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that no other test has, with one handler."""
    found = logging.getLogger("tests.of.logs")
    found.propagate = False
    found.setLevel("INFO")
    found.handlers = [logging.StreamHandler(io.StringIO())]
    yield found
    found.handlers = []


def lines(logger: logging.Logger, form: str, secrets: tuple[str, ...] = ()) -> list[str]:
    """Return what was logged, in a form."""
    handler = logger.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setFormatter(logs.formatter(form, secrets))
    logger.info("%s answered %d", "upstream", 503, extra={"hub": "events", "duration": 0.25})
    try:
        raise ValueError("no such place")
    except ValueError:
        logger.exception("a step failed")
    return str(handler.stream.getvalue()).splitlines()


def test_a_line_of_json_has_all_facts(logger: logging.Logger) -> None:
    before = datetime.now(UTC)
    first, second = (json.loads(line) for line in lines(logger, "json"))

    time = datetime.fromisoformat(first.pop("time"))
    assert abs((time - before).total_seconds()) < 60
    assert first.pop("process") > 1
    assert first == {
        "level": "INFO",
        "logger": "tests.of.logs",
        "message": "upstream answered 503",
        "hub": "events",
        "duration": 0.25,
    }
    assert second["level"] == "ERROR"
    assert second["exception"].endswith("ValueError: no such place")


def test_times_are_utc_as_rfc_3339_writes_them(logger: logging.Logger) -> None:
    for form in ("json", "text"):
        record = logging.makeLogRecord({"created": 1777636800.25, "msg": "x", "name": "n", "levelname": "INFO"})

        assert "2026-05-01T12:00:00.250Z" in logs.formatter(form).format(record)


def test_text_has_the_same_facts(logger: logging.Logger) -> None:
    first, *rest = lines(logger, "text")

    assert "Z INFO tests.of.logs: upstream answered 503 [process=" in first
    assert first.endswith(" hub=events duration=0.25]")
    assert rest[-1] == "ValueError: no such place"


def test_a_client_can_begin_no_line(logger: logging.Logger) -> None:
    record = logging.makeLogRecord({"msg": "GET /a\n2026-05-01T12:00:00.000Z INFO forged: \x1b[2J\x7f", "name": "n"})

    for form in ("json", "text"):
        (line,) = logs.formatter(form).format(record).splitlines()
        assert not {"\x1b", "\x7f"} & set(line) or form == "json"


@pytest.mark.parametrize(
    "text",
    [
        "SharedAccessSignature sr=a&sig=HIDDEN&se=1&skn=b",
        "Endpoint=sb://a/;SharedAccessKeyName=b;SharedAccessKey=HIDDEN",
        "redis://:HIDDEN@host:6379/1 does not answer",
        "rediss://user:HIDDEN@host?ssl_password=HIDDEN",
        "redis+sentinel://:HIDDEN@host,host/wz?sentinel_password=HIDDEN",
        "POST https://host/hook?code=HIDDEN&name=a",
        "GET /a?token=HIDDEN",
        "{'Authorization': 'Bearer HIDDEN'}",
        "Authorization: SharedAccessSignature sr=HIDDEN",
        "the key of this process, HIDDEN, by itself",
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_what_looks_like_a_secret_is_not_shown(text: str, form: str) -> None:
    secret = "aB3+x9%2f=="
    known = (secret,) if "by itself" in text else ()
    text = text.replace("HIDDEN", secret)
    record = logging.makeLogRecord({"msg": "said %s", "args": (text,), "extra": text, "exc_text": text})

    line = logs.formatter(form, known).format(record)

    assert "aB3" not in line
    assert "said" in line


def test_of_a_secret_that_begins_like_another_nothing_is_shown() -> None:
    line = logs.formatter("text", ["of-the-root", "of-the-root-of-another"]).format(
        logging.makeLogRecord({"msg": "of-the-root-of-another, of-the-root"})
    )

    assert ": ..., ... [" in line


def test_a_secret_that_is_escaped_is_not_shown_and_a_short_one_is_no_word() -> None:
    record = logging.makeLogRecord({"msg": 'redis, with "quotes"-and-\N{LATIN SMALL LETTER E WITH ACUTE}'})

    line = json.loads(
        logs.formatter("json", ["redis", '"quotes"-and-\N{LATIN SMALL LETTER E WITH ACUTE}']).format(record)
    )

    assert line["message"] == "redis, with ..."


@pytest.mark.parametrize(
    "text",
    ["the token is expired", "Error code : 50002", "status code=413", "http://host:80/a@b is there", "a=b;c=d"],
)
def test_other_texts_are_shown_as_they_are(text: str) -> None:
    for form in ("json", "text"):
        assert text in logs.formatter(form).format(logging.makeLogRecord({"msg": text}))


def test_auto_is_json_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def line(form: str = "auto") -> str:
        return logs.formatter(form).format(logging.makeLogRecord({"msg": "x"}))

    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert line().startswith("{")
    monkeypatch.setattr("sys.stderr", Terminal())
    assert not line().startswith("{")
    assert line("json").startswith("{")


def test_what_nobody_catches_is_logged_in_the_same_form() -> None:
    script = """
import logging, threading, warnings
from pipeline import logs
other = logging.getLogger("another.library")
other.propagate = False
other.addHandler(logging.StreamHandler())
logs.configure("json", "warning", secrets=["not-to-be-shown"])
logging.getLogger("the.service").info("less than a warning")
other.error("with not-to-be-shown")
warnings.warn("not-to-be-shown is old")
thread = threading.Thread(target=lambda: [][1], name="a task")
thread.start()
thread.join()
raise ValueError("with not-to-be-shown")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY, check=False)

    other, warning, first, second = (json.loads(line) for line in done.stderr.splitlines())
    assert (other["logger"], other["message"]) == ("another.library", "with ...")
    assert (warning["level"], warning["logger"]) == ("WARNING", "py.warnings")
    assert "UserWarning: ... is old" in warning["message"]
    assert (first["level"], first["message"]) == ("CRITICAL", "a task has ended with an exception")
    assert first["exception"].endswith("IndexError: list index out of range")
    assert (second["level"], second["message"]) == ("CRITICAL", "uncaught exception")
    assert second["exception"].endswith("ValueError: with ...")
    assert done.returncode == 1

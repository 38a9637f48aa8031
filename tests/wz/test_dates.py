"""A date that no date can have is no date, whoever reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from wz import App
from wz.conditional import etag
from wz.dates import parse_date
from wz.static import Static
from wz.testing import Client

from ..client import validated

IMPOSSIBLE = [
    pytest.param("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", id="a year"),
    pytest.param("Mon, 01 Jan 2020 99999999999999999999:00:00 GMT", id="an hour"),
    pytest.param("Mon, 01 Jan 2020 00:00:00 +99999999999999", id="a zone"),
]


class Conditions(msgspec.Struct):
    if_unmodified_since: datetime | None = None


@pytest.fixture
def client(tmp_path: Path) -> Client:
    (tmp_path / "a.txt").write_text("0123456789")
    app = App("test")
    app.get("/tagged")(etag(lambda: {"n": 1}))
    Static(app, tmp_path, "/static")

    @app.get("/typed")
    def typed(headers: Conditions) -> dict[str, object]:
        return {"since": headers.if_unmodified_since}

    return validated(app)


def test_what_is_no_date_is_none() -> None:
    assert parse_date("Sun, 06 Nov 1994 08:49:37 GMT") == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert parse_date("today") is None
    assert parse_date(None) is None


@pytest.mark.parametrize("date", IMPOSSIBLE)
def test_an_impossible_date_is_none(date: str) -> None:
    assert parse_date(date) is None


@pytest.mark.parametrize("date", IMPOSSIBLE)
@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
@pytest.mark.parametrize("path", ["/tagged", "/static/a.txt"])
def test_it_is_no_condition(client: Client, path: str, name: str, date: str) -> None:
    assert client.get(path, headers={name: date}).status_code == 200


@pytest.mark.parametrize("date", IMPOSSIBLE)
def test_no_part_of_a_file_is_sent_under_it(client: Client, date: str) -> None:
    answer = client.get("/static/a.txt", headers={"Range": "bytes=0-1", "If-Range": date})

    assert (answer.status_code, answer.text) == (200, "0123456789")


@pytest.mark.parametrize("date", IMPOSSIBLE)
def test_it_is_a_wrong_value_of_a_field(client: Client, date: str) -> None:
    answer = client.get("/typed", headers={"If-Unmodified-Since": date})

    assert (answer.status_code, answer.json["field"]) == (422, "If-Unmodified-Since")

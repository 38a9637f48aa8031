from __future__ import annotations

from pathlib import Path

import pytest
from flaskr import create_app

from wz.testing import Client


def test_settings_come_from_the_instance_folder_then_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text('SECRET_KEY = "from the file"\nSESSION_COOKIE_NAME = "file"')
    monkeypatch.setenv("FLASKR_INSTANCE", str(tmp_path))
    monkeypatch.setenv("FLASKR_SESSION_COOKIE_NAME", "environment")

    config = create_app().config

    assert config["SECRET_KEY"] == "from the file"
    assert config["SESSION_COOKIE_NAME"] == "environment"
    assert config["DATABASE"] == str(tmp_path / "flaskr.sqlite")


def test_a_test_reads_no_settings_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text('SECRET_KEY = "from the file"')
    monkeypatch.setenv("FLASKR_INSTANCE", str(tmp_path))

    assert create_app({"TESTING": True}).config["SECRET_KEY"] is None


def test_the_style_sheet_is_served_and_not_sent_twice(client: Client) -> None:
    with client.get("/static/style.css") as first:  # a file is open until the response is closed
        assert (first.status_code, first.mimetype) == (200, "text/css")
    with client.get("/static/style.css", headers={"If-None-Match": first.headers["ETag"]}) as again:
        assert again.status_code == 304


def test_a_page_that_is_not_there_looks_like_the_others(client: Client) -> None:
    response = client.get("/nowhere")

    assert response.status_code == 404
    assert "<h1>Not Found</h1>" in response.text
    assert "Log in" in response.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 302, id="no browser"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, 302, id="our own page"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="another site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, 403, id="a sister domain"),
        pytest.param({"Origin": "http://localhost"}, 302, id="our own page, older browser"),
        pytest.param({"Origin": "http://evil.example"}, 403, id="another site, older browser"),
        pytest.param({"Origin": "null"}, 403, id="a sandboxed frame"),
    ],
)
def test_a_form_is_taken_from_our_own_pages_only(client: Client, headers: dict[str, str], status: int) -> None:
    response = client.post("/auth/login", data={"username": "ann", "password": "ann"}, headers=headers)

    assert response.status_code == status


def test_every_answer_says_what_a_page_may_load(client: Client) -> None:
    for path in ("/", "/nowhere"):
        assert client.get(path).headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_what_is_too_long_is_refused(client: Client) -> None:
    response = client.post("/auth/login", data={"username": "ann", "password": "x" * 300_000})

    assert response.status_code == 413
    assert "<h1>Request Entity Too Large</h1>" in response.text

from __future__ import annotations

import pytest
from conftest import Auth
from flaskr.db import get_db

from wz import App
from wz.testing import Client


def titles(app: App) -> list[str]:
    with app.app_context():
        return [row["title"] for row in get_db().execute("SELECT title FROM post ORDER BY id")]


def test_everybody_reads_the_posts(client: Client) -> None:
    page = client.get("/").text

    assert "<h2>First &amp; foremost</h2>" in page
    assert '<time datetime="2026-01-02T03:04:05Z">2026-01-02</time>' in page
    assert "one\ntwo" in page
    assert "Edit" not in page


def test_an_author_is_shown_the_way_to_change_a_post(client: Client, auth: Auth) -> None:
    auth.login("ann")
    assert 'href="/1/update"' in client.get("/").text

    auth.logout()
    auth.login("bob")
    assert 'href="/1/update"' not in client.get("/").text


@pytest.mark.parametrize("path", ["/create", "/1/update", "/1/delete"])
def test_writing_needs_a_login(app: App, client: Client, path: str) -> None:
    response = client.post(path, data={"title": "mine", "body": ""}, follow_redirects=True)

    assert response.request.path == "/auth/login"
    assert "Log in first." in response.text
    assert titles(app) == ["First & foremost"]


@pytest.mark.parametrize("path", ["/1/update", "/1/delete"])
def test_a_post_is_its_authors_only(app: App, client: Client, auth: Auth, path: str) -> None:
    auth.login("bob")

    response = client.post(path, data={"title": "mine", "body": ""})

    assert response.status_code == 403
    assert "This post is somebody else&#39;s." in response.text
    assert titles(app) == ["First & foremost"]


@pytest.mark.parametrize("path", ["/2/update", "/2/delete"])
def test_a_post_that_is_not_there_is_404(client: Client, auth: Auth, path: str) -> None:
    auth.login()

    response = client.post(path, data={"title": "x", "body": ""})

    assert response.status_code == 404
    assert "There is no post 2." in response.text


def test_a_post_is_created_and_shown_escaped(app: App, client: Client, auth: Auth) -> None:
    auth.login("bob")
    assert client.get("/create").status_code == 200

    response = client.post("/create", data={"title": "<b>Zwei</b>", "body": ""}, follow_redirects=True)

    assert response.request.path == "/"
    assert "<h2>&lt;b&gt;Zwei&lt;/b&gt;</h2>" in response.text
    assert titles(app) == ["First & foremost", "<b>Zwei</b>"]


def test_a_post_is_updated_by_its_author(app: App, client: Client, auth: Auth) -> None:
    auth.login()
    assert 'value="First &amp; foremost"' in client.get("/1/update").text

    assert client.post("/1/update", data={"title": "Second", "body": "x"}).status_code == 302

    assert titles(app) == ["Second"]


@pytest.mark.parametrize("path", ["/create", "/1/update"])
def test_a_post_needs_a_title_and_the_text_is_not_lost(app: App, client: Client, auth: Auth, path: str) -> None:
    auth.login()

    page = client.post(path, data={"title": " ", "body": "a long text"}).text

    assert "A title is needed." in page
    assert "a long text</textarea>" in page
    assert titles(app) == ["First & foremost"]


def test_a_post_is_deleted_by_its_author(app: App, client: Client, auth: Auth) -> None:
    auth.login()

    assert client.post("/1/delete").headers["Location"] == "/"

    assert titles(app) == []

"""The guide, as nginx serves it from a folder; and how nginx's own errors lead to it."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.nginx import DEPLOY
from wz.live_server import LiveServer

from .. import stack
from .wire import Answer, exchange

PAGE = "<!doctype html><html lang=en><title>Guide</title><h1>The guide</h1>" + "<p>text</p>" * 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small guide, as Sphinx lays it out."""
    run = tmp_path_factory.mktemp("run")
    for name, text in {
        "index.html": PAGE,
        "tour/index.html": PAGE,
        "tour/picture.svg": f"<svg>{'<g/>' * 400}</svg>",
        "_static/guide.css": "p{}" * 400,
        "_static/theme.js": "0;" * 800,
        "_static/letters.woff2": "",
        "search.json": "{}",
    }.items():
        file = run / "guide" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return run


@pytest.fixture(scope="module")
def nginx(folder: Path) -> Iterator[LiveServer]:
    """nginx without a gunicorn: the guide is there while the service is not."""
    with stack.nginx(folder, alone=True, log=folder / "access.log") as server:
        yield server


@pytest.fixture(scope="module")
def leading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """nginx that knows of a guide elsewhere."""
    run = tmp_path_factory.mktemp("run")
    with stack.nginx(run, alone=True, guide_url="https://wz.example/guide/") as server:
        yield server


def send(server: LiveServer, line: str, *headers: str) -> Answer:
    answer = exchange(server.address, "\r\n".join([f"{line} HTTP/1.1", "Host: x", *headers, "", ""]).encode())
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/guide/", "text/html"),
        ("/guide/?highlight=layer", "text/html"),
        ("/guide/tour/", "text/html"),
        ("/guide/tour/picture.svg", "image/svg+xml"),
        ("/guide/_static/guide.css", "text/css"),
        ("/guide/_static/theme.js", "text/javascript"),
        ("/guide/_static/letters.woff2", "font/woff2"),
        ("/guide/search.json", "application/json"),
    ],
)
def test_a_file_of_the_guide_is_served_as_what_it_is(nginx: LiveServer, path: str, media_type: str) -> None:
    answer = send(nginx, f"GET {path}")

    assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    names = [name.lower() for name in answer.headers]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [".built", ".git/config", "tour/.buildinfo"])
def test_what_lies_beside_pages_is_not_served(nginx: LiveServer, folder: Path, name: str) -> None:
    file = folder / "guide" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("secret")

    assert send(nginx, f"GET /guide/{name}").status == 404
    assert send(nginx, f"GET /guide/{name.replace('.', '%2e')}").status == 404


def test_no_link_leads_out_of_the_guide(nginx: LiveServer, folder: Path) -> None:
    (folder / "secret").mkdir()
    (folder / "secret" / "index.html").write_text("secret")
    (folder / "guide" / "link.html").symlink_to(folder / "secret" / "index.html")
    (folder / "guide" / "elsewhere").symlink_to(folder / "secret")

    for path in ("link.html", "elsewhere/", "elsewhere/index.html"):
        answer = send(nginx, f"GET /guide/{path}")
        assert answer.status in (403, 404)
        assert b"secret" not in answer.body


def test_the_guide_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "guide").symlink_to(folder / "guide")
    with stack.nginx(tmp_path, alone=True) as server:
        assert send(server, "GET /guide/tour/").status == 200


@pytest.mark.parametrize(
    "path",
    ["/guide/%2e%2e/%2e%2e/etc/passwd", "/guide/%00", "/guide/x%0d%0aX:%20y", "/guide/_static/",
     f"/guide/{'a' * 5000}"],
)  # fmt: skip
def test_an_odd_path_is_no_page(nginx: LiveServer, path: str) -> None:
    answer = send(nginx, f"GET {path}")

    assert answer.status in (400, 404)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "X" not in answer.headers


def test_no_script_in_a_page_runs_and_nothing_is_asked_of_another_host(nginx: LiveServer) -> None:
    policy = dict(
        part.split(" ", 1) for part in send(nginx, "GET /guide/").headers["Content-Security-Policy"].split("; ")
    )

    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["form-action"] == "'self'"  # the search is a form
    assert not any("/" in sources or "*" in sources for sources in policy.values())


@pytest.mark.parametrize(
    ("path", "there"), [("/guide", "/guide/"), ("/guide?x", "/guide/"), ("/guide/tour", "/guide/tour/")]
)
def test_a_folder_without_its_slash_is_sent_on_so_that_links_in_it_hold(
    nginx: LiveServer, path: str, there: str
) -> None:
    """The address has no host, as the one that nginx knows need not be the clients'."""
    answer = send(nginx, f"GET {path}")

    assert (answer.status, answer.headers["Location"]) == (301, there)


def test_a_page_is_asked_for_again_by_its_etag(nginx: LiveServer) -> None:
    first = send(nginx, "GET /guide/")
    again = send(nginx, "GET /guide/", f"If-None-Match: {first.headers['ETag']}")

    assert first.headers["Cache-Control"] == "no-cache"
    assert "Last-Modified" in first.headers
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    ("path", "cached"),
    [
        ("/guide/_static/guide.css?v=1f2e3d", "public, max-age=31536000, immutable"),
        ("/guide/_static/guide.css", "no-cache"),
        ("/guide/_static/nothing.css?v=1f2e3d", "no-store"),
    ],
    ids=["named by its checksum", "without", "not there"],
)
def test_a_file_that_is_named_by_its_checksum_is_kept(nginx: LiveServer, path: str, cached: str) -> None:
    assert send(nginx, f"GET {path}").headers["Cache-Control"] == cached


@pytest.mark.parametrize("path", ["/guide/", "/guide/tour/picture.svg", "/guide/_static/theme.js"])
def test_text_is_compressed(nginx: LiveServer, path: str) -> None:
    plain, compressed = send(nginx, f"GET {path}"), send(nginx, f"GET {path}", "Accept-Encoding: gzip")

    assert compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == plain.body


@pytest.mark.parametrize("path", ["/guide/none/", "/guide/none", "/guide/_static/"])
def test_what_the_guide_does_not_have_is_404(nginx: LiveServer, path: str) -> None:
    document = send(nginx, f"GET {path}")
    page = send(nginx, f"GET {path}", "Accept: text/html")

    assert (document.status, page.status) == (404, 404)
    assert "make docs" in document.detail
    assert page.headers["Content-Type"] == "text/html"


@pytest.mark.parametrize(
    ("path", "status"), [("/guide/../nginx.conf", 503), ("/guide/..%2fnginx.conf", 503), ("/guide/..%2f..%2fx", 400)]
)
def test_nothing_above_the_guide_is_served(nginx: LiveServer, path: str, status: int) -> None:
    """Such a path is another one of the service, which is not there; or it is none."""
    assert send(nginx, f"GET {path}").status == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_guide_is_read_only(nginx: LiveServer, method: str) -> None:
    answer = send(nginx, f"{method} /guide/", "Content-Length: 0")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_a_guide_that_is_not_there_fills_no_log(nginx: LiveServer, folder: Path) -> None:
    assert send(nginx, "GET /guide/nowhere/").status == 404
    send(nginx, "GET /boards/a")  # which is in it, as there is no gunicorn

    stack.until(lambda: "/boards/a" in (folder / "access-errors.log").read_text())
    assert "nowhere" not in (folder / "access-errors.log").read_text()


def test_the_lines_of_the_page_put_it_where_nginx_looks(tmp_path: Path) -> None:
    """Also over an old copy, and what a copy that was broken off has left."""
    checkout, run = tmp_path / "checkout", tmp_path / "run"
    checkout.mkdir()
    build = "rm -rf .site && mkdir .site && echo $${TEXT} | tee .site/index.html > .site/$${TEXT}.html"
    (checkout / "Makefile").write_text(f".PHONY: docs\ndocs:\n\t@{build}\n")
    (block,) = re.findall(
        r"^```sh\n(make -C .*?)^```$", (DEPLOY.parent / "docs" / "deploy.md").read_text(), re.M | re.S
    )
    (root,) = re.findall(r"^ +root (.*);$", (DEPLOY / "nginx.conf").read_text(), re.MULTILINE)
    lines = block.replace("/opt/wz", str(checkout)).replace(root, str(run))

    (run / "guide.new" / "half").mkdir(parents=True)
    for text in ("old", "new"):
        subprocess.run(["sh", "-ec", lines], check=True, env={**os.environ, "TEXT": text}, stdout=subprocess.DEVNULL)
    with stack.nginx(run, alone=True) as server:
        assert send(server, "GET /guide/").body == b"new\n"
        assert [send(server, f"GET /guide/{text}.html").status for text in ("old", "new")] == [404, 200]


# -- errors of nginx's own --------------------------------------------------------------------------------------------

SEE = "https://wz.example/guide/reference/errors/#503"


def test_an_error_says_where_it_is_explained(leading: LiveServer) -> None:
    document = send(leading, "GET /boards/a")
    hub = send(leading, "GET /events/messages")
    page = send(leading, "GET /boards/a", "Accept: text/html")

    assert json.loads(document.body)["see"] == SEE
    assert f'<a href="{SEE}">' in page.body.decode()
    assert {one.headers["Link"] for one in (document, hub, page)} == {f'<{SEE}>; rel="help"'}


def test_an_error_leads_nowhere_unless_a_guide_is_named(nginx: LiveServer) -> None:
    document = send(nginx, "GET /boards/a")
    page = send(nginx, "GET /boards/a", "Accept: text/html")

    assert "see" not in json.loads(document.body)
    assert "Link" not in document.headers
    assert "href" not in page.body.decode()

"""The files in deploy/ agree with each other, and nginx takes its own."""

from __future__ import annotations

import http.client
import json
import re
import runpy
import subprocess
import sysconfig
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from deploy import servers
from deploy.nginx import TLS, render_nginx
from deploy.up import DEPLOY
from handlers.app import MAX_BULK_LENGTH, MAX_CONTENT_LENGTH
from handlers.following import COMMENT, MAX_WAIT
from handlers.readers import MAX_READERS
from pipeline.settings import Settings

from ..stack import PATIENCE, free_port, process

MAX_REFERENCE = Settings().max_reference_bytes

_UNITS = {"": 1, "s": 1, "k": 1024, "m": 1024**2}


@pytest.fixture
def gunicorn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name in ("WZ_SOCKET", "WZ_ACCESS_LOG", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    return runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))


def nginx_setting(name: str, block: str = "") -> str:
    """Return what stands after `name` in nginx.conf, in the block that begins with `block`."""
    text = (DEPLOY / "nginx.conf").read_text()
    match = re.compile(rf"^\s*{name} ([^;]*);", re.MULTILINE).search(text, text.index(block))
    assert match, f"nginx.conf has no {name}"
    return match[1]


def amount(text: str) -> int:
    """Return seconds or bytes: 25s, 1280k, 257m."""
    return int(text.rstrip("smk")) * _UNITS[text.lstrip("0123456789")]


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    conf = tmp_path / "nginx.conf"
    conf.write_text(render_nginx(tmp_path, f"127.0.0.1:{free_port()}"))

    done = subprocess.run(
        [servers.nginx(), "-t", "-e", "stderr", "-c", conf], capture_output=True, text=True, check=False
    )

    assert "test is successful" in done.stderr
    assert "[warn]" not in done.stderr


def test_gixy_finds_nothing_but_what_is_meant(tmp_path: Path) -> None:
    """Host goes on as it was sent, since tokens name it: nginx.conf says so beside the line."""
    conf = tmp_path / "nginx.conf"
    conf.write_text(render_nginx(tmp_path, "127.0.0.1:8080", TLS(tmp_path / "chain.pem", tmp_path / "key.pem")))
    gixy = Path(sysconfig.get_path("scripts")) / "gixy"
    command = [str(gixy), "--format", "json", "--skips", "host_spoofing", str(conf)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert json.loads(done.stdout) == []


def test_headers_are_added_in_one_place() -> None:
    """A location with an add_header of its own has none of the server's."""
    text = (DEPLOY / "nginx.conf").read_text()

    assert "add_header" in text
    assert "add_header" not in text[text.index("    server {") :]


def test_the_question_for_a_token_has_each_header_that_requests_have() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    server, _, location = text[text.index("    server {") :].partition("location = /.authorize {")
    set_in_server = dict(re.findall(r"proxy_set_header (\S+) (.+?);", server))
    set_for_question = dict(re.findall(r"proxy_set_header (\S+) (.+?);", location.partition("}")[2].partition("}")[0]))

    others = {"Content-Length": '""', "X-Authorize-Only": "1", "X-Wz-Trace": '""'}
    assert set_for_question == set_in_server | others


def test_what_is_not_asked_for_stays_in_memory() -> None:
    """A body of 99,999 bytes, the largest one with five digits."""
    assert r'"~^\S+ \d{1,5} $"' in (DEPLOY / "nginx.conf").read_text()
    assert amount(nginx_setting("client_body_buffer_size")) > 99_999


def test_descriptors_for_all_connections() -> None:
    assert int(nginx_setting("worker_rlimit_nofile")) > 2 * int(nginx_setting("worker_connections"))


def test_nginx_takes_what_shows_its_counts(tmp_path: Path) -> None:
    built_with = subprocess.run([str(servers.nginx()), "-V"], capture_output=True, text=True, check=True).stderr
    if "stub_status" not in built_with:
        pytest.skip("this nginx can't count")
    conf = tmp_path / "nginx.conf"
    text = (DEPLOY / "nginx.conf").read_text().replace("/run/wz/", f"{tmp_path}/")
    conf.write_text(text.replace("/etc/wz/nginx.d/*.conf", str(DEPLOY / "nginx.d" / "status.conf")))
    done = subprocess.run(
        [servers.nginx(), "-t", "-e", "stderr", "-c", conf], capture_output=True, text=True, check=False
    )

    assert "test is successful" in done.stderr


def test_readers_that_wait_leave_threads_to_others_and_are_not_cut_off(gunicorn: dict[str, Any]) -> None:
    assert gunicorn["threads"] // 2 >= MAX_READERS
    assert max(MAX_WAIT, COMMENT) < amount(nginx_setting("proxy_read_timeout"))


def test_a_configuration_without_the_expected_lines_is_refused(tmp_path: Path) -> None:
    conf = tmp_path / "nginx.conf"
    conf.write_text("pid /run/wz/nginx.pid; events {} http { server { listen 80; } }")

    with pytest.raises(ValueError, match="has no 'worker_rlimit_nofile 20000;'"):
        render_nginx(tmp_path, "127.0.0.1:1", conf=conf)


def test_nginx_and_gunicorn_name_the_same_socket(gunicorn: dict[str, Any]) -> None:
    assert nginx_setting("server", "upstream wz") == gunicorn["bind"]


def test_a_stuck_worker_is_killed_before_nginx_gives_up(gunicorn: dict[str, Any]) -> None:
    assert gunicorn["timeout"] < amount(nginx_setting("proxy_read_timeout"))


def test_nginx_closes_an_idle_connection_before_gunicorn_does(gunicorn: dict[str, Any]) -> None:
    assert amount(nginx_setting("keepalive_timeout", "upstream wz")) < gunicorn["keepalive"]


def test_gunicorn_holds_all_connections_that_nginx_keeps_open(gunicorn: dict[str, Any]) -> None:
    kept = int(nginx_setting("keepalive", "upstream wz")) * int(nginx_setting("worker_processes"))

    assert kept + gunicorn["threads"] < gunicorn["worker_connections"]


def test_same_longest_line(gunicorn: dict[str, Any]) -> None:
    buffer = amount(nginx_setting("large_client_header_buffers").split()[1])

    assert gunicorn["limit_request_line"] + len("\r\n") == buffer
    assert gunicorn["limit_request_field_size"] == buffer


@pytest.mark.parametrize(
    ("block", "limit"),
    [("http", MAX_CONTENT_LENGTH), ("location ~ ^/boards", MAX_BULK_LENGTH), ("location ~ ^/reference", MAX_REFERENCE)],
)
def test_nginx_lets_bodies_through_that_the_app_refuses_in_its_own_words(block: str, limit: int) -> None:
    allowed = amount(nginx_setting("client_max_body_size", block))

    assert limit < allowed < limit + limit // 3


def test_nginx_tells_the_limits_that_the_app_has() -> None:
    said = re.findall(r'"(\d+) MiB";', (DEPLOY / "nginx.conf").read_text())

    assert [int(mib) << 20 for mib in said] == [MAX_CONTENT_LENGTH, MAX_BULK_LENGTH, MAX_REFERENCE]


def test_the_scheme_is_believed_from_one_header_which_nginx_sets(gunicorn: dict[str, Any]) -> None:
    assert gunicorn["secure_scheme_headers"] == {"X-FORWARDED-PROTO": "https"}
    assert nginx_setting("proxy_set_header X-Forwarded-Proto") == "$scheme"


@pytest.mark.parametrize(
    ("method", "path", "media_type", "read_status"),
    [
        ("GET", "/boards/actions", "application/problem+json", lambda body: json.loads(body)["status"]),
        (
            "POST",
            "/Events/Publishers/p/Messages",
            "application/xml; charset=utf-8",
            lambda body: int(ElementTree.fromstring(body).findtext("Code", "")),
        ),
    ],
    ids=["a problem document", "to a hub's senders as the service does"],
)
def test_nginx_says_unavailable_while_gunicorn_is_away(
    tmp_path: Path, method: str, path: str, media_type: str, read_status: Callable[[bytes], int]
) -> None:
    port = free_port()
    conf = tmp_path / "nginx.conf"
    conf.write_text(render_nginx(tmp_path, f"127.0.0.1:{port}"))
    pid = tmp_path / "nginx.pid"

    with (
        process([servers.nginx(), "-e", "stderr", "-c", conf], ready=lambda: pid.exists() and pid.read_text() != ""),
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection,
    ):
        connection.request(method, path)
        response = connection.getresponse()

        assert response.status == 503
        assert response.headers["Retry-After"] == "1"
        assert response.headers["Content-Type"] == media_type
        assert read_status(response.read()) == 503

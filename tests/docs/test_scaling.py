"""The cache that docs/scaling-boards.md puts in front of the service is what nginx takes, and keeps clients apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import redis as redis_py

from deploy import servers
from pipeline.boards import Boards
from pipeline.settings import Settings
from wz.live_server import LiveServer
from wz.testing import Client

from ..commands.serving import serving
from ..stack import free_port, process, token

PAGE = (Path(__file__).parents[2] / "docs" / "scaling-boards.md").read_text()
[SNIPPET] = re.findall(r"^```nginx\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)

#: What nginx needs besides; it runs as whoever runs the tests.
CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream wz {{ server 127.0.0.1:{backend}; }}
    {before}
    proxy_set_header Host $http_host;
    server {{ listen 127.0.0.1:{port}; {location} location / {{ proxy_pass http://wz; }} }}
}}
"""


@pytest.fixture
def cached(settings: Settings, redis: redis_py.Redis, tmp_path: Path) -> Iterator[Client]:
    """The service behind nginx with the page's lines; what is kept stays for the whole test."""
    before, location = re.split(r"^(?=location)", SNIPPET, flags=re.MULTILINE)
    before = before.replace("/var/cache/nginx/boards", str(tmp_path / "cache"))
    location = location.replace("200 1s;", "200 1h;")
    port = free_port()
    with serving(settings) as root:
        text = CONFIGURATION.format(
            folder=tmp_path,
            backend=root.endpoint.rstrip("/").rpartition(":")[2],
            port=port,
            before=before,
            location=location,
        )
        (tmp_path / "nginx.conf").write_text(text)
        pid = tmp_path / "nginx.pid"
        with process(
            [servers.nginx(), "-e", "stderr", "-c", tmp_path / "nginx.conf"],
            lambda: pid.exists() and pid.read_text() != "",
        ):
            yield Client(LiveServer(f"http://127.0.0.1:{port}"))


def test_an_answer_is_kept_for_who_has_asked(cached: Client, redis: redis_py.Redis) -> None:
    board = Boards(redis)["b"]
    board.set("ann", Decimal(1))
    mine, theirs = {"Authorization": token()}, {"Authorization": token("boards/b")}

    def top(headers: dict[str, str]) -> int:
        answer = cached.get("/boards/b/top", headers=headers)
        return answer.status_code if answer.status_code != 200 else int(answer.json["members"][0]["score"])

    first = top(mine)
    board.set("ann", Decimal(2))

    assert (first, top(mine), top(theirs), top({}), top({"Cookie": "x=1"})) == (1, 1, 2, 401, 401)

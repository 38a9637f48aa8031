"""docs/deploy.md is right: its figures are those of the configuration, its files exist, its own lines make a good key.

Its commands as a whole are run by `python -m tests.deploy.machine`, which needs root and systemd.
"""

from __future__ import annotations

import base64
import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy import servers
from deploy.up import DEPLOY
from handlers.app import MAX_BULK_LENGTH, MAX_CONTENT_LENGTH, create_app
from handlers.health import Ready
from pipeline.connection_string import ConnectionString
from pipeline.settings import Settings
from pipeline.settings.address import sentinel_address
from wz.testing import Client

from ..deploy.machine import commands, tls_commands
from ..deploy.test_conf import amount, nginx_setting
from ..deploy.test_systemd import settings_of
from ..stack import REPOSITORY

PAGE = REPOSITORY / "docs" / "deploy.md"


@pytest.fixture(scope="module")
def gunicorn() -> dict[str, Any]:
    return runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))


def table(heading: str) -> dict[str, tuple[str, ...]]:
    """Return the rows below a heading, by their first cell."""
    section = PAGE.read_text().partition(heading)[2].partition("\n## ")[0]
    rows = [
        tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in section.splitlines() if "|" in line
    ]
    return {row[0]: row[1:] for row in rows[2:]}


def size(length: int) -> str:
    return f"{length >> 20} MiB" if length >= 1 << 20 else f"{length >> 10} KiB"


def test_the_limits_are_those_of_the_configuration(gunicorn: dict[str, Any]) -> None:
    conf = (DEPLOY / "nginx.conf").read_text()
    rates = dict(re.findall(r"zone=(rate|strangers):\S+ rate=(\d+)r/s", conf))
    buffer = size(amount(nginx_setting("large_client_header_buffers").split()[1]))

    assert {limit: row[0] for limit, row in table("## 9.").items()} == {
        "A body": size(MAX_CONTENT_LENGTH),
        "A bulk of a board's members or rewards": size(MAX_BULK_LENGTH),
        "A table of reference data": size(Settings().max_reference_bytes),
        "The request line": buffer,
        "A header": buffer,
        "Headers of a request": str(gunicorn["limit_request_fields"]),
        "Requests under way of an address": nginx_setting("limit_conn requests"),
        "Requests a second of an address": rates["rate"],
        "The same without a token": rates["strangers"],
        "A request's header takes": f"{amount(nginx_setting('client_header_timeout'))} s",
        "A body's bytes stop for": f"{amount(nginx_setting('client_body_timeout'))} s",
        "gunicorn says nothing for": f"{amount(nginx_setting('proxy_read_timeout'))} s",
        "Connections that wait for gunicorn": str(gunicorn["backlog"]),
    }


def test_each_limit_has_a_setting_where_the_page_says(gunicorn: dict[str, Any]) -> None:
    conf = (DEPLOY / "nginx.conf").read_text()
    named = [re.findall(r"`(\w+)`", row[2]) for row in table("## 9.").values()]
    places = {"limit_request_fields": gunicorn, "backlog": gunicorn}

    assert all(named)
    for name in {name for names in named for name in names}:
        if name.isupper():
            assert f"`{name}`" in (PAGE.parent / "settings.md").read_text()
        else:
            assert name in places.get(name, conf)


def test_a_service_that_is_ready_answers_what_the_page_shows() -> None:
    shown = PAGE.read_text().partition("/readyz\n")[2].partition("\n")[0]

    assert shown == msgspec.json.encode(Ready()).decode()


def test_the_sizes_are_those_of_the_configuration(gunicorn: dict[str, Any]) -> None:
    nginx, web = settings_of("wz-nginx.service"), settings_of("wz-web.service")

    assert [row[0] for row in table("## 8.").values()] == [
        "one a core",
        str(gunicorn["threads"]),
        f"{nginx_setting('worker_connections')}; a request takes two",
        f"{nginx['LimitNOFILE']}, {web['LimitNOFILE']}",
        f"{gunicorn['graceful_timeout']}, in nginx {nginx['TimeoutStopSec']}",
    ]
    assert f"nginx's {nginx_setting('worker_processes')} processes" in PAGE.read_text()


def test_every_file_of_the_checkout_that_a_command_names_exists() -> None:
    named = re.findall(r"/opt/wz/(deploy/[\w./@-]+)|(?<= -f )(deploy/\S+)", PAGE.read_text())
    paths = {path.rstrip(".") for pair in named for path in pair if path}

    assert [path for path in paths if not (REPOSITORY / path).exists() and not list(REPOSITORY.glob(f"{path}*"))] == []


def test_the_key_s_commands_make_a_key(tmp_path: Path) -> None:
    lines = [line for line in commands() if "/etc/wz/connection-string" in line or line.startswith("KEY=")]
    script = "\n".join(lines).replace("/etc/wz", str(tmp_path))

    subprocess.run(["bash", "-ec", script], check=True)

    kept = tmp_path / "connection-string"
    found = ConnectionString.parse(kept.read_text())
    assert found.url == "https://wz.example.com"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_readyz_answers_what_the_page_shows(settings: Settings) -> None:
    answer = Client(create_app(settings)).get("/readyz").text

    assert f"/readyz\n{answer}\n" in PAGE.read_text()


def test_an_older_nginx_is_told_of_http_2_as_it_can_be(tmp_path: Path) -> None:
    """It is what `wz up --tls` tells it, too."""
    (line,) = (line for line in tls_commands().splitlines() if line.startswith("sed "))
    conf = (DEPLOY / "nginx.d" / "tls.conf").read_text()
    changed = tmp_path / "tls.conf"
    changed.write_text(conf)

    subprocess.run(["sh", "-c", line.replace("/etc/wz/nginx.d/tls.conf", str(changed))], check=True)

    before, after = (re.sub("#.*", "", text).split() for text in (conf, changed.read_text()))
    assert " ".join(after) == " ".join(before).replace("ssl; http2 on;", "ssl http2;")
    assert after != before


def lines_with(part: str) -> str:
    """Return the page's block that has this text, whatever its language."""
    found: str
    (found,) = (block for block in re.findall(r"^```\w+\n(.*?)^```$", PAGE.read_text(), re.S | re.M) if part in block)
    return found


def test_the_address_of_sentinels_is_one() -> None:
    address = sentinel_address(lines_with("redis+sentinel:").removeprefix("WZ_REDIS_URL=").strip())

    assert address is not None
    assert address.hosts == (("host1", 26379), ("host2", 26379), ("host3", 26379))
    assert (address.name, address.login) == ("NAME", {"password": "PASSWORD"})


def test_nginx_takes_the_lines_for_a_balancer(tmp_path: Path) -> None:
    (tmp_path / "balancer.conf").write_text(lines_with("real_ip_header"))
    conf = tmp_path / "nginx.conf"
    text = (DEPLOY / "nginx.conf").read_text().replace("/run/wz/", f"{tmp_path}/")
    conf.write_text(text.replace("/etc/wz/nginx.d/", f"{tmp_path}/"))
    conf = conf.rename(tmp_path / "nginx.main")  # its name would be among those that it includes

    done = subprocess.run(
        [servers.nginx(), "-t", "-e", "stderr", "-c", conf], capture_output=True, text=True, check=False
    )

    assert "test is successful" in done.stderr


def test_the_secrets_of_the_containers_are_made(tmp_path: Path) -> None:
    lines = lines_with("podman compose")
    subprocess.run(["bash", "-ec", lines.partition("podman")[0]], cwd=tmp_path, check=True)

    secrets = tmp_path / ".wz" / "secrets"
    assert re.fullmatch(r"redis://:[\w-]{32}@redis:6379\n", (secrets / "redis-url").read_text())
    root = ConnectionString.parse((secrets / "connection-string").read_text())
    assert (root.url, len(base64.b64decode(root.key))) == ("https://wz.example.com", 32)
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_redis_is_told_what_its_settings_here_say() -> None:
    """But for the port and the socket, which a distribution's Redis has."""
    (line,) = (line for line in commands() if "/etc/redis/redis.conf" in line)
    ours = [
        text for text in (DEPLOY / "redis.conf").read_text().splitlines() if re.match("append|save|maxmemory", text)
    ]

    assert re.findall("'([^']*)'", line.partition("\\n'")[2]) == ours


def test_the_units_that_are_started_are_those_that_there_are() -> None:
    (line,) = (line for line in commands() if line.startswith("systemctl enable"))
    units = {path.name for path in (DEPLOY / "systemd").glob("wz*.*") if path.is_file()}

    assert set(line.split()[3:]) == {unit.replace("@.", "@1.") for unit in units}

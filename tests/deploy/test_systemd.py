"""The units: what systemd says of them, and that their times and limits agree with gunicorn's and nginx's."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

from deploy.up import DEPLOY
from pipeline.settings import SETTINGS
from pipeline.settings.deployment import DEPLOYMENT

from ..stack import REPOSITORY
from .test_conf import amount, nginx_setting

UNITS = DEPLOY / "systemd"
SERVICES = ["wz-web.service", "wz-nginx.service", "wz-worker@1.service"]

#: 0 is a service that may do nothing, 10 one that may do everything.
EXPOSURE = 1.5

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")


@pytest.fixture(scope="module")
def gunicorn() -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WZ_SOCKET", "WEB_CONCURRENCY"):
            patch.delenv(name, raising=False)
        yield runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))


def settings_of(unit: str, section: str = "Service") -> dict[str, str]:
    """Return what holds for a unit: the last value of each setting, its own or `wz-.service.d`'s; all of After."""
    found: dict[str, str] = {}
    files = [UNITS / re.sub("@.*[.]", "@.", unit)]
    if unit.endswith(".service"):
        files += sorted((UNITS / "wz-.service.d").glob("*.conf"))
    for file in files:
        parser = ConfigParser(strict=False, interpolation=None, delimiters="=", comment_prefixes="#")
        parser.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their capitals
        parser.read(file)
        if parser.has_section(section):
            after = f"{found.get('After', '')} {parser[section].get('After', '')}"
            found |= {**parser[section], "After": after}
    return found


@needs_systemd
@pytest.mark.parametrize("service", [*SERVICES, "prometheus-wz-token.service"])
def test_a_service_may_do_little_more_than_its_work(service: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"./{service}"],
        cwd=UNITS,
        capture_output=True,
        text=True,
        check=True,
    )

    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure, done.stdout
    assert float(exposure[1]) <= EXPOSURE, done.stdout


@needs_systemd
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """Only what the units run is not on this machine."""
    folder = shutil.copytree(UNITS, tmp_path / "systemd")
    names = [path.name.replace("@.", "@1.") for path in folder.iterdir() if path.is_file()]

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(f"./{name}" for name in names)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

    complaints = done.stderr.splitlines()
    assert [line for line in complaints if "is not executable: No such file" not in line] == []


def test_nginx_stops_first() -> None:
    """systemd stops in the reverse of the order in which it starts."""
    assert "wz-web.service" in settings_of("wz-nginx.service", "Unit")["After"].split()
    assert settings_of("wz-nginx.service")["KillSignal"] == "SIGQUIT"
    assert settings_of("wz-web.service").get("KillSignal", "SIGTERM") == "SIGTERM"


@pytest.mark.parametrize("service", SERVICES)
def test_systemd_waits_for_requests_under_way(gunicorn: dict[str, Any], service: str) -> None:
    seconds = int(settings_of(service)["TimeoutStopSec"])

    assert seconds > gunicorn["graceful_timeout"]
    if "nginx" in service:
        assert seconds > amount(nginx_setting("proxy_read_timeout"))


def test_systemd_holds_the_socket_that_nginx_and_gunicorn_name(gunicorn: dict[str, Any]) -> None:
    socket = settings_of("wz-web.socket", "Socket")

    assert f"unix:{socket['ListenStream']}" == gunicorn["bind"] == nginx_setting("server", "upstream wz")
    assert int(socket["SocketMode"], 8) == 0o666 & ~gunicorn["umask"]
    assert int(socket["Backlog"]) == gunicorn["backlog"]


def test_what_can_not_heal_is_not_tried_again() -> None:
    assert settings_of("wz-web.service")["RestartPreventExitStatus"] == "4"
    assert int(settings_of("wz-web.socket", "Socket")["TriggerLimitBurst"]) == 5  # since a connection starts it, too


def test_there_are_file_descriptors_for_all_connections(gunicorn: dict[str, Any]) -> None:
    assert int(settings_of("wz-web.service")["LimitNOFILE"]) > 2 * gunicorn["worker_connections"]
    assert int(settings_of("wz-nginx.service")["LimitNOFILE"]) > 2 * int(nginx_setting("worker_connections"))


# -- the settings -----------------------------------------------------------------------------------------------------

#: Variables that a machine's wz.env has no use for: the key is in a file of its own, the rest is for a checkout.
_NOT_IN_WZ_ENV = {"WZ_CONNECTION_STRING"} | {row.variable for row in DEPLOYMENT} - {"WEB_CONCURRENCY"}


def test_the_example_has_every_setting_and_its_default_and_the_environment_first() -> None:
    text = (DEPLOY / "wz.env.example").read_text()
    lines = re.findall(r"^(#?)([A-Z_]+)=(.*)$", text, re.MULTILINE)

    assert lines[0] == ("", "WZ_ENVIRONMENT", "production")
    settings = {row.variable for row in SETTINGS} | {row.variable for row in DEPLOYMENT}
    assert {name for _, name, _ in lines} == settings - _NOT_IN_WZ_ENV
    defaults = {row.variable: row.default for row in SETTINGS}
    assert [name for off, name, value in lines if off and value != defaults.get(name, "")] == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_environment_is_said_in_one_place(service: str) -> None:
    """Where a terminal finds it as well: what a unit alone knew made the commands look at another database."""
    assert settings_of(service)["EnvironmentFile"] == "/etc/wz/wz.env"
    assert "WZ_ENVIRONMENT" not in (UNITS / service.replace("@1", "@")).read_text()
    assert ". /etc/wz/wz.env" in (DEPLOY / "wz.sh").read_text()


def test_wz_in_a_terminal_has_the_settings_of_the_service(tmp_path: Path) -> None:
    """The script is run with this machine's paths in place of those of docs/deploy.md."""
    (tmp_path / "wz.env").write_text((DEPLOY / "wz.env.example").read_text())
    key = tmp_path / "connection-string"
    key.write_text("Endpoint=sb://wz.example.com/;SharedAccessKeyName=root;SharedAccessKey=a2V5")
    key.chmod(0o600)
    script = (DEPLOY / "wz.sh").read_text().replace("/etc/wz", str(tmp_path)).replace("/opt/wz", str(REPOSITORY))
    script = script.replace(".venv/bin", sysconfig.get_path("scripts"))

    done = subprocess.run(
        ["sh", "-c", script, "wz", "settings"], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    rows = {line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines()}
    assert rows["WZ_ENVIRONMENT"] == ["production", "WZ_ENVIRONMENT"]
    assert rows["(database)"][0] == "4"
    assert rows["WZ_CONNECTION_STRING"][1] == str(key)

"""README and docs/start.md: `make up` prints what they show, and each command that they name is there."""

from __future__ import annotations

import doctest
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from deploy.address import Address
from deploy.guide import SOON
from deploy.welcome import welcome
from pipeline.connection_string import ConnectionString
from pipeline.hub.rules import new_key
from pipeline.settings import Settings

from ..stack import REPOSITORY
from ..wz.test_minimal import CORE, CORE_LINES, LINES_ON_THE_WAY

README = (REPOSITORY / "README.md").read_text()
START = (REPOSITORY / "docs" / "start.md").read_text()
SHOWN = re.search(r"```console\n\$ make up\n(.*?)```", START, re.DOTALL)


def test_it_shows_what_make_up_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    for name in ("WZ_CONNECTION_STRING", "WZ_CONNECTION_STRING_FILE"):
        monkeypatch.delenv(name, raising=False)
    root = ConnectionString("sb://127.0.0.1:8080/", "RootManageSharedAccessKey", new_key(), development=True)
    settings = Settings.from_environ({"WZ_CONNECTION_STRING": str(root)})
    state = Path.cwd() / ".wz"

    link = "http://127.0.0.1:8080/console/sign-in?code=MtY0"
    address, guide = Address("http://127.0.0.1:8080"), f"http://127.0.0.1:8080/guide/{SOON}"
    printed = welcome(settings, address, state, "events", key_is_new=True, link=link, guide=guide)
    for path, name in ((sysconfig.get_path("scripts"), "/path/to/wz/.venv/bin"), (str(REPOSITORY), "/path/to/wz")):
        printed = printed.replace(path, name)
    assert SHOWN is not None
    assert doctest.OutputChecker().check_output(SHOWN[1].partition("Starting ...\n")[2], printed, doctest.ELLIPSIS), (
        printed
    )


def test_it_shows_how_many_packages_are_installed() -> None:
    packages = (REPOSITORY / "requirements" / "stack.txt").read_text().count("==")

    assert f"Installing {packages} packages into .venv (about 15 s) ..." in START


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)", README + START))))
def test_make_has_what_it_names(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, check=False)

    assert done.returncode == 0


def test_it_says_how_much_a_request_passes() -> None:
    text = " ".join((REPOSITORY / "docs" / "reading.md").read_text().split())

    assert len(CORE) == 6
    assert f"The six that one must know are under {CORE_LINES:,} lines of code" in text
    assert f"all that a request passes, counted by whole files, is under {LINES_ON_THE_WAY:,}." in text


def test_the_readme_is_a_screen_and_a_half() -> None:
    assert len(README.splitlines()) <= 75

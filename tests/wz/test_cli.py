from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from wz.cli import main
from wz.testing import Client, LiveServer

from ..stack import free_port, process

PROGRAM = """\
from wz import App

app = App("hello")

@app.get("/hello/<name>")
def hello(name: str):
    return {"hello": name}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(PROGRAM)
    return tmp_path


def wz(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, since it imports the app by name."""
    return subprocess.run([sys.executable, "-m", "wz", *args], capture_output=True, text=True, check=False)


def test_routes_are_listed(folder: Path) -> None:
    lines = wz("routes").stdout.splitlines()

    assert lines == [
        "Endpoint  Methods  Rule",
        "--------  -------  -------------",
        "hello     GET      /hello/<name>",
    ]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("nothere:app", "there is no module 'nothere'", id="no module"),
        pytest.param("app:nothere", "the module has none of nothere", id="no such name"),
        pytest.param("app:hello", "hello() can't be called without arguments", id="a view"),
        pytest.param("sys:path", "found a list, not a wz.App", id="no app"),
        pytest.param("app.py", "there is no module 'app.py'", id="a file's name"),
        pytest.param("app app", "write module, module:name", id="nonsense"),
    ],
)
def test_an_app_that_cannot_be_loaded_is_one_line(folder: Path, target: str, message: str) -> None:
    done = wz("--app", target, "routes")

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_app_help_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    done = wz("routes")
    assert (done.returncode, "no app found" in done.stderr) == (2, True)


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(main, ["--help"]).output

    for command in ("routes", "rule", "run", "token", "up", "worker"):
        assert f"\n  {command} " in text


def test_run_serves_and_reloads(folder: Path) -> None:
    port = free_port()
    client = Client(LiveServer(f"http://127.0.0.1:{port}"))

    def answer(path: str) -> int:
        try:
            return client.get(path).status_code
        except OSError:
            return 0

    command = [sys.executable, "-m", "wz", "run", "--port", port]
    with process(command, ready=lambda: answer("/hello/ann") == 200, cwd=folder) as server:
        (folder / "app.py").write_text(PROGRAM.replace("/hello/", "/hi/"))
        deadline = time.monotonic() + 20
        while answer("/hi/ann") != 200:
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)

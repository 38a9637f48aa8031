"""Files of environment variables, the same on Flask and on wz: `.env`, and `.flaskenv` or `.wzenv`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module

import pytest

from .. import forked
from .conftest import CommandLine

pytest.importorskip("dotenv")

SHOW = """\
import os
import subprocess
from FRAMEWORK import App
app = App("shop")

@app.cli.command("show")
def show():
    print(*(os.environ.get(name, "-") for name in ("FROM_NAMED", "FROM_ENV", "FROM_SHARED", "EMPTY")))
"""


def files(line: CommandLine) -> None:
    line.write(shop=SHOW)
    shared = "".join(f"{name}=shared\n" for name in ("FROM_NAMED", "FROM_ENV", "FROM_SHARED"))
    (line.folder / f".{line.name}env").write_text(f"{shared}{line.prefix}_APP=shop\n")
    (line.folder / ".env").write_text("FROM_NAMED=env\nFROM_ENV=\u00e9nv\nEMPTY\n")
    (line.folder / "named.env").write_text("FROM_NAMED=named\n")


def shown(line: CommandLine, *args: str, **environ: str) -> str:
    done = line.run(*args, "show", env={**os.environ, **environ})
    return done.stdout.strip() or done.stderr


def test_the_environment_comes_first_then_the_named_file_then_env_then_the_shared(line: CommandLine) -> None:
    files(line)

    assert shown(line) == "env \u00e9nv shared -"
    assert shown(line, "-e", "named.env") == "named \u00e9nv shared -"
    assert shown(line, **{f"{line.prefix}_ENV_FILE": "named.env"}) == "named \u00e9nv shared -"
    assert shown(line, "--env-file", "named.env", FROM_NAMED="set", FROM_SHARED="") == "set \u00e9nv  -"


def test_they_are_found_from_a_folder_below(line: CommandLine) -> None:
    files(line)
    below = line.folder / "below"
    below.mkdir()
    done = forked.run(line.name, "-A", "../shop.py", "show", cwd=below)

    assert done.stdout == "env \u00e9nv shared -\n"


def test_they_may_be_left_alone(line: CommandLine) -> None:
    files(line)
    skip = f"{line.prefix}_SKIP_DOTENV"

    assert shown(line, "-A", "shop", **{skip: "1"}) == "- - - -"
    assert shown(line, "-A", "shop", "-e", "named.env", **{skip: "true"}) == "named - - -"
    assert shown(line, "-A", "shop", **{skip: "0"}) == "env \u00e9nv shared -"


def test_help_knows_the_app_of_a_file(line: CommandLine) -> None:
    files(line)

    assert "\n  show\n" in line.run("--help").stdout


def test_a_file_that_is_not_there_is_told(line: CommandLine) -> None:
    done = line.run("--env-file", "nothing.env", "routes")
    assert (done.returncode, "'nothing.env' does not exist" in done.stderr) == (2, True)


def test_load_dotenv_says_whether_it_found_any(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    load = line.cli.load_dotenv
    for name in ("FROM_NAMED", "FROM_ENV", "FROM_SHARED"):
        monkeypatch.delenv(name, raising=False)
    assert not load()
    assert not load(line.folder / "nothing.env")

    files(line)
    assert load(line.folder / "named.env", load_defaults=False)
    assert (os.environ["FROM_NAMED"], "FROM_ENV" in os.environ) == ("named", False)
    assert load()
    assert os.environ["FROM_ENV"] == "\u00e9nv"


def test_without_the_package_a_hint_is_given(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)
    assert not line.cli.load_dotenv()
    assert capsys.readouterr().err == ""

    files(line)
    assert not line.cli.load_dotenv()
    assert "nstall python-dotenv" in capsys.readouterr().err
    assert "FROM_ENV" not in os.environ


def test_a_file_of_flask_s_is_not_read_and_that_is_told(line: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    if line.name == "flask":
        pytest.skip("Flask reads it")
    files(line)
    (line.folder / ".wzenv").rename(line.folder / ".flaskenv")

    tip = " * Tip: there is a .flaskenv, which is not read: rename it to .wzenv, and FLASK_ in it to WZ_.\n"
    done = line.run("-A", "shop", "show")
    assert (done.stdout, done.stderr) == ("env \u00e9nv - -\n", tip)
    assert line.cli.load_dotenv()
    assert capsys.readouterr().err == tip


def test_app_run_reads_them_unless_told_otherwise(line: CommandLine) -> None:
    files(line)
    (line.folder / ".env").write_text(f"{line.prefix}_DEBUG=1\n")
    line.write(
        served="""\
import sys
from importlib import import_module
from werkzeug import serving
from FRAMEWORK import App
serving.run_simple = lambda *args, **options: None
app = App("shop")
app.run(load_dotenv="not" not in sys.argv)
print(app.debug)
"""
    )

    def debug(*args: str) -> str:
        command = [sys.executable, "served.py", *args]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]

    assert (debug(), debug("not")) == ("True", "False")


@pytest.mark.parametrize(
    ("value", "flag"),
    [(None, False), ("", False), ("0", False), ("false", False), ("no", False), ("1", True), ("x", True)],
)
def test_variables_that_are_flags(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, value: str | None, flag: bool
) -> None:
    helpers = ("flask.helpers", "flask.helpers") if line.name == "flask" else ("wz.config", "wz.dotenv")
    for name in ("DEBUG", "SKIP_DOTENV"):
        if value is not None:
            monkeypatch.setenv(f"{line.prefix}_{name}", value)

    assert import_module(helpers[0]).get_debug_flag() is flag
    assert import_module(helpers[1]).get_load_dotenv() is not flag

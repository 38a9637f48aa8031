"""How the app of a command is found: most of it by one program on Flask and on wz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from wz.cli import NoAppException, ScriptInfo

from .conftest import CommandLine

APP = "from FRAMEWORK import App\n"


@pytest.mark.parametrize(
    ("text", "target", "found"),
    [
        pytest.param("app = App('a'); other = App('o')", "shop", "a", id="app"),
        pytest.param("application = App('a'); other = App('o')", "shop", "a", id="application"),
        pytest.param("app = 3; application = App('a')", "shop", "a", id="an app that is none"),
        pytest.param("anything = App('a')", "shop", "a", id="the only one"),
        pytest.param("create_app = lambda: App('a')", "shop", "a", id="create_app"),
        pytest.param("make_app = lambda: App('a')", "shop", "a", id="make_app"),
        pytest.param("one = App('a'); two = App('b')", "shop:two", "b", id="a name"),
        pytest.param("make = lambda: App('a')", "shop:make", "a", id="a function"),
        pytest.param("make = lambda: App('a')", "shop:make()", "a", id="a call"),
        pytest.param("make = lambda a, b='b': App(a + b)", "shop:make('x')", "xb", id="an argument"),
        pytest.param("make = lambda a, b='b': App(a + b)", "shop: make('x', b = 'y')", "xy", id="two, and blanks"),
        pytest.param("make = lambda a: App(a['n'][1])", "shop:make({'n': (1, 'x')})", "x", id="literals"),
        pytest.param("app = App('a')", "shop.py", "a", id="a file"),
        pytest.param("app = App('a'); two = App('b')", "shop.py:two", "b", id="a file and a name"),
        pytest.param("app = App('a')", "./shop.py", "a", id="a file's path"),
    ],
)
def test_an_app_of_a_module(line: CommandLine, text: str, target: str, found: str) -> None:
    line.write(shop=APP + text)

    assert line.load(target).import_name == found


@pytest.mark.parametrize("target", ["pkg", "pkg/__init__.py", "pkg/web.py", "pkg.web", "pkg/web.py:app", "./pkg/web"])
def test_a_package_and_a_module_in_it(line: CommandLine, target: str) -> None:
    """The module's name is the whole one, so that its relative imports work."""
    line.write(
        pkg____init__="from .web import app\n",
        pkg__web=APP + "from . import names\napp = App(__name__)\n",
        pkg__names="",
    )

    assert line.load(target).import_name == "pkg.web"


def test_a_folder_below_is_imported_from_if_a_file_in_it_is_named(line: CommandLine) -> None:
    line.write(src__shop=APP + "import beside\napp = App(beside.NAME)\n", src__beside="NAME = 'x'\n")

    assert line.load("src/shop.py").import_name == "x"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"app": "a"}, "a"),
        ({"wsgi": "w"}, "w"),
        ({"app": "a", "wsgi": "w"}, "w"),
        ({"app____init__": "p"}, "p"),
    ],
    ids=["app.py", "wsgi.py", "both", "a package"],
)
def test_without_a_target_wsgi_and_app_are_looked_for(line: CommandLine, files: dict[str, str], found: str) -> None:
    line.write(**{name: f"{APP}app = App({text!r})\n" for name, text in files.items()})

    assert line.load().import_name == found


@pytest.mark.parametrize(
    ("text", "target", "flask_s", "ours"),
    [
        pytest.param("one, two = App('a'), App('b')", "shop", "multiple", "has several apps, one, two", id="several"),
        pytest.param("", "shop", "Failed to find", "has no app, and none of create_app, make_app", id="none"),
        pytest.param("", "shop:app", "Failed to find", "has no app$", id="no such name"),
        pytest.param(
            "def create_app(): ...", "shop:creat_app", "Failed to find", "no creat_app; it has create_app", id="a typo"
        ),
        pytest.param("app = 3", "shop:app", "not obtained", "found a int, not a wz.App", id="no app"),
        pytest.param("make = lambda: 3", "shop:make", "not obtained", "found a int, not a wz.App", id="makes none"),
        pytest.param("def create_app(a): ...", "shop", "without arguments", "without arguments", id="needs arguments"),
        pytest.param("def make(a): ...", "shop:make('a', 'b')", "specified arguments", "with these", id="too many"),
        pytest.param("", "shop:make(", "Failed to parse", "must be a name, or a call", id="nonsense"),
        pytest.param("", "shop:a.b", "Failed to parse", "must be a name, or a call", id="an attribute"),
        pytest.param("", "shop:a.b()", "must be a simple name", "must be a name, or a call", id="a method"),
        pytest.param("", "shop:make(x)", "literal values", "must be a name, or a call", id="a name as an argument"),
        pytest.param("", "nowhere", "Could not import", "there is no module 'nowhere'", id="no module"),
        pytest.param("", "nowhere/x.py", "Could not import", "there is no file 'nowhere/x.py'", id="no file"),
    ],
)
def test_what_is_no_app_is_told_in_a_line(line: CommandLine, text: str, target: str, flask_s: str, ours: str) -> None:
    line.write(shop=APP + text)

    with pytest.raises(line.cli.NoAppException, match=ours if line.name == "wz" else flask_s) as info:
        line.load(target)
    assert "Traceback" not in info.value.message


BROKEN = {
    "shop": "import deeper\n",
    "deeper": "def read():\n    import nothing_of_that_name\n\nread()\n",
}


@pytest.mark.parametrize("target", ["shop", "shop:app", "shop.py"])
def test_what_an_import_raises_is_told_with_its_own_traceback(line: CommandLine, target: str) -> None:
    line.write(**BROKEN)

    with pytest.raises(line.cli.NoAppException) as info:
        line.load(target)
    text = info.value.message
    assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in text
    if line.name == "wz":
        frames = [row.split('"')[1] for row in text.splitlines() if row.strip().startswith("File ")]
        assert [Path(file).name for file in frames] == ["shop.py", "deeper.py", "deeper.py"]
        assert text.startswith(f"--app {target!r}: importing 'shop' fails:\n\nTraceback (most recent call last):\n")


@pytest.mark.parametrize(
    ("text", "last"),
    [
        pytest.param("import shop.nothing", "ModuleNotFoundError: No module named 'shop.nothing'", id="its own part"),
        pytest.param("import shopping", "ModuleNotFoundError: No module named 'shopping'", id="a longer name"),
        pytest.param("import sh", "ModuleNotFoundError: No module named 'sh'", id="a shorter name"),
        pytest.param("raise ModuleNotFoundError('gone', name='shop')", "ModuleNotFoundError: gone", id="by itself"),
        pytest.param(
            "from os import nothing", "ImportError: cannot import name 'nothing' from 'os'", id="no such name"
        ),
        pytest.param("1 / 0", "ZeroDivisionError: division by zero", id="another error"),
        pytest.param("?", "SyntaxError: invalid syntax", id="a syntax error"),
    ],
)
def test_an_error_in_a_module_is_not_taken_for_a_module_that_is_not_there(
    line: CommandLine, text: str, last: str
) -> None:
    if line.name == "flask":
        pytest.skip("Flask lets errors other than ImportError through, with frames of its own")
    line.write(shop=text)

    with pytest.raises(line.cli.NoAppException) as info:
        line.load("shop")
    told = info.value.message.rstrip().splitlines()
    assert told[-1].startswith(last)
    assert [row for row in told if "importlib" in row or "loading.py" in row] == []
    assert info.value.__cause__ is not None


def test_an_error_in_a_function_that_makes_the_app_is_told_alike(line: CommandLine) -> None:
    """Also a TypeError, which is not one of the call."""
    line.write(shop="def create_app(): return int('x', y=1)")

    with pytest.raises((TypeError, click.UsageError)) as info:
        line.load("shop")
    if line.name == "wz":
        assert str(info.value).startswith("--app 'shop': create_app() fails:\n\nTraceback (most recent call last):\n")
        assert "loading.py" not in str(info.value)


def test_a_command_shows_it_and_its_status_is_2(line: CommandLine) -> None:
    line.write(**BROKEN)

    done = line.run("--app", "shop", "routes")
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith("ModuleNotFoundError: No module named 'nothing_of_that_name'")
    if line.name == "wz":
        assert "site-packages" not in done.stderr


def test_help_is_shown_nevertheless(line: CommandLine) -> None:
    line.write(**BROKEN)

    done = line.run("--app", "shop", "--help")
    assert done.returncode == 0
    assert "No module named 'nothing_of_that_name'" in done.stderr
    assert "\n  routes " in done.stdout


def test_an_app_is_loaded_once(line: CommandLine) -> None:
    line.write(shop=APP + "def create_app():\n    print('made')\n    return App('x')\n")
    info = line.cli.ScriptInfo("shop")
    assert info.load_app() is info.load_app()

    assert line.run("--app", "shop", "routes").stdout.count("made") == 1


def test_debug_is_what_the_environment_says(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    line.write(shop=APP + "def create_app():\n    app = App('x')\n    app.seen = app.debug\n    return app\n")
    for value, debug in (("1", True), ("true", True), ("0", False), ("no", False), ("", False)):
        monkeypatch.setenv(f"{line.prefix}_DEBUG", value)
        app = line.load("shop")
        assert (app.debug, app.seen) == (debug, debug)

    monkeypatch.setenv(f"{line.prefix}_DEBUG", "1")
    kept = line.cli.ScriptInfo(create_app=lambda: line.App("x"), set_debug_flag=False).load_app()
    assert kept.debug


def test_a_command_takes_its_script_info(line: CommandLine) -> None:
    @click.command()
    @line.cli.pass_script_info  # type: ignore[untyped-decorator]
    def name(info: Any) -> None:
        click.echo(f"{type(info).__name__} {info.load_app().name}")

    info = line.cli.ScriptInfo(create_app=lambda: line.App("shop"))
    assert CliRunner().invoke(name, obj=info).output == "ScriptInfo shop\n"
    assert info.data == {}


def test_an_error_in_the_program_s_own_words_is_left_as_it_is(line: CommandLine) -> None:
    line.write(shop="import click\ndef create_app(): raise click.ClickException('no settings')\n")

    with pytest.raises(click.ClickException, match=r"^no settings$"):
        line.load("shop")


def test_a_script_s_function_that_makes_no_app_is_told() -> None:
    with pytest.raises(NoAppException, match=r"create_app\(\) made a NoneType, not a wz.App"):
        ScriptInfo(create_app=lambda: None).load_app()  # type: ignore[arg-type, return-value]

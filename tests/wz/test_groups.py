"""Commands of an app, of blueprints and of a program's own script: the same on Flask and on wz."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
from click.testing import CliRunner

from wz.cli import main

from ..stack import REPOSITORY
from .conftest import CommandLine


def blueprint(line: CommandLine, name: str, *commands: str, **options: Any) -> Any:
    made = line.module.Blueprint(name, "tests.wz", **options)
    for command in commands:
        made.cli.command(command)(lambda: click.echo(line.module.current_app.name))
    return made


def output(app: Any, *args: str) -> str:
    return str(app.test_cli_runner().invoke(args=[*args]).output)


@pytest.mark.parametrize(
    ("at_first", "at_registration", "args"),
    [
        pytest.param({}, {}, ["shop", "stock"], id="its own name"),
        pytest.param({}, {"name": "store"}, ["store", "stock"], id="the name that it is registered under"),
        pytest.param({"cli_group": "goods"}, {}, ["goods", "stock"], id="a name"),
        pytest.param({"cli_group": "goods"}, {"cli_group": "things"}, ["things", "stock"], id="another name later"),
        pytest.param({"cli_group": None}, {}, ["stock"], id="beside the app's"),
        pytest.param({"cli_group": "goods"}, {"cli_group": None}, ["stock"], id="beside them, at registration"),
    ],
)
def test_where_a_blueprint_s_commands_are(
    line: CommandLine, at_first: dict[str, Any], at_registration: dict[str, Any], args: list[str]
) -> None:
    app = line.App("tests")
    app.register_blueprint(blueprint(line, "shop", "stock", **at_first), **at_registration)

    assert output(app, *args) == "tests\n"


def test_a_nested_blueprint_s_commands_are_below_its_whole_name(line: CommandLine) -> None:
    outer = blueprint(line, "shop", "stock")
    outer.register_blueprint(blueprint(line, "orders", "list"))
    app = line.App("tests")
    app.register_blueprint(outer)

    assert sorted(app.cli.commands) == ["shop", "shop.orders"]
    assert output(app, "shop.orders", "list") == "tests\n"


def test_a_blueprint_without_commands_makes_no_group(line: CommandLine) -> None:
    app = line.App("tests")
    bare = blueprint(line, "shop")
    assert bare.cli.name
    app.register_blueprint(bare)

    assert app.cli.commands == {}


def test_a_blueprint_that_is_registered_twice_has_its_commands_twice(line: CommandLine) -> None:
    shop = blueprint(line, "shop", "stock")
    app = line.App("tests")
    app.register_blueprint(shop, url_prefix="/a")
    app.register_blueprint(shop, url_prefix="/b", name="store")

    assert (output(app, "shop", "stock"), output(app, "store", "stock")) == ("tests\n", "tests\n")


COMMANDS = """\
import click
from FRAMEWORK import App, current_app, has_app_context, g
from FRAMEWORK.cli import AppGroup, with_appcontext

app = App("shop")
app.teardown_appcontext(lambda error: click.echo("torn down"))

def checked(ctx, param, value):
    return f"{value} in {current_app.name}"

@app.cli.command()
@click.argument("name", callback=checked)
def greet(name):
    click.echo(name)

@app.cli.command(with_appcontext=False)
def bare():
    click.echo(has_app_context())

@click.command()
def plain():
    click.echo(current_app.name)

app.cli.add_command(plain)
users = AppGroup("users")
app.cli.add_command(users)

@users.command("list")
def list_users():
    g.users = "ann"
    click.echo(g.users)

@app.cli.group()
def outer():
    g.set = "by outer"

@outer.command()
@with_appcontext
def inner():
    click.echo(g.set)
"""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["greet", "ann"], "ann in shop"),
        (["bare"], "True"),
        (["plain"], "shop"),
        (["users", "list"], "ann"),
        (["outer", "inner"], "by outer"),
    ],
)
def test_an_app_s_commands_and_their_callbacks_have_its_context(line: CommandLine, args: list[str], said: str) -> None:
    """One context for a whole command, torn down once."""
    line.write(shop=COMMANDS)

    assert CliRunner().invoke(line.main, ["--app", "shop", *args]).output == f"{said}\ntorn down\n"


def test_any_command_may_have_the_app_s_context(line: CommandLine) -> None:
    @click.command()
    @line.cli.with_appcontext  # type: ignore[untyped-decorator]
    def name() -> None:
        click.echo(line.module.current_app.name)

    assert line.App("shop").test_cli_runner().invoke(name).output == "shop\n"


def test_the_shell_has_the_app_g_and_what_the_processors_add(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.write(
        shop="from FRAMEWORK import App\napp = App('shop')\napp.shell_context_processor(lambda: {'answer': 42})\n"
    )
    names: dict[str, Any] = {}
    monkeypatch.setattr("code.interact", lambda banner, local, **_: names.update(local))
    monkeypatch.delenv("PYTHONSTARTUP", raising=False)

    assert CliRunner().invoke(line.main, ["--app", "shop", "shell"]).exit_code == 0
    assert names.keys() == {"app", "g", "answer"}
    assert (names["app"].name, names["answer"]) == ("shop", 42)


def test_the_commands_are_names_of_the_module(line: CommandLine) -> None:
    cli, context = line.cli, click.Context(line.main)
    for name, command in (("routes", cli.routes_command), ("run", cli.run_command), ("shell", cli.shell_command)):
        assert line.main.get_command(context, name) is command


def test_a_program_s_own_script(line: CommandLine) -> None:
    def create_app() -> Any:
        app = line.App("shop")
        app.cli.command("stock")(lambda: click.echo(f"{line.module.current_app.name} has 12 apples"))
        return app

    @click.group(cls=line.Group, create_app=create_app)
    def shop() -> None:
        """Manage the shop."""

    @shop.command()  # type: ignore[untyped-decorator]
    def close() -> None:
        click.echo(f"{line.module.current_app.name} is closed")

    runner = CliRunner()
    assert runner.invoke(shop, ["stock"]).output == "shop has 12 apples\n"
    assert runner.invoke(shop, ["close"]).output == "shop is closed\n"
    text = runner.invoke(shop, ["--help"]).output
    assert "Manage the shop." in text
    assert all(f"\n  {name}" in text for name in ("close", "routes", "run", "shell", "stock"))


def test_a_script_may_have_a_callback_options_and_no_commands_of_the_framework(line: CommandLine) -> None:
    @click.group(
        cls=line.Group, create_app=lambda: line.App("shop"), add_default_commands=False, add_version_option=False
    )
    @click.option("--loud", is_flag=True)
    def shop(loud: bool) -> None:
        click.echo("LOUD" if loud else "quiet")

    @click.command()
    def alone() -> None:
        click.echo("no app needed")

    shop.add_command(alone)
    runner = CliRunner()
    assert runner.invoke(shop, ["--loud", "alone"]).output == "LOUD\nno app needed\n"
    assert runner.invoke(shop, ["routes"]).exit_code == 2
    assert runner.invoke(shop, ["--version"]).exit_code == 2


def test_the_app_of_a_script_is_made_once_and_when_it_is_needed(line: CommandLine) -> None:
    made = []

    def create_app() -> Any:
        made.append(1)
        return line.App("shop")

    group = line.Group(create_app=create_app)

    @group.command(with_appcontext=False)  # type: ignore[untyped-decorator]
    def nothing() -> None: ...

    @group.command()  # type: ignore[untyped-decorator]
    @line.cli.pass_script_info  # type: ignore[untyped-decorator]
    def twice(info: Any) -> None:
        assert info.load_app() is info.load_app()

    assert CliRunner().invoke(group, ["nothing"]).exit_code == 0
    assert made == []
    assert CliRunner().invoke(group, ["twice"]).exit_code == 0
    assert made == [1]


def test_a_script_says_whether_debug_is_the_environment_s(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def create_app() -> Any:
        app = line.App("shop")
        app.debug = True
        app.cli.command("debug")(lambda: click.echo(line.module.current_app.debug))
        return app

    runner = CliRunner()
    assert runner.invoke(line.Group(create_app=create_app), ["debug"]).output == "False\n"
    assert runner.invoke(line.Group(create_app=create_app, set_debug_flag=False), ["debug"]).output == "True\n"
    assert runner.invoke(line.Group(create_app=create_app), ["--debug", "debug"]).output == "True\n"


def test_the_versions_are_those_of_three_packages(line: CommandLine) -> None:
    lines = CliRunner().invoke(line.main, ["--version"]).output.splitlines()

    assert [text.split()[0].lower() for text in lines] == ["python", line.name, "werkzeug"]


def options_of(command: click.Command, prefix: str) -> set[str]:
    """Return the variables that a command's options are read from."""
    found = {f"{prefix}_{option.name}".upper() for option in command.params if isinstance(option, click.Option)}
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            found |= options_of(inner, f"{prefix}_{name}".upper().replace("-", "_")) if inner else set()
    return found


def test_no_setting_of_the_service_is_an_option_s_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both begin with WZ_: a setting must not change what a command does without being asked."""
    monkeypatch.chdir(REPOSITORY)
    settings = set(re.findall(r"WZ_[A-Z_]+", (REPOSITORY / "docs" / "settings.md").read_text()))
    options = options_of(main, "WZ")

    assert {"WZ_RUN_PORT", "WZ_HUB_CREATE_PARTITIONS"} <= options
    assert "WZ_REDIS_URL" in settings
    assert settings & options == {"WZ_APP"}  # which is the option --app

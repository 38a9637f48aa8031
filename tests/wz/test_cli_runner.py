"""The runner of an app's commands. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import Result

import wz
from wz import App
from wz.testing import AppRunner

from .conftest import Web


def shop(web: Web) -> App:
    """Return an app with a command that says in which app it runs."""
    app = web.app()

    @app.cli.command("hello")  # type: ignore[untyped-decorator]
    @click.option("--name", default="World")
    def hello(name: str) -> None:
        click.echo(f"Hello, {name}, in {web.current_app.name}")

    return app


def test_it_invokes_the_app_s_commands(web: Web) -> None:
    runner = shop(web).test_cli_runner()

    for args, name in (("hello", "World"), (["hello", "--name", "Ann"], "Ann"), ("hello --name Bob", "Bob")):
        result = runner.invoke(args=args)
        assert isinstance(result, Result)
        assert (result.exit_code, result.output) == (0, f"Hello, {name}, in tests.wz\n")
    assert runner.invoke(args=["nothing"]).exit_code == 2


def test_it_invokes_a_command_that_is_given(web: Web) -> None:
    app = shop(web)

    @click.command()
    @web.submodule("cli").with_appcontext  # type: ignore[untyped-decorator]
    def name() -> None:
        click.echo(web.current_app.name)

    @click.command()
    @click.argument("text")
    def plain(text: str) -> None:
        click.echo(f"{text} {web.has_app_context()}")

    runner = app.test_cli_runner()
    assert runner.invoke(name).output == "tests.wz\n"
    assert runner.invoke(cli=plain, args=["a"]).output == "a False\n"


def test_the_command_s_object_may_be_another_app_s(web: Web) -> None:
    other = web.app()
    info = web.submodule("cli").ScriptInfo(create_app=lambda: other)

    assert shop(web).test_cli_runner().invoke(args="hello", obj=info).output == "Hello, World, in tests.wz\n"


def test_the_object_knows_the_app(web: Web) -> None:
    app = shop(web)

    @click.command()
    @click.pass_obj
    def show(obj: Any) -> None:
        click.echo(obj and obj.load_app() is app)

    runner = app.test_cli_runner()
    assert runner.app is app
    assert runner.invoke(show).output == "True\n"
    assert runner.invoke(show, obj=None).output == "\n"


def test_it_takes_the_options_of_click(web: Web) -> None:
    app = shop(web)
    app.cli.command("fail")(lambda: 1 / 0)
    app.cli.command("ask")(lambda: click.echo(click.prompt("Name")))
    runner = app.test_cli_runner(env={"COLOR": "red"})

    result = runner.invoke(args="fail")
    assert (result.exit_code, type(result.exception)) == (1, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        runner.invoke(args="fail", catch_exceptions=False)
    assert runner.invoke(args="ask", input="Ann\n").output == "Name: Ann\nAnn\n"
    assert runner.env == {"COLOR": "red"}
    with runner.isolation(input="") as streams:
        click.echo("inside")
        assert streams[0].getvalue() == b"inside\n"


def test_an_app_may_have_a_class_of_runners(web: Web) -> None:
    theirs: Any = AppRunner if web.module is wz else web.submodule("testing").FlaskCliRunner

    class Loud(theirs):  # type: ignore[misc]
        def __init__(self, app: App, name: str = "Bob", **options: Any) -> None:
            super().__init__(app, **options)
            self.name = name

        def invoke(self, cli: Any = None, args: Any = None, **options: Any) -> Result:
            result: Result = super().invoke(cli, [*args, "--name", self.name], **options)
            return result

    app = shop(web)
    assert app.test_cli_runner_class is None
    app.test_cli_runner_class = Loud

    assert app.test_cli_runner().invoke(args=["hello"]).output == "Hello, Bob, in tests.wz\n"
    assert app.test_cli_runner(name="Ann").invoke(args=["hello"]).output == "Hello, Ann, in tests.wz\n"

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from http.client import HTTPException
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wz import App, current_app, has_app_context
from wz.cli import main, with_appcontext
from wz.live_server import LiveServer
from wz.testing import Client

from .. import forked
from ..stack import PATIENCE, REPOSITORY, free_port, process

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
    return forked.run("wz", *args)


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
        pytest.param("app:nothere", "the module has no nothere; it has app", id="no such name"),
        pytest.param("app:hello", "hello() can't be called without arguments", id="a view"),
        pytest.param("sys:path", "found a list, not a wz.App", id="no app"),
        pytest.param("nothere.py", "there is no file 'nothere.py'", id="no file"),
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


def test_a_variable_of_flask_s_is_told_where_no_app_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLASK_APP", "shop")

    assert "set WZ_APP (FLASK_APP is not read), or run" in wz("routes").stderr


def test_help_names_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    text = CliRunner().invoke(main, ["--help"]).output

    for command in ("routes", "rule", "run", "token", "up", "worker"):
        assert f"\n  {command} " in text


STOCK = """\
import click

@click.command()
def stock():
    "Counts what is there."
    click.echo("12 apples")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a command and an app; the current folder is one below it."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.wz]\napp = "shop:app"\ncommands = {stock = "shop_commands:stock"}\n'
    )
    (tmp_path / "shop.py").write_text(PROGRAM)
    (tmp_path / "shop_commands.py").write_text(STOCK)
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    return tmp_path


def test_a_project_adds_commands_in_its_folder_and_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wz("stock").stdout == "12 apples\n"
    assert "Counts what is there." in wz("--help").stdout

    monkeypatch.chdir(project)
    assert wz("stock").stdout == "12 apples\n"


def test_a_project_s_app_is_found_from_below_unless_there_is_one(project: Path) -> None:
    assert wz("routes").stdout.splitlines()[2].split()[0] == "hello"

    Path("app.py").write_text(FACTORY)
    assert wz("routes").stdout.splitlines()[2].split()[0] == "made"


def test_a_file_below_a_project_is_not_taken_for_its_package(project: Path) -> None:
    Path("shop_commands.py").write_text("raise RuntimeError")

    assert wz("stock").stdout == "12 apples\n"


def test_the_nearest_project_is_the_one(project: Path) -> None:
    Path("pyproject.toml").write_text("[tool.ruff]\n")
    assert wz("stock").returncode == 0

    Path("pyproject.toml").write_text('[tool.wz]\napp = "flaskr"\n')
    assert wz("stock").returncode == 2


def test_elsewhere_there_are_the_framework_s_commands_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.py").write_text("raise RuntimeError")

    done = wz("--help")
    commands = done.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in commands] == ["layers", "routes", "run", "shell", "trace"]
    assert done.stderr == ""
    assert "there is no command 'token'" in wz("token").stderr


def test_a_command_that_can_not_be_loaded_does_not_hide_the_others(project: Path) -> None:
    (project / "shop_commands.py").write_text("import nothing_of_that_name\n")

    done = wz("--help")
    assert done.stderr.strip() == "not listed are stock: No module named 'nothing_of_that_name'"
    assert "\n  routes " in done.stdout
    assert wz("stock").stderr == (
        "Error: `wz stock` can't be loaded from 'shop_commands:stock': No module named 'nothing_of_that_name'\n"
    )


@pytest.mark.parametrize(
    ("entry", "shown", "reason"),
    [
        pytest.param("3", "3", 'write "module:command"', id="no text"),
        pytest.param('""', "''", 'write "module:command"', id="empty"),
        pytest.param('"os"', "'os'", 'write "module:command"', id="a module"),
        pytest.param('"a b:c"', "'a b:c'", 'write "module:command"', id="nonsense"),
        pytest.param(
            '"os:nope"', "'os:nope'", "AttributeError: module 'os' has no attribute 'nope'", id="no such name"
        ),
        pytest.param('"os:path"', "'os:path'", "found a module, not a click.Command", id="no command"),
        pytest.param('"boom:x"', "'boom:x'", "RuntimeError: boom and more", id="a module that raises"),
        pytest.param('"typo:x"', "'typo:x'", "SyntaxError: invalid syntax (typo.py, line 1)", id="a syntax error"),
        pytest.param('"leave:x"', "'leave:x'", "importing it ends the process, with 3", id="sys.exit"),
    ],
)
def test_why_a_command_can_not_be_loaded_is_one_line(project: Path, entry: str, shown: str, reason: str) -> None:
    (project / "pyproject.toml").write_text(
        f'[tool.wz]\napp = "shop:app"\n[tool.wz.commands]\nbad = {entry}\nstock = "shop_commands:stock"\n'
    )
    (project / "boom.py").write_text('raise RuntimeError("boom\\nand more")\n')
    (project / "typo.py").write_text("?\n")
    (project / "leave.py").write_text("import sys\nsys.exit(3)\n")

    done = wz("bad")
    assert (done.returncode, done.stderr) == (1, f"Error: `wz bad` can't be loaded from {shown}: {reason}\n")
    done = wz("--help")
    assert done.stderr == f"not listed are bad: {reason}\n\n"
    assert "\n  stock " in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"[tool.wz", "is not valid TOML: ", id="a syntax error"),
        pytest.param(b"\xff\xfe", "is not valid TOML: 'utf-8' codec", id="not UTF-8"),
        pytest.param(b"[tool]\nwz = 3", ": [tool.wz] must be a table", id="no table"),
        pytest.param(b"[tool.wz]\ncommands = 3", ": [tool.wz.commands] must be a table", id="commands are a number"),
        pytest.param(b"[tool.wz]\ncommands = ['a']", ": [tool.wz.commands] must be a table", id="commands are a list"),
        pytest.param(b"[tool.wz]\napp = 3", ": app of [tool.wz] must be a text", id="app is a number"),
        pytest.param(b"[tool.wz]\ndifferences = 3", ": differences of [tool.wz] must be a text", id="so is another"),
    ],
)
def test_a_project_file_that_is_wrong_is_named_in_one_line(project: Path, text: bytes, message: str) -> None:
    file = project / "pyproject.toml"
    file.write_bytes(text)

    for args in (["stock"], ["routes"]):
        done = wz(*args)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].partition(f"{file}")[::2][1].strip().startswith(message.strip())
        assert "Traceback" not in done.stderr
    done = wz("--help")
    assert done.returncode == 0
    assert done.stderr.startswith(f"{file}{message}" if message[0] == ":" else f"{file} {message}")
    assert "\n  routes " in done.stdout


def test_a_command_that_is_nowhere_is_told_with_the_file_that_was_looked_at(project: Path) -> None:
    assert wz("up").stderr.splitlines()[-1] == (
        f"Error: there is no command 'up', neither in wz nor in [tool.wz.commands] of {project / 'pyproject.toml'}, "
        "nor in the app"
    )


def test_in_a_deleted_folder_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    for args, code in (["routes"], 2), (["--help"], 0):
        command = [sys.executable, "-m", "wz", *args]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False)
        assert "the current folder was deleted" in done.stderr


@pytest.mark.parametrize("words", ["wz ", "wz bad ", "wz nothing "])
@pytest.mark.parametrize(
    "text", ['[tool.wz.commands]\nbad = "leave:x"\nworse = 3\n', "[tool.wz"], ids=["commands", "the file"]
)
def test_completion_is_silent_about_what_is_wrong(project: Path, words: str, text: str) -> None:
    (project / "pyproject.toml").write_text(text)
    (project / "leave.py").write_text("import sys\nsys.exit(3)\n")
    variables = {"_WZ_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = forked.run("wz", env={**os.environ, **variables})

    assert done.stderr == ""
    assert "plain,routes\n" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(("words", "found"), [("wz rou", "routes"), ("wz hub sta", "status")])
def test_bash_completes_commands(words: str, found: str) -> None:
    script = f"""
        eval "$(_WZ_COMPLETE=bash_source wz)"
        COMP_WORDS=({words}) COMP_CWORD={words.count(" ")}
        _wz_completion wz
        echo "${{COMPREPLY[@]}}"
    """
    env = {**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY, env=env)

    assert done.stdout.split() == [found]


def test_run_serves_and_reloads_and_outlives_a_typo(folder: Path) -> None:
    port = free_port()
    client = Client(LiveServer(f"http://127.0.0.1:{port}", PATIENCE))

    def answer(path: str) -> int:
        try:
            return client.get(path).status_code
        except (OSError, HTTPException):
            return 0

    command = [sys.executable, "-m", "wz", "run", "--port", port]
    with process(command, ready=lambda: answer("/hello/ann") == 200, cwd=folder) as server:
        for program, path, status in [
            (PROGRAM.replace("/hello/", "/hi/"), "/hi/ann", 200),
            (PROGRAM + "?", "/hi/ann", 500),
            (PROGRAM.replace("/hello/", "/hello/again/"), "/hello/again/ann", 200),
        ]:
            (folder / "app.py").write_text(program)
            deadline = time.monotonic() + PATIENCE
            while answer(path) != status:
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)


FACTORY = """\
from wz import App

def create_app():
    app = App("made")
    app.add_url_rule("/made", "made", lambda: "")
    return app
"""

COMMANDS = """\
import click
from wz import App, current_app, g
from wz.cli import with_appcontext

app = App("shop")
app.teardown_appcontext(lambda error: print("torn down"))
app.shell_context_processor(lambda: {"answer": 42})

@app.cli.command("greet")
@click.argument("name")
def greet(name):
    "Greets somebody."
    click.echo(f"{name} in {current_app.name}")

users = app.cli.group("users")(lambda: None)

@users.command("list")
def list_users():
    g.users = ["ann"]
    click.echo(", ".join(g.users))
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(COMMANDS)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "args", "found"),
    [
        pytest.param({"app.py": PROGRAM}, [], "hello", id="app.py"),
        pytest.param({"wsgi.py": PROGRAM}, [], "hello", id="wsgi.py"),
        pytest.param({"shop.py": PROGRAM}, ["--app", "shop"], "hello", id="a module's app"),
        pytest.param({"shop.py": FACTORY}, ["--app", "shop"], "made", id="a module's create_app"),
        pytest.param({"shop.py": FACTORY}, ["--app", "shop:create_app"], "made", id="a function by name"),
        pytest.param({"shop.py": FACTORY}, ["--app", "shop:create_app()"], "made", id="a function that is called"),
        pytest.param(
            {"shop.py": PROGRAM, "pyproject.toml": '[tool.wz]\napp = "shop:app"'}, [], "hello", id="pyproject.toml"
        ),
    ],
)
def test_where_the_app_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], args: list[str], found: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert wz(*args, "routes").stdout.splitlines()[2].split()[0] == found


def test_the_environment_may_name_the_app(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WZ_APP", "shop:app")

    assert wz("layers").stdout == "app\n"


def test_a_project_says_what_its_servers_answer_otherwise(project: Path) -> None:
    assert "name them in [tool.wz]" in wz("layers", "--differences").stderr

    with (project / "pyproject.toml").open("a") as file:
        file.write('differences = "servers:table"\n')
    assert "Error: 'servers:table' can't be loaded: " in wz("layers", "--differences").stderr

    (project / "servers.py").write_text("def table(): return 'TRACE: 405'")
    assert wz("layers", "--differences").stdout == "TRACE: 405\n"


def test_the_service_says_what_its_servers_answer_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    text = CliRunner().invoke(main, ["layers", "--differences"]).output

    assert "Accept-Encoding: gzip\n    wsgi, validated, gunicorn: as it is\n    nginx, tls: gzip\n" in text
    assert max(map(len, text.splitlines())) <= 100


def test_layers_are_drawn_and_timed(shop: Path) -> None:
    with (shop / "shop.py").open("a") as file:
        file.write("app.layers.add('around', lambda inside: lambda environ, start: inside(environ, start))\n")

    assert wz("--app", "shop", "layers").stdout == "around\n  app\n"
    lines = [
        line for line in wz("--app", "shop", "layers", "/none", "-n", "2").stdout.splitlines() if line != "torn down"
    ]
    assert lines[0] == "GET /none: 404; each layer's own time, the median of 2 requests"
    assert [line.split()[0] for line in lines[1:] if line.endswith(" us")] == ["around", "app"]
    assert "      + status: 404 NOT FOUND" in lines


def test_layers_of_any_request_are_timed_and_an_unsafe_one_is_sent_twice_at_most(folder: Path) -> None:
    (folder / "app.py").write_text(ORDERS)

    done = wz("layers", "POST", "/orders", "--json", '{"n": 1}', "-H", "X-Who: ann", "--token", "Bearer secret")
    assert done.stdout.splitlines()[0] == "POST /orders: 201"
    assert "    + X-Count: 1" in done.stdout.splitlines()
    assert "secret" not in done.stdout
    assert (
        wz("layers", "/orders", "--data", "@nothing").stderr.splitlines()[-1]
        == "Error: @nothing: No such file or directory"
    )


ORDERS = """\
from wz import App, request

app = App("orders")
count = iter(range(1, 10))

@app.post("/orders")
def order(request):
    assert request.json == {"n": 1}, request.data
    assert request.headers["X-Who"] == "ann"
    assert request.headers["Authorization"] == "Bearer secret"
    return "", 201, {"X-Count": str(next(count))}
"""


def test_a_request_is_traced_in_this_process(folder: Path) -> None:
    lines = wz("trace", "/hello/ann").stdout.splitlines()

    assert lines[0].startswith("GET /hello/ann: 200, ")
    assert lines[1] == "rule    /hello/<name>"
    steps = lines[lines.index("") :]
    names = [line[31:].lstrip().split("  ")[0] for line in steps if line[28:29].isdigit()]
    assert names[:3] == ["WSGI", "app", "Request"]
    assert "view hello" in "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "\n".join(lines)


def test_a_trace_is_printed_as_json_and_as_otlp(folder: Path) -> None:
    trace = json.loads(wz("trace", "GET", "/hello/ann?x=1", "--format", "json").stdout)
    assert (trace["path"], trace["rule"], trace["status"]) == ("/hello/ann?x=1", "/hello/<name>", 200)

    (resource,) = json.loads(wz("trace", "GET", "/hello/ann", "--format", "otlp").stdout)["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    first, second, *_ = scope["spans"]
    assert (first["name"], first["kind"]) == ("GET /hello/<name>", 2)
    assert second["parentSpanId"] == first["spanId"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param([], "give a path", id="nothing"),
        pytest.param(["hello"], "write METHOD and PATH", id="no path"),
        pytest.param(["GET", "POST", "/"], "write METHOD and PATH", id="two methods"),
        pytest.param(["/", "--json", "1", "--data", "1"], "--json or --data, not both", id="two bodies"),
        pytest.param(["/", "-H", "nothing"], "-H 'nothing': write 'Name: value'", id="no header"),
        pytest.param(["/", "--url", "nowhere"], "must be http://host:port", id="no URL"),
        pytest.param(["/", "--url", "http://127.0.0.1:1"], "http://127.0.0.1:1: ", id="nobody there"),
    ],
)
def test_what_can_not_be_traced_is_one_line(folder: Path, args: list[str], message: str) -> None:
    done = wz("trace", *args)

    assert done.returncode in (1, 2)
    assert message in done.stderr.splitlines()[-1]


def test_the_shell_has_the_app_and_what_its_processors_add(shop: Path) -> None:
    command = [sys.executable, "-m", "wz", "--app", "shop", "shell"]
    script = "from wz import current_app\nprint(app.name, answer, current_app.name)\n"
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=True)

    assert "shop 42 shop" in done.stdout
    assert "torn down" in done.stdout


def test_an_app_s_own_commands_run_in_its_context(shop: Path) -> None:
    assert wz("--app", "shop", "greet", "ann").stdout == "ann in shop\ntorn down\n"


@pytest.mark.parametrize("how", ["option", "environment"])
def test_help_names_the_app_s_commands(shop: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "environment":
        monkeypatch.setenv("WZ_APP", "shop")
    text = wz(*(["--app", "shop"] if how == "option" else []), "--help").stdout

    assert "Greets somebody." in text
    assert "\n  routes " in text


def test_commands_may_be_grouped_and_may_do_without_a_context(shop: Path) -> None:
    assert wz("--app", "shop", "users", "list").stdout.startswith("ann\n")
    app = App("shop")
    app.cli.command("bare", with_appcontext=False)(lambda: click.echo(has_app_context()))
    assert app.test_cli_runner().invoke(args=["bare"]).output == "False\n"


def test_an_app_that_fails_to_import_does_not_hide_the_help(shop: Path) -> None:
    (shop / "shop.py").write_text("import nothing_of_that_name\n")

    done = wz("--app", "shop", "--help")
    assert done.returncode == 0
    assert "nothing_of_that_name" in done.stderr
    assert "\n  routes " in done.stdout


def test_a_runner_invokes_the_app_s_commands() -> None:
    app = App("shop")
    app.cli.command("greet")(click.argument("name")(lambda name: click.echo(f"{name} in {current_app.name}")))
    runner = app.test_cli_runner()

    assert runner.invoke(args=["greet", "ann"]).output == "ann in shop\n"
    assert runner.invoke(args=["nothing"]).exit_code == 2


def test_a_runner_invokes_a_command_that_is_given() -> None:
    app = App("shop")

    @click.command()
    @with_appcontext
    def name() -> None:
        click.echo(current_app.name)

    assert app.test_cli_runner().invoke(name).output == "shop\n"


def test_routes_are_sorted(folder: Path) -> None:
    (folder / "app.py").write_text(PROGRAM + '\napp.add_url_rule("/a/<path:x>", "zzz", hello, methods=["PUT"])\n')

    def first(sort: str) -> str:
        return wz("routes", "--sort", sort).stdout.splitlines()[2].split()[0]

    assert {sort: first(sort) for sort in ("endpoint", "methods", "rule", "match")} == {
        "endpoint": "hello",
        "methods": "hello",
        "rule": "zzz",
        "match": "hello",
    }

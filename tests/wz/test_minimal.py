"""The core is small, and a program loads only the optional files that it names."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections.abc import Iterable
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import msgspec
import pytest
from werkzeug.exceptions import abort
from werkzeug.test import EnvironBuilder, run_wsgi_app

import wz
from wz import App

FOLDER = Path(wz.__file__).parent

#: What a reader of the framework must know.
CORE = ["app", "context", "errors", "http", "layers", "routing"]

#: The files that a request passes, in whole: those whose functions are called by a request of any kind, and the two
#: whose objects are used without a call, the context variable of `context` and the encoder of `json`.
ON_THE_WAY = [
    "app",
    "bodies",
    "config_attribute",
    "context",
    "errors",
    "fast",
    "http",
    "json",
    "layers",
    "naming",
    "reply",
    "routing",
    "typed",
]

#: Lines of code, without blank lines, comments and docstrings: of the core; of the files on the way; of all that
#: `from wz import App` loads.
CORE_LINES = 950
LINES_ON_THE_WAY = 1450
LOADED_LINES = 2600

#: What the answer to a wrong value loads besides.
WHEN_WRONG = ["field_errors"]

#: The optional files, and what each needs besides Werkzeug and msgspec.
OPTIONAL = [
    "caching",
    "cli",
    "conditional",
    "cors",
    "dates",
    "decimals",
    "documented",
    "dotenv",
    "debughelpers",
    "encoded_slash",
    "field_errors",
    "flashing",
    "forms",
    "headers",
    "idempotency",
    "jinja",
    "live_server",
    "loading",
    "logging",
    "openapi",
    "project",
    "pytest_plugin",
    "records",
    "registries",
    "request_id",
    "resources",
    "routes",
    "running_service",
    "serving",
    "sessions",
    "setup_state",
    "signals",
    "signing",
    "sse",
    "static",
    "steps",
    "stdlib_json",
    "tagged",
    "templates",
    "testing",
    "tracing",
    "untaken",
    "views",
]

NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(source: str) -> int:
    """Count the lines that hold code: no blank lines, no comments, no docstrings."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            text = node.body[0]
            docstrings.update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in NOT_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - docstrings)


def loaded_by(statement: str) -> set[str]:
    """Return the names of the modules that a new interpreter loads for a statement."""
    script = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    return loaded_by("from wz import App")


def test_how_lines_are_counted() -> None:
    source = (
        '"""Doc."""\n\nx = 1  # why\n# why\n\ndef f():\n    """Doc\n    more."""\n    return [\n        1,\n    ]\n'
    )
    assert lines_of_code(source) == 5


@pytest.fixture(scope="module")
def passed() -> set[str]:
    """The names of the files whose functions are called while requests of all kinds are answered."""
    app = App("test")
    app.before_request(lambda: None)
    app.after_request(lambda response: response)
    app.teardown_request(lambda error: None)
    app.errorhandler(409)(lambda exc: ("conflict", 409))
    app.problems[KeyError] = 404
    assert app.logger  # made by the first record, or by a program that sets it up, and once
    for view in (say, take, fail, unknown, conflict):
        app.add_url_rule(f"/{view.__name__}/<name>", None, view, methods=["POST" if view is take else "GET"])
    requests = [
        *(EnvironBuilder("/say/ann", method=method) for method in ("GET", "HEAD", "OPTIONS", "DELETE")),
        *(EnvironBuilder("/take/ann", method="POST", json={"points": points}) for points in (1, "one")),
        *(EnvironBuilder(f"/{path}") for path in ("fail/ann", "unknown/ann", "conflict/ann", "none")),
    ]
    called: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(FOLDER)):
            called.add(name_of(Path(frame.f_code.co_filename)))

    environs = [builder.get_environ() for builder in requests]
    statuses = []
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for environ in environs:
            statuses.append(run_wsgi_app(app, environ)[1])
    finally:
        sys.setprofile(before)
    assert [int(status.split()[0]) for status in statuses] == [200, 200, 200, 405, 200, 422, 500, 404, 409, 404]
    return called


class Score(msgspec.Struct):
    points: int


def say(name: str) -> str:
    return name


def take(name: str, body: Score) -> Score:
    return body


def fail(name: str) -> None:
    raise ZeroDivisionError


def unknown(name: str) -> None:
    raise KeyError(name)


def conflict(name: str) -> None:
    abort(409)


def name_of(path: Path) -> str:
    """Return a file's module below wz: `app`, `openapi.schema`."""
    return ".".join(path.relative_to(FOLDER).with_suffix("").parts)


def lines_of(names: Iterable[str]) -> dict[str, int]:
    return {name: lines_of_code((FOLDER / f"{name}.py").read_text()) for name in names}


def test_the_core_is_small() -> None:
    lines = lines_of(CORE)

    assert sum(lines.values()) < CORE_LINES, lines


def test_what_a_request_passes_is_counted_whole_and_is_small(passed: set[str]) -> None:
    assert (passed | {"context", "json"}) - {*WHEN_WRONG} == {*ON_THE_WAY}

    lines = lines_of(ON_THE_WAY)
    assert sum(lines.values()) < LINES_ON_THE_WAY, lines


def test_what_an_app_loads_is_small(loaded: set[str]) -> None:
    lines = lines_of(name.partition(".")[2] or "__init__" for name in loaded if name.split(".")[0] == "wz")

    assert {*ON_THE_WAY} <= lines.keys()
    assert sum(lines.values()) < LOADED_LINES, lines


def test_no_file_is_too_long_to_read() -> None:
    lines = {name_of(path): lines_of_code(path.read_text()) for path in FOLDER.rglob("*.py")}

    assert {name: count for name, count in lines.items() if count > 300} == {}


def test_no_file_is_imported_in_a_circle() -> None:
    """Imports that run when a file is imported count; those under TYPE_CHECKING or in a function do not."""
    imports: dict[str, set[str]] = {}
    for path in FOLDER.rglob("*.py"):
        package = ["wz", *path.relative_to(FOLDER).parent.parts]
        imported = imports.setdefault(f"wz.{name_of(path)}", set())
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.level:
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
                imported |= {base} if node.module else {f"{base}.{alias.name}" for alias in node.names}

    TopologicalSorter(imports).prepare()  # raises CycleError
    assert imports["wz.http"] == {"wz.bodies", "wz.chunked", "wz.json", "wz.reply"}


def test_each_import_for_the_type_checker_alone_has_its_reason_beside_it() -> None:
    """The import contracts leave these out (pyproject.toml): here a new one is seen.

    Those of `wz` itself are the table `wz.lazy.PACKAGE`, as test_public_names.py shows.
    """
    found: dict[tuple[str, str], str] = {}
    for path in {*FOLDER.rglob("*.py")} - {FOLDER / "__init__.py"}:
        source = path.read_text()
        for block in ast.parse(source).body:
            if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
                for node in block.body:
                    if isinstance(node, ast.ImportFrom) and node.level:
                        line = source.splitlines()[node.lineno - 1]
                        found[name_of(path), node.module or ""] = line.partition("  # ")[2]

    assert found == {
        ("base", "app"): "upwards: requests, blueprints and contexts are given the whole app",
        ("base", "routes"): "upwards: `App.routes` has these rows",
        ("blueprints", "cli"): "upwards: `Blueprint.cli` is a group of commands",
        ("blueprints", "app"): "upwards: a blueprint is registered in an app",
        ("blueprints", "setup_state"): "upwards: what was recorded is called with one",
        ("context", "app"): "upwards: the current app is one",
        ("debughelpers", "jinja"): "upwards: it asks for this when a developer wants it",
        ("development", "cli"): "upwards: `App.cli` is a group of commands",
        ("development", "testing"): "upwards: `App.test_client` and `App.test_cli_runner` return them",
        ("fast", "routing"): "upwards: a map has the match that is compiled from it",
        ("http", "app"): "upwards: a request knows the app that answers it",
        ("http", "routing"): "upwards: a request knows the route that answers it",
        ("logging", "app"): "upwards: a logger is an app's",
        ("provider", "app"): "upwards: a response is of the app's class",
        ("provider", "http"): "upwards: what `jsonify` returns",
        ("provider", "json"): "upwards: what a current app has",
        ("routes", "app"): "upwards: a table is an app's",
        ("lazy", "aio"): "beside it, and loaded anyway",
        ("lazy", "jinja"): "upwards: names of an app and a blueprint, which import them when they are used",
        ("lazy", "registries"): "the same",
        ("lazy", "resources"): "the same",
        ("lazy", "static"): "the same",
        ("lazy", "steps"): "the same",
        ("pytest_plugin", "running_service"): "beside it, but optional: what the fixture gives",
        ("serving", "app"): "upwards: `App.run` gives itself",
        ("testing", "sessions"): "beside it, but optional: `Client.session_transaction` yields one",
    }


def test_each_import_inside_a_function_has_its_reason_beside_it() -> None:
    without = []
    for path in FOLDER.rglob("*.py"):
        source = path.read_text()
        for function in ast.walk(ast.parse(source)):
            if isinstance(function, ast.FunctionDef):
                imports = [node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
                lines = [source.splitlines()[node.lineno - 1] for node in imports]
                without += [f"{name_of(path)}: {line.strip()}" for line in lines if "  # " not in line]

    assert without == []


def test_an_app_needs_werkzeug_and_msgspec_and_nothing_else(loaded: set[str]) -> None:
    packages = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names

    # markupsafe is Werkzeug's; msgspec takes typing_extensions if it happens to be installed.
    expected = {"wz", "werkzeug", "markupsafe", "msgspec"}
    assert {name for name in packages if not name.startswith("_")} - {"typing_extensions"} == expected


def test_an_app_loads_no_optional_file_that_it_does_not_name(loaded: set[str]) -> None:
    assert not {f"wz.{name}" for name in OPTIONAL} & loaded


def test_every_file_is_the_core_s_or_optional(loaded: set[str]) -> None:
    files = {name_of(path).split(".")[0] for path in FOLDER.rglob("*.py")} - {"__init__", "__main__"}

    assert files == {*OPTIONAL} | {name.removeprefix("wz.") for name in loaded if name.startswith("wz.")}


def test_an_app_that_answers_loads_no_optional_file_either() -> None:
    loaded = loaded_by(
        "from wz import App; app = App('x'); app.add_url_rule('/', 'x', lambda: {'a': 1}); "
        "environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/', 'HTTP_HOST': 'x', 'wsgi.url_scheme': 'http'}; "
        "assert list(app(environ, lambda *_: None)) == [b'{\"a\":1}']"
    )

    assert not {f"wz.{name}" for name in OPTIONAL} & loaded


def test_a_program_without_coroutines_does_not_load_asyncio(loaded: set[str]) -> None:
    assert "wz.aio" in loaded
    assert not {"asyncio", "concurrent.futures"} & loaded


@pytest.mark.parametrize(
    ("module", "brings"),
    [
        pytest.param("sessions", {"itsdangerous"}, id="sessions"),
        pytest.param("signals", {"blinker"}, id="signals"),
        pytest.param("templates", {"jinja2"}, id="templates"),
        pytest.param("cli", {"click"}, id="cli"),
        pytest.param("serving", set(), id="serving"),
        pytest.param("dotenv", set(), id="dotenv"),
        pytest.param("static", set(), id="static"),
        pytest.param("views", set(), id="views"),
        pytest.param("aio", set(), id="aio"),
        pytest.param("openapi", set(), id="openapi"),
        pytest.param("testing", set(), id="testing"),
        pytest.param("tracing", set(), id="tracing"),
        pytest.param("tracing.collector", {"opentelemetry"}, id="tracing.collector"),
    ],
)
def test_an_optional_file_brings_its_own_package_only(module: str, brings: set[str]) -> None:
    if any(find_spec(package) is None for package in brings):
        pytest.skip(f"{brings} not installed")

    optional = {
        "blinker",
        "click",
        "dotenv",
        "flask",
        "gunicorn",
        "itsdangerous",
        "jinja2",
        "opentelemetry",
        "redis",
        "swagger_ui",
    }
    assert {name.split(".")[0] for name in loaded_by(f"import wz.{module}")} & optional == brings

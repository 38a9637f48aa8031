"""What a reader must read is small, and nobody loads what they do not name."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from importlib.util import find_spec
from pathlib import Path

import pytest

import wz

FOLDER = Path(wz.__file__).parent
CORE = ["app", "context", "errors", "http", "layers", "routing"]

#: Lines of code, without blank lines, comments and docstrings: of the core; of all that `from wz import App` loads.
CORE_LINES = 900
LOADED_LINES = 1600

#: What is loaded by who names it, and what that needs beside Werkzeug and msgspec.
LAYERS = [
    "aio",
    "chunked",
    "cli",
    "flashing",
    "openapi",
    "operations",
    "records",
    "request_id",
    "schema",
    "session",
    "signals",
    "sse",
    "static",
    "tagged",
    "templates",
    "testing",
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


def test_the_core_is_small() -> None:
    lines = {name: lines_of_code((FOLDER / f"{name}.py").read_text()) for name in CORE}

    assert sum(lines.values()) < CORE_LINES, lines


def test_what_an_app_loads_is_small(loaded: set[str]) -> None:
    files = [name.partition(".")[2] or "__init__" for name in loaded if name.split(".")[0] == "wz"]
    lines = {name: lines_of_code((FOLDER / f"{name}.py").read_text()) for name in files}

    assert {*CORE} <= lines.keys()
    assert sum(lines.values()) < LOADED_LINES, lines


def test_no_file_is_too_long_to_read() -> None:
    lines = {path.name: lines_of_code(path.read_text()) for path in FOLDER.glob("*.py")}

    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_an_app_needs_werkzeug_and_msgspec_and_nothing_else(loaded: set[str]) -> None:
    packages = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names

    # markupsafe is Werkzeug's; msgspec takes typing_extensions if it happens to be installed.
    expected = {"wz", "werkzeug", "markupsafe", "msgspec"}
    assert {name for name in packages if not name.startswith("_")} - {"typing_extensions"} == expected


def test_an_app_loads_no_layer_that_it_does_not_name(loaded: set[str]) -> None:
    assert not {f"wz.{name}" for name in LAYERS} & loaded


def test_every_file_is_the_core_s_or_a_layer(loaded: set[str]) -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "__main__"}

    assert files == {*LAYERS} | {name.removeprefix("wz.") for name in loaded if name.startswith("wz.")}


def test_an_app_that_answers_loads_no_layer_either() -> None:
    loaded = loaded_by(
        "from wz import App; app = App('x'); app.add_url_rule('/', 'x', lambda: {'a': 1}); "
        "environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/', 'HTTP_HOST': 'x', 'wsgi.url_scheme': 'http'}; "
        "assert list(app(environ, lambda *_: None)) == [b'{\"a\":1}']"
    )

    assert not {f"wz.{name}" for name in LAYERS} & loaded


@pytest.mark.parametrize(
    ("module", "brings"),
    [
        pytest.param("session", {"itsdangerous"}, id="session"),
        pytest.param("signals", {"blinker"}, id="signals"),
        pytest.param("templates", {"jinja2"}, id="templates"),
        pytest.param("cli", {"click"}, id="cli"),
        pytest.param("static", set(), id="static"),
        pytest.param("views", set(), id="views"),
        pytest.param("aio", set(), id="aio"),
        pytest.param("openapi", set(), id="openapi"),
        pytest.param("testing", set(), id="testing"),
    ],
)
def test_a_layer_brings_its_own_package_only(module: str, brings: set[str]) -> None:
    if any(find_spec(package) is None for package in brings):
        pytest.skip(f"{brings} not installed")

    optional = {"blinker", "click", "itsdangerous", "jinja2", "flask", "redis", "gunicorn", "swagger_ui"}
    assert {name.split(".")[0] for name in loaded_by(f"import wz.{module}")} & optional == brings


def test_a_program_that_names_nothing_has_all_of_this() -> None:
    """The names of `wz` itself: what a program can use without loading a layer."""
    assert {name for name in vars(wz) if not name.startswith("_") and name not in sys.modules} >= {
        *("App", "Blueprint", "JSON", "Problem", "Request", "Response"),
        *("abort", "after_this_request", "copy_current_request_context", "current_app", "g", "has_app_context"),
        *("has_request_context", "jsonify", "make_response", "redirect", "request", "stream_with_context", "url_for"),
    }

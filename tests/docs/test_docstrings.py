"""Examples in docstrings are programs: those of a console print what they say, and indented lines of Python run.

Indented lines are an example if they are Python and do something. They run in the names of their module and of `wz`,
with an `app` and a `blueprint`; what else a reader would have is in `GIVEN`.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import textwrap
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import redis as redis_py

import wz

from .repository import ROOT

#: What an example of the module takes to be there.
GIVEN = {
    "pipeline.store.command_probes": "listener = lambda: None",
    "wz.cli": "from click import group; import click; create_app = lambda: app",
    "wz.conditional": "class Note(msgspec.Struct): text: str",
    "wz.forms": "class Receipt(msgspec.Struct): id: int\nfrom werkzeug.datastructures import FileStorage",
    "wz.headers": "class Note(msgspec.Struct): text: str",
    "wz.idempotency": "class Payment(msgspec.Struct): sum: int\nclass Receipt(msgspec.Struct): id: int",
    "wz.json": "from wz import json\nclass MyJSON(json.JSON): pass\nvalue = {'b': 1}",
    "wz.live_server": "from wz.testing import Client",
    "wz.logging": "name = 'apples'",
    "wz.registries": """\
login_required = lambda view: view
begin = end = print
app.add_url_rule("/", "index", print)
""",
    "wz.request_id": "import logging; handler = logging.StreamHandler()",
    "wz.resources": "open('schema.sql', 'w').close(); open('secret.cfg', 'w').close()",
    "wz.sessions": "os.environ['SECRET_KEY'] = 'ab'",
    "wz.signals": "template, context = None, {}",
    "wz.tagged": "from collections import OrderedDict\nfrom wz.sessions import SecureCookieSessionInterface",
    "wz.tracing": "class traces: put = print",
    "wz.tracing.tracer": "keep = print",
    "wz.views": "class Page(msgspec.Struct): limit: int = 10\nclass Member(msgspec.Struct): name: str",
}

#: Modules with an example that is run elsewhere, or is no Python.
ELSEWHERE = {
    "wz.project": "the lines are TOML, as tests/wz/test_cli.py has them",
    "wz.static": "the last line is of a view, as tests/wz/test_static.py has it",
}


class Example(NamedTuple):
    module: str
    line: int  # of its docstring
    source: str


#: What a file with an example has: indented lines in the module's docstring or below a colon, or a console's prompt.
_SEEN = re.compile(r'\A"""(?:(?!""")[\s\S])*\n\n {4}\S|:\n\n {8,}\S|>>> ')


def texts() -> Iterator[tuple[str, int, str]]:
    """Yield each docstring, with its module and line, of the files that may have an example.

    Reading all would be slow, and each process of pytest collects.
    """
    for folder in ("wz", "handlers", "pipeline", "deploy"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            source = path.read_text()
            if not _SEEN.search(source):
                continue
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                    yield module, getattr(node, "lineno", 1), text


def does_something(source: str) -> bool:
    """Say whether it is Python, and no data."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    return not all(isinstance(one, ast.Expr) and isinstance(one.value, ast.Dict | ast.Constant) for one in body)


def python_of(part: str) -> str:
    """Return the paragraphs up to the last that is Python; below them there may be a table in words."""
    paragraphs = textwrap.dedent(part).strip().split("\n\n")
    programs = ("\n\n".join(paragraphs[:end]) for end in range(len(paragraphs), 0, -1))
    return next(filter(does_something, programs), "")


TEXTS = list(texts())
CONSOLES = sorted({module for module, _, text in TEXTS if ">>> " in text})
EXAMPLES = [
    Example(module, line, source)
    for module, line, text in TEXTS
    if ">>> " not in text and module not in ELSEWHERE
    for part in re.findall(r"(?:(?<=\n\n)|^)((?:    .*\n?|\n(?=    ))+)", text)
    if (source := python_of(part))
]


@pytest.mark.parametrize("example", [pytest.param(one, id=f"{one.module}:{one.line}") for one in EXAMPLES])
def test_an_example_of_a_docstring_runs(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    names: dict[str, Any] = {**vars(typing), **vars(wz), "msgspec": msgspec, "os": os, "UTC": UTC, "datetime": datetime}
    names |= {**vars(importlib.import_module(example.module)), "__name__": "example"}
    names["app"] = wz.App("example", static_folder=None, root_path=str(tmp_path))
    names["blueprint"] = names["boards"] = names["prices"] = wz.Blueprint("boards", "example", root_path=str(tmp_path))
    exec(GIVEN.get(example.module, ""), names)

    exec(compile(example.source, example.module, "exec", dont_inherit=True), names)


@pytest.mark.parametrize("name", CONSOLES)
def test_an_example_in_a_docstring_prints_what_it_says(name: str, redis: redis_py.Redis) -> None:
    tests = doctest.DocTestFinder().find(importlib.import_module(name), extraglobs={"client": redis})
    results = [doctest.DocTestRunner().run(test) for test in tests]

    assert sum(result.attempted for result in results) > 0
    assert [result.failed for result in results] == [0] * len(tests)


def test_nothing_is_given_that_no_example_needs() -> None:
    assert {*GIVEN} - {example.module for example in EXAMPLES} == set()

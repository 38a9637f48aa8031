"""docs/from-flask.md is a program: each of its Python blocks runs, as a module with templates and a style sheet."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ..docs.markdown import Block, blocks

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = REPOSITORY / "docs" / "from-flask.md"

_LINK = re.compile(r"\]\((?P<target>[^):#]+)\)")


BLOCKS = list(blocks(DOCUMENT, "python"))


@pytest.mark.parametrize("block", [pytest.param(block, id=f"line {block.line}") for block in BLOCKS])
def test_a_block_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(block, tmp_path, monkeypatch)


def test_the_program_before_and_after_the_move_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = [block for block in BLOCKS if "hello.html" in block.source]
    for block in (before, after):
        client = load(block, tmp_path, monkeypatch).app.test_client()

        page = client.post("/name", data={"name": "<ann>"}, follow_redirects=True).text

        assert page == "Hello, &lt;ann&gt;! Saved. /static/style.css"
        assert client.get("/static/style.css", buffered=True).mimetype == "text/css"


def test_the_names_that_stay_are_there() -> None:
    import wz

    text = DOCUMENT.read_text()
    [row] = re.findall(r"^\| `wz` \| (.*) \|$", text, re.MULTILINE)
    names = re.findall(r"`(\w+)`", row)

    assert len(names) > 10
    assert [name for name in names if not hasattr(wz, name)] == []


def test_what_an_app_and_a_blueprint_keep_is_there() -> None:
    from wz import App, Blueprint

    text = DOCUMENT.read_text()
    [routers] = re.findall(r"^\| an app or a blueprint \| (.*?)[;|]", text, re.MULTILINE)
    [apps] = re.findall(r"^\| an app \| (.*) \|$", text, re.MULTILINE)
    shared, own = re.findall(r"`(\w+)`", routers), re.findall(r"`(\w+)`", apps)
    app, blueprint = App("app"), Blueprint("blueprint")

    assert len(shared) > 10
    assert len(own) > 10
    assert [name for name in [*shared, *own] if not hasattr(app, name)] == []
    assert [name for name in [*shared, "before_app_request"] if not hasattr(blueprint, name)] == []


def test_links_lead_somewhere() -> None:
    targets = [match["target"] for match in _LINK.finditer(DOCUMENT.read_text())]

    assert targets
    assert [target for target in targets if not (DOCUMENT.parent / target).exists()] == []


def load(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a block as a module of `folder`; tracebacks show the document's own lines."""
    if block.info == "python flask":
        pytest.importorskip("flask")
    for name, text in {
        "templates/hello.html": "Hello, {{ session.name }}! {{ get_flashed_messages()[0] }} "
        "{{ url_for('static', filename='style.css') }}",
        "static/style.css": "body { margin: 0 }",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    file = folder / "from_flask_snippet.py"
    file.write_text(block.text())
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    spec.loader.exec_module(module)
    return module

"""Templates are compiled once, and anew when they or the code have changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from handlers.console.bytecode import Bytecode
from wz import App
from wz.templates import Templates


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    (tmp_path / "code.py").touch()
    (tmp_path / "kept").mkdir()
    (tmp_path / "page.html").write_text("one {{ 1 | written }}")
    return tmp_path


def shown(pages: Path, written: str = "1") -> str:
    """Return what a process shows whose filter `written` makes this of a number."""
    templates = Templates(App("pages"), pages, bytecode_cache=Bytecode(pages / "kept", (str(pages),)))
    templates.jinja_env.filters["written"] = lambda number: written
    return templates.find("page.html").render()


def kept(pages: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in (pages / "kept").iterdir()}


def test_the_next_process_compiles_nothing(pages: Path) -> None:
    assert shown(pages) == "one 1"
    before = kept(pages)

    assert shown(pages) == "one 1"
    assert kept(pages) == before
    assert len(before) == 1


def test_a_template_that_was_changed_is_compiled_anew(pages: Path) -> None:
    shown(pages)
    (pages / "page.html").write_text("two {{ 1 | written }}")

    assert shown(pages) == "two 1"
    assert len(kept(pages)) == 1


def test_what_a_filter_made_of_a_constant_is_not_kept_when_the_code_has_changed(pages: Path) -> None:
    shown(pages)
    os.utime(pages / "code.py", (2_000_000_000, 2_000_000_000))

    assert shown(pages, "I") == "one I"
    assert len(kept(pages)) == 1


def test_without_the_folder_nothing_is_kept(pages: Path) -> None:
    (pages / "kept").rmdir()

    assert shown(pages) == "one 1"


def test_nothing_is_kept_where_python_keeps_no_bytecode(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    assert shown(pages) == "one 1"
    assert kept(pages) == {}

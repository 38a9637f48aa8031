"""docs/framework.md is programs: each of its Python blocks runs by itself, in an empty folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .markdown import Block, python_blocks
from .repository import ROOT

PAGE = ROOT / "docs" / "framework.md"
BLOCKS = list(python_blocks(PAGE))


@pytest.mark.parametrize("block", [pytest.param(block, id=f"line {block.line}") for block in BLOCKS])
def test_a_block_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())

    exec(block.code(), {"__name__": "example"})


def test_a_traceback_shows_the_lines_of_the_page() -> None:
    assert [block.source.splitlines()[0] for block in BLOCKS] == [
        PAGE.read_text().splitlines()[block.line - 1] for block in BLOCKS
    ]

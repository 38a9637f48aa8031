"""examples/diagnostics: a project of the VS Code tools, with CROSS APPLY and a function in JavaScript."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.commands.job import job

from ..stack import REPOSITORY

pytest.importorskip("quickjs", reason="the extra is not installed: pip install '.[javascript]'")

PROJECT = REPOSITORY / "examples" / "diagnostics"


def wz_job(*args: object) -> Result:
    return CliRunner().invoke(job, [str(arg) for arg in args])


def files(folder: Path) -> dict[str, str]:
    """Return the texts of a project's files, but not its events, which `wz job import` writes one a line."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "Data"]
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def test_it_counts_the_errors_in_each_array_of_records() -> None:
    result = wz_job("run", PROJECT / "asaproj.json")

    assert list(map(json.loads, result.stdout.splitlines())) == [
        {"resource": "toll", "error": "LateInputEvent", "errors": 2, "until": "2024-05-01T10:01:00.0000000Z"},
        {"resource": "parking", "error": None, "errors": 1, "until": "2024-05-01T10:02:00.0000000Z"},
    ]


def test_its_files_are_those_that_export_writes_of_it(tmp_path: Path) -> None:
    """So it is in the form that the tools read: tests/asaproj holds the export to the published projects."""
    folder, again = tmp_path / "folder", tmp_path / "diagnostics"
    assert wz_job("import", PROJECT / "asaproj.json", "--to", folder).exit_code == 0
    assert wz_job("export", folder, "--to", again).exit_code == 0

    assert files(again) == files(PROJECT)

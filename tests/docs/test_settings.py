"""docs/settings.md has every variable that is read, as `wz settings` has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.commands.settings import markdown
from pipeline.settings import SETTINGS
from pipeline.settings.deployment import DEPLOYMENT

from ..stack import REPOSITORY

#: Names that are read by none of our programs, hold for tests alone, or are the framework's own.
_NOT_SETTINGS = {"WZ_EXAMPLES", "WZ_REQUESTS", "WZ_DEBUG", "WZ_SKIP_DOTENV"}


def test_the_page_has_the_tables_of_wz_settings() -> None:
    page = (REPOSITORY / "docs" / "settings.md").read_text()

    assert page.endswith(f"\n{markdown()}\n"), "write what `wz settings --markdown` prints"


@pytest.mark.parametrize("folder", ["deploy", "handlers", "pipeline", "docs"])
def test_every_variable_that_is_named_is_a_setting(folder: str) -> None:
    known = {row.variable for row in SETTINGS} | {row.file_variable for row in SETTINGS if row.file}
    known |= {row.variable for row in DEPLOYMENT}
    files = [file for file in (REPOSITORY / folder).rglob("*") if file.is_file() and file.suffix != ".pyc"]

    named = {name for file in files for name in _names(file)}

    assert named - known - _NOT_SETTINGS == set()


def test_the_socket_is_where_gunicorn_s_settings_have_it() -> None:
    (row,) = (row for row in DEPLOYMENT if row.variable == "WZ_SOCKET")

    assert f'"WZ_SOCKET", "{row.default}"' in (REPOSITORY / "deploy" / "gunicorn.conf.py").read_text()


def _names(file: Path) -> set[str]:
    return set(re.findall(r"\bWZ_[A-Z]+(?:_[A-Z]+)*\b(?!_)", file.read_text(errors="replace")))

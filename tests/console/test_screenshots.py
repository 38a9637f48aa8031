"""The folder of screenshots is in that of `wz up`, which refuses one that others may enter."""

from __future__ import annotations

from pathlib import Path

from deploy.state import make_private

from .browser import screenshot


def test_a_folder_that_screenshots_have_made_is_taken_by_wz_up(tmp_path: Path) -> None:
    state = tmp_path / ".wz"

    screenshot("home", "light", 1440, state / "screenshots").touch()

    make_private(state)

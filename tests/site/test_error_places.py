"""Where an error says that it is explained, the built guide has a place."""

from __future__ import annotations

import re

from handlers.error_help import EXPLAINED, PAGE, anchor
from handlers.error_table import PROBLEMS

from .conftest import Built


def test_each_error_leads_to_a_place_of_the_built_page(guide: Built) -> None:
    there = set(re.findall(r'\bid="([^"]+)"', (guide.folder / PAGE / "index.html").read_text()))
    led_to = {anchor(kind, 0) for kind in EXPLAINED} | {str(status) for status in PROBLEMS.values()}

    assert led_to - there == set()

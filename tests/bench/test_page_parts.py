"""What a program writes into a page stands between its comments, and all else stays."""

from __future__ import annotations

import pytest

from bench.page_parts import filled, named

PAGE = """\
# Costs

<!-- by python -m bench.tour: table -->

| old |

<!-- end -->

By hand.

<!-- by python -m bench.tour: empty -->
<!-- end -->

<!-- by python -m bench.sums: table -->
another's
<!-- end -->
"""

WRITTEN = """\
# Costs

<!-- by python -m bench.tour: table -->

| new \\1 |

<!-- end -->

By hand.

<!-- by python -m bench.tour: empty -->

first

<!-- end -->

<!-- by python -m bench.sums: table -->
another's
<!-- end -->
"""


def test_a_program_writes_its_own_parts_alone() -> None:
    parts = {"table": "| new \\1 |\n", "empty": "first"}

    assert filled(PAGE, "bench.tour", parts) == WRITTEN
    assert filled(WRITTEN, "bench.tour", parts) == WRITTEN
    assert list(named(PAGE, "bench.tour")) == ["table", "empty"]


def test_a_part_that_there_is_not_is_told() -> None:
    with pytest.raises(KeyError, match="empty"):
        filled(PAGE, "bench.tour", {"table": ""})

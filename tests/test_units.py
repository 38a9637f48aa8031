from __future__ import annotations

import pytest

from pipeline.errors import InvalidValue
from pipeline.units import byte_count, milliseconds


@pytest.mark.parametrize(
    ("text", "ms"), [("90", 90_000), ("90s", 90_000), ("15m", 900_000), ("24h", 86_400_000), ("7d", 604_800_000)]
)
def test_times(text: str, ms: int) -> None:
    assert milliseconds(text) == ms


@pytest.mark.parametrize(
    ("text", "count"), [("10", 10), ("10B", 10), ("1KiB", 1024), ("500 MiB", 500 * 1024**2), ("1GB", 10**9)]
)
def test_sizes(text: str, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5h", "1w", "1 d d", "١h", "9" * 16])  # noqa: RUF001
def test_what_is_neither(text: str) -> None:
    with pytest.raises(InvalidValue):
        milliseconds(text)
    with pytest.raises(InvalidValue):
        byte_count(text)

from __future__ import annotations

from collections import defaultdict
from xml.etree import ElementTree

import pytest

from bench.account import PARTS, drawing, shares

BARS = {
    "GET of <one>": {"wz": [1, 4, 2, 1, 2], "Flask": [1, 4, 4, 2, 1]},
    "POST": {"wz": [10, 40, 30, 10, 10], "Flask": [10, 60, 80, 30, 20]},
}


def test_bars_are_as_long_as_their_costs_and_the_first_of_each_endpoint_is_100() -> None:
    svg = ElementTree.fromstring(drawing(BARS))
    of_bar: dict[str, dict[str, float]] = defaultdict(dict)
    for rect in svg.iter("{http://www.w3.org/2000/svg}rect"):
        if rect.get("class") in PARTS:
            of_bar[rect.get("y") or ""][rect.get("class") or ""] = float(rect.get("width") or 0)
    legend, *bars = of_bar.values()
    assert list(legend) == list(PARTS)

    costs = [[100 * cost / sum(first) for cost in bar] for first, *rest in map(values, BARS) for bar in (first, *rest)]
    px = bars[0]["nginx"] / costs[0][0]
    for bar, expected in zip(bars, costs, strict=True):
        assert list(bar.values()) == pytest.approx([px * cost for cost in expected], abs=0.1)
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert [texts.count(total) for total in ("100", "120", "200")] == [2, 1, 1]
    assert "GET of <one>" in texts


def values(title: str) -> list[list[int]]:
    return list(BARS[title].values())


def test_what_is_stored_are_hundredths_and_draws_the_same_picture() -> None:
    stored = shares(BARS)

    assert stored["POST"]["Flask"] == {"nginx": 10, "gunicorn": 60, "app": 80, "redis-py": 30, "Redis": 20}
    again = {title: {name: [*parts.values()] for name, parts in bars.items()} for title, bars in stored.items()}
    assert drawing(again) == drawing(BARS)

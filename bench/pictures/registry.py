"""All pictures of the guide, by where they are in docs/: what draws each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests import pictures as suite
from tests import times
from tests.tour.steps import FLASK

from .. import account, life_picture, tour, tour_chart
from ..life_stations import load
from . import boards, hub, windows

DOCS = Path(__file__).parents[2] / "docs"

Draw = Callable[[], str]


def drawn() -> Iterator[tuple[Path, Draw]]:
    """Give the file of each picture, and the function that returns what has to be in it."""
    for module in (boards, hub, windows):
        for name, draw in module.PICTURES.items():
            yield DOCS / name, draw
    yield account.PICTURE, account.stored
    yield tour.PICTURE, lambda: tour_chart.drawing(tour.stored()["shares"], FLASK)
    for name, draw in suite.PICTURES.items():
        yield suite.FOLDER / name, draw
    yield times.SVG, times.picture_now
    for recording in life_picture.PICTURES:
        yield life_picture.file_of(recording), partial(_of_life, recording)


def _of_life(recording: str) -> str:
    return life_picture.of_recording(recording, load(recording))

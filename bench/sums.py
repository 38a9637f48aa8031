"""What each step of the tour of sums (docs/sums) costs, with few members and with many.

    python -m bench.sums            a table
    python -m bench.sums --json     the same as JSON
    python -m bench.sums --quick    fewer rounds
    python -m bench.sums --write    the same, stored for the page: cost.json, and the table in index.md
    python -m bench.sums --pages    no run: the page from what is stored

Steps take turns, each with its own board. Of the last one, what Redis itself takes for the script is measured, without
the way there and back. How a time grows from few to many is what the page is about.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from redis import Redis

from tests.stack import redis_server
from tests.tour.short_tours import run

from . import figures
from .page_parts import filled
from .side_by_side import in_turn

SUMS = Path(__file__).parents[1] / "docs" / "sums"
FILE, PAGE = SUMS / "cost.json", SUMS / "index.md"

#: Step 7 reads what another program has written, and changes nothing.
STEPS = ("01_list", "02_prefix_sums", "03_fenwick", "04_radix_tree", "05_leaves", "06_cells", "08_board")
NAMES = ("1. a list", "2. prefix sums", "3. a Fenwick tree", "4. a radix tree", "5. leaves", "6. cells", "8. the board")

FEW, MANY = 1_000, 16_000

#: What is measured; `sum_to` is asked for half of all ranks.
KINDS = {"set": "a new score", "sum_to": "a sum to a rank"}


@contextmanager
def boards() -> Iterator[dict[tuple[str, int], Any]]:
    """Yield a board of each step and size, filled."""
    modules = {step: run("sums", step) for step in STEPS}
    fill = run("sums", "questions")["fill"]
    with TemporaryDirectory() as folder, redis_server(Path(folder), "--loglevel", "nothing") as (_, url):
        made = {}
        for step, names in modules.items():
            for number, size in enumerate((FEW, MANY)):
                board = made[step, size] = names["Board"](*[Redis.from_url(url, db=number)] * ("08" in step))
                fill(board, size)
        yield made


def measure(rounds: int) -> dict[str, Any]:
    """Return the microseconds of each step, kind and size. Raises SystemExit if the steps' answers differ."""
    with boards() as made:
        for size in (FEW, MANY):
            answers = {step: (made[step, size].total(), made[step, size].sum_to(size // 2)) for step in STEPS}
            if len({*answers.values()}) > 1:
                raise SystemExit(f"the answers differ: {answers}")
        contenders = {
            (step, kind, size): partial(_one, made[step, size], kind, size)
            for step in STEPS
            for kind in KINDS
            for size in (FEW, MANY)
        }
        keys = {" ".join(map(str, key)): key for key in contenders}
        times = in_turn({name: contenders[key] for name, key in keys.items()}, rounds)
    costs: dict[str, dict[str, list[float]]] = {step: {kind: [] for kind in KINDS} for step in STEPS}
    for name, (step, kind, _) in keys.items():  # few, then many
        costs[step][kind].append(round(statistics.median(times[name]) * 1e6, 2))
    return figures.origin_now() | {
        "members": [FEW, MANY],
        "rounds": rounds,
        "microseconds": costs,
    }


def _one(board: Any, kind: str, size: int) -> float:
    """Return the seconds of one call."""
    args = (size // 2,) if kind == "sum_to" else (f"m{random.randrange(size)}", random.randrange(2**20))
    clock = partial(_in_scripts, board.redis) if hasattr(board, "redis") else time.perf_counter
    begin = clock()
    getattr(board, kind)(*args)
    return clock() - begin


def _in_scripts(redis: Redis) -> float:
    """Return the seconds that this Redis has spent in scripts."""
    usec: int = redis.info("commandstats")["cmdstat_evalsha"]["usec"]
    return usec / 1e6


def stored() -> dict[str, Any]:
    """Return the run that the page tells of."""
    return figures.stored(FILE)


def table(found: Mapping[str, Any]) -> str:
    """Return the table of the page: microseconds with few and with many members, and how many times as long."""
    few, many = (f"{size:,}" for size in found["members"])
    rows = ["| Step | " + " | ".join(f"{name}: {few} | {many} | growth" for name in KINDS.values()) + " |"]
    rows.append("|---" + "|--:" * 3 * len(KINDS) + "|")
    for name, costs in zip(NAMES, found["microseconds"].values(), strict=True):
        cells = [f"{a:,.0f} | {b:,.0f} | {b / a:.1f}" for a, b in costs.values()]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    rows += [
        "",
        f"Medians in microseconds, measured by `python -m bench.sums`: {figures.origin(found)}. Of the board, the time "
        "of the script in Redis.",
    ]
    return "\n".join(rows)


def rewritten(text: str, found: Mapping[str, Any]) -> str:
    """Return the text of the page with the table of a run."""
    return filled(text, "bench.sums", {"costs": table(found)})


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--write", is_flag=True, help="Store the run for the page.")
@click.option("--pages", is_flag=True, help="Measure nothing: write the page from the stored run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Fewer rounds.")
def main(write: bool, pages: bool, as_json: bool, quick: bool) -> None:
    found = stored() if pages else measure(20 if quick else 300)
    print(json.dumps(found, indent=1) if as_json else table(found))
    if write:
        figures.write(FILE, found)
    if write or pages:
        PAGE.write_text(rewritten(PAGE.read_text(), found))


if __name__ == "__main__":
    main()

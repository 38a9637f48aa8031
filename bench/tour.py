"""What each step of the tour (docs/tour) costs, as a share of what the same program costs in Flask.

    python -m bench.tour            a table
    python -m bench.tour --json     the same as JSON
    python -m bench.tour --quick    fewer rounds
    python -m bench.tour --write    the same, stored for the pages: cost.json, costs.svg, and the lines in them
    python -m bench.tour --pages    no run: the picture and the pages from what is stored, also by bench.layers

All programs are in one process and take turns, as in `bench.framework`. Only shares are kept: between two machines, or
two hours of one, microseconds differ by half and more, and shares by a few hundredths.
"""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from handlers.console.layers.measured import PARTS, measured
from tests.tour.steps import FLASK, STEPS, TOUR, run

from . import figures
from .framework import Call, Table, environ_of
from .page_parts import filled
from .tour_chart import drawing, name_of

FILE = TOUR / "cost.json"
PICTURE = TOUR / "costs.svg"

MEMBER = "/boards/points/members/ann"
BODY = b'{"score": 12.5}'

#: What is asked of each: the environ, the body, and the status of the answer.
REQUESTS: dict[str, tuple[dict[str, Any], bytes, int]] = {
    "GET": (environ_of(MEMBER), b"", 200),
    "PUT": (environ_of(MEMBER, "PUT", CONTENT_TYPE="application/json", CONTENT_LENGTH=str(len(BODY))), BODY, 200),
    "404": (environ_of("/nothing/here"), b"", 404),
}

Shares = dict[str, dict[str, float]]

#: The line of a step's page that tells its cost.
_LINE = re.compile(r"^- \*\*Cost\*\*: .*$", re.MULTILINE)


def programs() -> dict[str, Any]:
    """Return each step's application, run afresh, with one score."""
    found = {step: run(step) for step in STEPS}
    for names in found.values():
        names["boards"].put("points", "ann", 12.5)
    return {step: names["app"] for step, names in found.items()}


def measure(rounds: int) -> dict[str, Any]:
    """Return the shares, and what they are of. Raises SystemExit if the programs' answers differ."""
    apps, table = programs(), Table(rounds)
    for name, (environ, body, status) in REQUESTS.items():
        calls = {step: Call(app, environ, body) for step, app in apps.items()}
        table.add(name, calls, status=status, has_length=status < 400)  # step 1 gives its 404 no length
    return figures.origin_now() | {
        "versions": {name: metadata.version(name) for name in ("flask", "werkzeug")},
        "rounds": rounds,
        "shares": {step: {row.name: round(row.ratio(step, FLASK), 3) for row in table.rows} for step in STEPS},
    }


def stored() -> dict[str, Any]:
    """Return the run that the pages tell of."""
    return figures.stored(FILE)


def line(step: str, shares: Shares) -> str:
    """Return what the page of a step says of its cost."""
    get, put, missing = (f"{shares[step][name]:.2f}" for name in REQUESTS)
    link = "[all steps](12_wz.md#what-each-step-costs)"
    return f"- **Cost**: {get} of what Flask takes for the GET, {put} for the PUT, {missing} for the 404 ({link})."


def rewritten(page: Path, found: dict[str, Any]) -> str:
    """Return the text of a step's page with the figures of a run."""
    text = _LINE.sub(lambda _: line(page.stem, found["shares"]), page.read_text())
    return filled(text, "bench.tour", {"shares": _shares_of_all(found), "parts": _parts_of_a_request()})


def _shares_of_all(found: dict[str, Any]) -> str:
    rows = ["| Step | " + " | ".join(REQUESTS) + " |", "|---" + "|--:" * len(REQUESTS) + "|"]
    for step, shares in found["shares"].items():
        cells = " | ".join(f"{shares[name]:.2f}" for name in REQUESTS)
        rows.append(f"| {name_of(step)} | {cells} |")
    versions = " and ".join(f"{name.title()} {version}" for name, version in found["versions"].items())
    rows += [
        "",
        f"Shares of what Flask takes for the same, measured by `python -m bench.tour`: {figures.origin(found)}, with "
        f"{versions}.",
    ]
    return "\n".join(rows)


def _parts_of_a_request() -> str:
    """Return a table of what `bench.layers` has measured."""
    of = measured()
    bars = of.bars
    whole = bars[-1].total
    rows = ["| Program | " + " | ".join(PARTS.values()) + " | together |", "|---" + "|--:" * (len(PARTS) + 1) + "|"]
    for bar in bars:
        cells = [*(bar.parts[part] for part in PARTS), bar.total]
        rows.append(f"| {bar.name} | " + " | ".join(f"{100 * cost / whole:.0f}" for cost in cells) + " |")
    versions = ", ".join(
        f"{name if name == 'msgspec' else name.title()} {version}" for name, version in of.versions.items()
    )
    rows += ["", f"Measured by `python -m bench.layers --write` on {of.date}: {versions}."]
    return "\n".join(rows)


def table(found: dict[str, Any]) -> str:
    names = list(REQUESTS)
    lines = [f"A share of what Flask takes; {figures.origin(found)}", ""]
    lines.append(f"{'':18}" + "".join(f"{name:>8}" for name in names))
    for step, shares in found["shares"].items():
        lines.append(f"{step:18}" + "".join(f"{shares[name]:>8.2f}" for name in names))
    return "\n".join(lines)


def write_pages(found: dict[str, Any]) -> None:
    """Draw the picture, and write a run's figures into the pages that there are."""
    PICTURE.write_text(drawing(found["shares"], FLASK))
    for page in (TOUR / f"{step}.md" for step in STEPS):
        if page.exists():
            page.write_text(rewritten(page, found))


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--write", is_flag=True, help="Store the run for the pages of the tour.")
@click.option("--pages", is_flag=True, help="Measure nothing: write the picture and the pages from the stored runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Fewer rounds.")
def main(write: bool, pages: bool, as_json: bool, quick: bool) -> None:
    found = stored() if pages else measure(10 if quick else 150)
    print(json.dumps(found, indent=1) if as_json else table(found))
    if write:
        figures.write(FILE, found)
    if write or pages:
        write_pages(found)


if __name__ == "__main__":
    main()

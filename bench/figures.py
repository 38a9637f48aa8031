"""Figures of the guide: a bench writes them into a file, and pages show them with a link to the place in that file.

    [0.46](cost.json#/steps/05_errors/get/share)

After the # is a JSON Pointer (RFC 6901). The link's text is the value, rounded to as many decimals as are written;
with `%` it is a hundred times the value. What stands around the number is the page's own: `[17 µs](...)`.

    <!-- figures/boards.json#/server -->
    | | uniform | Pareto |
    |---|---|---|
    | A sum, in `ZRANK`s | 3.1 (22 us) | 3.6 |

The figures of a table are those of the comment before it, which GitHub and the guide don't show: there, by the first
cell of each row, a list with a value for each other cell, or a list of values if it has several: {"A sum, in `ZRANK`s":
[[3.1, 22], 3.6]}. A cell that has no figure has null.

    write(Path("docs/tour/cost.json"), {"steps": ...})    the file, with the commit and the machine that it is of
    python -m bench.figures                               after that: puts the new values into the pages

A page whose text is not the file's is refused by `make docs`.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click

ROOT = Path(__file__).resolve().parents[1]

#: What a file says of itself, beside its figures.
ORIGIN = ("commit", "python", "cores", "architecture")

_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.(?P<decimals>\d+))?(?P<percent> ?%)?")
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<file>[\w./-]+\.json)#(?P<pointer>/[^)\s]*)\)")
_TABLE = re.compile(
    r"^<!-- (?P<file>[\w./-]+\.json)#(?P<pointer>/\S*) -->\n+(?P<head>\|.*\n\|[-|: ]+\|\n)(?P<rows>(?:\|.*\n)+)",
    re.MULTILINE,
)


def write(path: Path, figures: dict[str, Any]) -> None:
    """Write figures, JSON objects as deep as need be, into a file that says first where they are from.

    That is here and now, unless the figures say it themselves.
    """
    path.write_text(json.dumps(origin_now() | figures, indent=1, ensure_ascii=False) + "\n")


def origin_now() -> dict[str, str | int]:
    """Return what a file of figures that are measured now says of itself."""
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "cores": os.cpu_count() or 1,
        "architecture": platform.machine(),
    }


def _commit() -> str:
    """Return the commit that is checked out, with `-dirty` if code differs from it."""
    commit = subprocess.run(["git", "log", "-1", "--format=%h"], cwd=ROOT, capture_output=True, text=True, check=True)
    code = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "*.py", "*.lua"], cwd=ROOT)
    return commit.stdout.strip() + ("-dirty" if code.returncode else "")


def origin(found: Mapping[str, Any]) -> str:
    """Say where the figures of a file are from. Raises `KeyError` if the file does not say it."""
    commit, python, cores, architecture = (found[key] for key in ORIGIN)
    return f"commit {commit}, Python {python}, {cores} {'core' if cores == 1 else 'cores'}, {architecture}"


def stored(path: Path) -> dict[str, Any]:
    """Return what a file has: its figures, and where they are from."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def read(path: Path, pointer: str) -> Any:
    """Return the value at a JSON Pointer, percent-encoded as in a link. Raises `LookupError` if there is none."""
    value: Any = stored(path)
    for part in pointer.split("/")[1:]:
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key) if isinstance(value, list) else key]
        except (LookupError, TypeError, ValueError):
            raise LookupError(f"{path.name} has nothing at {pointer}") from None
    return value


def shown(text: str, value: Any) -> str:
    """Return a link's text with a value in it, in the form that the text has. Raises `ValueError` without a number."""
    if isinstance(value, str):
        return value
    form = _NUMBER.search(text)
    if form is None or isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{text!r} has no number, or {value!r} is none")
    decimals, percent = len(form["decimals"] or ""), form["percent"] or ""
    grouping = "," if abs(value) >= 10_000 or "," in form[0] else ""
    number = f"{value * (100 if percent else 1):{grouping}.{decimals}f}"
    return text[: form.start()] + number + percent + text[form.end() :]


def filled_in(page: Path) -> str:
    """Return a page's text with the values that its files have now. Raises `LookupError` or `ValueError`."""
    text = page.read_text()

    def link(found: re.Match[str]) -> str:
        path = page.parent / found["file"]
        return found[0].replace(found["text"], shown(found["text"], read(path, found["pointer"])), 1)

    def table(found: re.Match[str]) -> str:
        values = read(page.parent / found["file"], found["pointer"])
        lines = found["rows"].splitlines()
        if len({_cells(line)[0] for line in lines}) < len(lines):
            raise ValueError(f"two rows of the table of {found['pointer']} have the same first cell")
        rows = "".join(_row(_cells(line), values) for line in lines)
        return found[0].removesuffix(found["rows"]) + rows

    return _TABLE.sub(table, _LINK.sub(link, text))


def tables(page: Path) -> list[Path]:
    """Return the files that the tables of a page have their figures from."""
    return [(page.parent / found["file"]).resolve() for found in _TABLE.finditer(page.read_text())]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _row(row: list[str], values: dict[str, Any]) -> str:
    """Return a line of a table with its values. Raises `LookupError` or `ValueError` if they do not fit."""
    label, *cells = row
    if label not in values:
        raise LookupError(f"there are no values for the row {label!r}")
    texts = [_cell(text, value) for text, value in zip(cells, values[label], strict=True)]
    return f"| {' | '.join([label, *texts])} |\n"


def _cell(text: str, value: Any) -> str:
    """Return a cell with its values, one for each of its numbers."""
    values = iter(value if isinstance(value, list) else [] if value is None else [value])
    filled = _NUMBER.sub(lambda number: shown(number[0], next(values, None)), text)
    if next(values, None) is not None:
        raise ValueError(f"{text!r} has fewer numbers than {value!r}")
    return filled


def _pages() -> Iterator[Path]:
    yield from sorted((ROOT / "docs").rglob("*.md"))


@click.command()
def main() -> None:
    """Put the values of the files into the pages that show them."""
    for page in _pages():
        try:
            new = filled_in(page)
        except (LookupError, OSError, ValueError) as exc:
            raise click.ClickException(f"{page.relative_to(ROOT)}: {exc}") from exc
        if new != page.read_text():
            page.write_text(new)
            click.echo(page.relative_to(ROOT))


if __name__ == "__main__":
    main()

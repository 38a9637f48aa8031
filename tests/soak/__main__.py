"""make soak."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from .run import run


@click.command()
@click.option("--minutes", type=click.FloatRange(0.05), default=10.0, show_default=True)
@click.option("--seed", type=int, help="Disturb in the same order as another run; when exactly is left to chance.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(minutes: float, seed: int | None, as_json: bool) -> None:
    """Disturb the deployment under load, and compare what clients were told with what was done.

    Ends with status 1 if there is a fault.
    """
    seed = random.randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    with TemporaryDirectory(prefix="soak-") as folder:
        report = run(Path(folder), minutes * 60, seed, lambda line: click.echo(line, err=True))
    click.echo(json.dumps(report.document() | {"seed": seed}, indent=2) if as_json else report)
    sys.exit(bool(report.faults))


if __name__ == "__main__":
    main()

"""make crash."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from .run import run


@click.command()
@click.option("--minutes", type=click.FloatRange(0.05), default=1.0, show_default=True)
@click.option("--seed", type=int, help="Kill in the same order as another run; when exactly is left to chance.")
def main(minutes: float, seed: int | None) -> None:
    """Send events through the whole stack while its processes are killed, and count what is left of them."""
    seed = random.randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}")
    with TemporaryDirectory(prefix="crash-") as folder:
        report = run(Path(folder), minutes * 60, seed)
    click.echo(report)
    sys.exit(bool(report.faults))


if __name__ == "__main__":
    main()

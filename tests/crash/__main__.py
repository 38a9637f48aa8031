"""make crash."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from . import full_disk, full_store, queries, relaying, windows
from .run import run


@click.command()
@click.option("--minutes", type=click.FloatRange(0.05), default=1.0, show_default=True)
@click.option("--kills", default=100, show_default=True, help="Of window workers, after those minutes; 0 for none.")
@click.option("--full/--no-full", default=True, show_default=True, help="Also fill Redis's memory, and its disk.")
@click.option("--seed", type=int, help="Kill in the same order as another run; when exactly is left to chance.")
def main(minutes: float, kills: int, full: bool, seed: int | None) -> None:
    """Send events through the whole stack while its processes are killed, and count what is left of them.

    Then do it with an upstream hub that is made only after half a minute, and that relays back.

    Then do the same to the workers of window jobs, on a server and on a cluster, and compare their rows with those of
    a run without kills; and those of 250 random queries with what the queries mean. Then fill Redis's memory and its
    disk, and see it heal by itself.
    """
    seed = random.randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}")
    with TemporaryDirectory(prefix="crash-") as folder:
        report = run(Path(folder), minutes * 60, seed)
    click.echo(report)
    faults = report.faults
    with TemporaryDirectory(prefix="crash-") as folder:
        report = relaying.run(Path(folder), min(minutes, 1.0) * 30, seed)
    click.echo(f"an upstream that is made late, and relays back\n{report}")
    faults += report.faults
    if kills:
        for on_cluster in (False, True):
            with TemporaryDirectory(prefix="crash-") as folder:
                rows = windows.run(Path(folder), kills, seed, on_cluster)
            click.echo(f"{'jobs on a cluster' if on_cluster else 'jobs on a server'}\n{rows}")
            faults += rows.faults
        with TemporaryDirectory(prefix="crash-") as folder:
            meant = queries.run(Path(folder), seed)
        click.echo(meant)
        faults += meant.faults
    if full:
        with TemporaryDirectory(prefix="crash-") as folder:
            healed = full_store.run(Path(folder), seed, full_store.REASONS * 2)
        click.echo(healed)
        faults += healed.faults
        for fsync in full_disk.POLICIES:
            with TemporaryDirectory(prefix="crash-") as folder:
                kept = full_disk.run(Path(folder), fsync, seed)
            click.echo(kept)
            faults += kept.faults
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

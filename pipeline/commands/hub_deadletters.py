"""`wz hub deadletters`: list, send again and drop events that the upstream hub refused."""

from __future__ import annotations

import click

from ..hub.deadletters import DeadLetters
from ..hub.redrive_order import late_letters
from .hub_management import existing_hubs
from .terminal import one_line_errors, utc


@click.group()
def deadletters() -> None:
    """Dead letters: events that the upstream hub has refused for good."""


#: Letters that are named since they come late.
_SHOWN = 20

_partition = click.option("--partition", type=click.IntRange(0), help="Only those of this partition.")
_all = click.option("--all", "everything", is_flag=True, help="All that exist now.")


@deadletters.command("list")
@click.argument("name")
@_partition
@click.option("--after", help="Begin after this id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@one_line_errors
def list_letters(name: str, partition: int | None, after: str | None, limit: int) -> None:
    """List the dead letters of the hub NAME: id, time of refusal, re-drives so far, key, size and reason."""
    for letter in DeadLetters(existing_hubs()[name]).read(partition, after, limit):
        when = utc(letter.refused_ms)
        event = letter.stored.event
        reason = " ".join(letter.reason.split())
        click.echo(f"{letter.id}  {when}  {letter.redrives}  {event.partition_key!r}  {len(event.body)} B  {reason}")


@deadletters.command("redrive")
@click.argument("name")
@click.argument("ids", nargs=-1)
@_all
@_partition
@one_line_errors
def redrive_letters(name: str, ids: tuple[str, ...], everything: bool, partition: int | None) -> None:
    """Have the relay send dead letters of the hub NAME again: these IDS, or --all, or those of a --partition.

    Those of a partition are sent in the order of their events. Letters whose key's later events have gone already are
    named, since they come behind them.
    """
    hub = existing_hubs()[name]
    letters = DeadLetters(hub)
    _choose(ids, everything, partition)
    late = late_letters(hub, letters.choice(ids) if ids else letters.all(partition))
    count = letters.redrive(ids) if ids else letters.redrive_all(partition)
    click.echo(f"{count} to be sent again; the relay does it at its next turn")
    for one in late[:_SHOWN]:
        behind = "may come behind later events" if one.behind is None else f"comes behind the event {one.behind}"
        click.echo(f"{one.id} {behind} of its key {one.key!r}")
    if len(late) > _SHOWN:
        click.echo(f"and so do {len(late) - _SHOWN:,} more")


@deadletters.command("drop")
@click.argument("name")
@click.argument("ids", nargs=-1)
@_all
@_partition
@one_line_errors
def drop_letters(name: str, ids: tuple[str, ...], everything: bool, partition: int | None) -> None:
    """Delete dead letters of the hub NAME for good: these IDS, or --all, or those of a --partition."""
    letters = DeadLetters(existing_hubs()[name])
    _choose(ids, everything, partition)
    count = letters.drop(ids) if ids else letters.drop_all(partition)
    click.echo(f"{count} dropped")


def _choose(ids: tuple[str, ...], everything: bool, partition: int | None) -> None:
    if [bool(ids), everything, partition is not None].count(True) != 1:
        raise click.UsageError("say which: some IDS, or --all, or --partition P")

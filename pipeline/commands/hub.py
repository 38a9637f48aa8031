"""`wz hub`: the state of hubs, and the commands of the files hub_*.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from ..hub.consumer_group import ConsumerGroup
from ..hub.relay import GROUP
from ..hub.relay_status import PartitionStatus, RelayStatus, status
from . import hub_management, hub_recording, terminal
from .hub_deadletters import deadletters
from .hub_management import existing_hubs, relays_said
from .hub_relay import relay
from .hub_send import send_events
from .hub_tail import tail_events
from .terminal import one_line_errors

_HEAD = ("partition", "events", "bytes", "last", "relayed to", "lag", "oldest", "worker", "retries", "dead letters")
_TEXT = {4, 7}  # columns that are not numbers


@click.group()
def hub() -> None:
    """Hubs: make them, send to them, read, copy and relay them, and see how they are.

    `send` and `tail` speak HTTP, as any client does: a connection string with the right Send or Listen is enough. All
    others speak to the service's Redis. docs/hub.md shows each.
    """


# -- status -----------------------------------------------------------------------------------------------------------


@hub.command("status")
@click.argument("name", required=False)
@click.option("--watch", is_flag=True, help="Show it repeatedly, until Ctrl-C.")
@click.option("--interval", type=click.FloatRange(0.1), default=1.0, show_default=True, help="Seconds, with --watch.")
@one_line_errors
def show_status(name: str | None, watch: bool, interval: float) -> None:
    """Show the partitions of the hub NAME, or of every hub: what they hold, and how far the relay has come."""
    hubs = existing_hubs()

    def text() -> str:
        found = [hubs[name]] if name else list(hubs.values())
        return "\n\n".join(
            f"{one.name}: {said}\n{table(status(one))}" for one, said in zip(found, relays_said(found), strict=True)
        )

    terminal.show(text, interval if watch else None)


def table(partitions: Iterable[PartitionStatus]) -> str:
    """Return a table of a hub's partitions, their sum, and why some wait."""
    found = list(partitions)
    rows = [_HEAD, *(_row(one) for one in found), _total(found)]
    lines = terminal.columns(rows, _TEXT)
    lines += [f"partition {one.log.partition} {text}" for one in found for text in _notes(one.relay)]
    return "\n".join(lines)


def _notes(relay: RelayStatus) -> Iterator[str]:
    if relay.error:
        yield f"waits: {relay.error}"
    if relay.ring:
        yield f"has events that came back in a ring of relays: {relay.ring}; pause one of them (`wz hub relay`)"
    if relay.dropped:
        yield f"has dropped {relay.dropped:,} events that were refused, as `wz hub relay --on` says"


def _row(one: PartitionStatus) -> Sequence[str]:
    log, relay, group = one.log, one.relay, one.relay.group
    return (
        str(log.partition),
        f"{log.events:,}",
        terminal.size(log.bytes),
        f"{log.next - 1:,}" if log.next else "-",
        group.offset if group else "-",
        f"{group.lag:,}" if group else "-",
        terminal.age(group.oldest_ms) if group else "-",
        relay.worker or "-",
        f"{relay.retries:,}",
        f"{relay.deadletters:,}",
    )


def _total(found: list[PartitionStatus]) -> Sequence[str]:
    groups = [one.relay.group for one in found if one.relay.group]
    return (
        "all",
        f"{sum(one.log.events for one in found):,}",
        terminal.size(sum(one.log.bytes for one in found)),
        "",
        "",
        f"{sum(group.lag for group in groups):,}" if groups else "-",
        terminal.age(max((group.oldest_ms for group in groups if group.oldest_ms is not None), default=None)),
        "",
        f"{sum(one.relay.retries for one in found):,}",
        f"{sum(one.relay.deadletters for one in found):,}",
    )


# -- groups -----------------------------------------------------------------------------------------------------------


@hub.command(
    "detach",
    help=f"""Let the hub NAME drop what GROUP has not done: for a relay ({GROUP}) or a job that is gone. `wz hub show
    NAME` lists the groups.

    Until then these events are kept, and a hub that is full of them refuses new ones. A relay or a job that runs
    attaches itself again.
    """,
)
@click.argument("name")
@click.argument("group")
@one_line_errors
def detach(name: str, group: str) -> None:
    ConsumerGroup(existing_hubs()[name], group).detach()


for command in (*hub_management.COMMANDS, *hub_recording.COMMANDS, deadletters, relay, send_events, tail_events):
    hub.add_command(command)

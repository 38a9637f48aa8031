"""`wz hub apply | create | set | list | show | delete`: hubs, and what they keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import click
import msgspec

from ..hub.description import MAX_PARTITIONS, Defaults, Description
from ..hub.emulator_config import apply as apply_config
from ..hub.emulator_config import read_config
from ..hub.group_registry import ConsumerGroups
from ..hub.namespace import Hubs
from ..hub.relay_route import relay_states
from ..hub.runtime import runtime
from ..hub.stored_hub import StoredHub
from ..settings import DEFAULT_PARTITIONS, Settings
from ..store.client import hubs_client
from ..store.clock import machine_time
from ..units import byte_count, milliseconds
from . import terminal
from .terminal import columns, one_line_errors, utc

_settings = terminal.options(
    click.option("--retention", help="How long events are kept: 90s, 24h or 7d; 0: no limit."),
    click.option("--size", help="Bytes of events that are kept, 500MiB or 1GiB; 0: no limit."),
    click.option("--throughput-units", type=int, help="Sends a second: 1 MiB or 1000 events each; 0: no limit."),
    click.option(
        "--detect-duplicates",
        help="How long a MessageId is remembered, so that its event is taken once: 20s to 7d; 0: not at all.",
    ),
    click.option("--publisher-events", type=int, help="Events that each publisher may send a second; 0: no limit."),
    click.option("--publisher-bytes", help="Bytes that each may send a second, 64KiB; 0: no limit."),
    click.option("--metadata", help="Any text, up to 1024 characters."),
)


@click.command()
@click.argument("name")
@click.option(
    "--partitions",
    type=click.IntRange(1, MAX_PARTITIONS),
    default=DEFAULT_PARTITIONS,
    show_default=True,
    help="For life.",
)
@_settings
@one_line_errors
def create(name: str, partitions: int, **chosen: Any) -> None:
    """Make the hub NAME. By default it keeps what WZ_RETENTION and WZ_RETENTION_SIZE say."""
    existing_hubs(creates=True).create(
        name, msgspec.structs.replace(Description(partitions=partitions), **_changes(**chosen))
    )


@click.command("set")
@click.argument("name")
@_settings
@one_line_errors
def set_(name: str, **chosen: Any) -> None:
    """Change what the hub NAME keeps or takes. All processes follow within a second."""
    changes = _changes(**chosen)
    if not changes:
        raise click.UsageError(
            "say what to change: --retention, --size, --throughput-units, --publisher-events, --publisher-bytes, "
            "--detect-duplicates or --metadata"
        )
    existing_hubs().update(name, lambda old: msgspec.structs.replace(old, **changes))


@click.command()
@click.argument("name")
@click.confirmation_option(prompt="Its events, consumer groups and rules go as well. Delete it?")
@one_line_errors
def delete(name: str) -> None:
    """Delete the hub NAME with everything in it."""
    existing_hubs().delete(name)


@click.command("list")
@one_line_errors
def list_() -> None:
    """List the hubs: name, partitions, events and bytes, and what their relays do."""
    hubs = existing_hubs()
    rows = [("hub", "partitions", "events", "bytes", "relay")]
    its = dict(hubs.items())
    for name, said in zip(its, relays_said(list(its.values())), strict=True):
        partitions = runtime(its[name])
        events, size = sum(one.events for one in partitions), sum(one.bytes for one in partitions)
        rows.append((name, str(len(partitions)), f"{events:,}", f"{size:,}", said))
    for line in columns(rows, {0, 4}):
        click.echo(line)


@click.command()
@click.argument("name")
@one_line_errors
def show(name: str) -> None:
    """Show the settings of the hub NAME, its consumer groups, and for whom it keeps events."""
    hubs = existing_hubs()
    description = hubs.description(name)
    hub = hubs[name]
    partitions = runtime(hub)
    events_each, bytes_each = hub.settings.publisher_events_per_second, hub.settings.publisher_bytes_per_second
    each = [f"{number:,} {unit}/s" for number, unit in ((events_each, "events"), (bytes_each, "bytes")) if number]
    fields = {
        "partitions": hub.partitions,
        "retention": f"{hub.settings.retention_ms / 1000:,.0f} s" if hub.settings.retention_ms else "no limit",
        "size": f"{hub.settings.retention_bytes:,} bytes" if hub.settings.retention_bytes else "no limit",
        "throughput units": hub.settings.throughput_units or "no limit",
        "each publisher": " or ".join(each) or "no limit",
        "duplicates": f"detected for {hub.settings.duplicate_detection_ms / 1000:,.0f} s, by MessageId"
        if hub.settings.duplicate_detection_ms
        else "not detected",
        "metadata": description.metadata or "-",
        "relay": relays_said([hub])[0],
        "id": (cast("bytes | None", hub.redis.get(hub.keys.id)) or b"-").decode(),
        "made": utc(description.created_ms),
        "changed": utc(description.updated_ms),
        "events": f"{sum(one.events for one in partitions):,}",
        "bytes": f"{sum(one.bytes for one in partitions):,}",
        "consumer groups": ", ".join(ConsumerGroups(hub).list()),
        "attached": ", ".join(sorted({g.name for one in partitions for g in one.groups if g.attached})) or "-",
    }
    for line in columns([(field, str(value)) for field, value in fields.items()], {0, 1}):
        click.echo(line)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@one_line_errors
def apply(file: Path) -> None:
    """Make the hubs and consumer groups of FILE, the Config.json of Microsoft's Event Hubs emulator.

    Those that are there are kept as they are, so that it may be called again. If the file is not of that kind, or a hub
    is there with another number of partitions, nothing is made.
    """
    with click.open_file(str(file), "rb") as opened:
        wanted = read_config(opened.read())
    for line in apply_config(existing_hubs(creates=True), wanted):
        click.echo(line)


COMMANDS = (apply, create, delete, list_, set_, show)


def existing_hubs(creates: bool = False) -> Hubs:
    """Return the hubs that exist: those that WZ_HUBS declares are made when the service starts, not by a command.

    `creates` is that of `settings_for_redis`.
    """
    return hubs_of(terminal.settings_for_redis(creates))


def hubs_of(settings: Settings) -> Hubs:
    return Hubs(hubs_client(settings), {}, Defaults.from_settings(settings))


def relays_said(hubs: Sequence[StoredHub]) -> list[str]:
    """Return what the relay of each hub does."""
    now = machine_time()
    return [state.said(now) for state in relay_states(hubs)]


def _changes(
    retention: str | None,
    size: str | None,
    throughput_units: int | None,
    publisher_events: int | None,
    publisher_bytes: str | None,
    detect_duplicates: str | None,
    metadata: str | None,
) -> dict[str, Any]:
    changes = {
        "retention_ms": None if retention is None else milliseconds(retention),
        "retention_bytes": None if size is None else byte_count(size),
        "throughput_units": throughput_units,
        "publisher_events_per_second": publisher_events,
        "publisher_bytes_per_second": None if publisher_bytes is None else byte_count(publisher_bytes),
        "duplicate_detection_ms": None if detect_duplicates is None else milliseconds(detect_duplicates),
        "metadata": metadata,
    }
    return {name: value for name, value in changes.items() if value is not None}

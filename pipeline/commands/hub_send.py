"""`wz hub send`: events by HTTP, as any client sends them, with retries, and an account of what was acknowledged."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from ..errors import PipelineError
from ..hub.event import Event, Property, StoredEvent
from ..hub.event_lines import EventLines
from ..hub.headers import CONTROL
from ..hub.rest_sender import RestSender
from ..settings.kinds import MAX_SEND_SIZE
from . import terminal
from .hub_address import address_options, client
from .terminal import Lifetime, one_line_errors


class NamedValue(click.ParamType[tuple[str, Property]]):
    """NAME=VALUE. A JSON number, boolean or null has its type; any other value is text, and one in quotes, too."""

    name = "NAME=VALUE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Property]:
        name, sign, text = str(value).partition("=")
        if not (name and sign):
            self.fail(f"{value!r} is not NAME=VALUE, as in Level=3", param, ctx)
        try:
            return name, msgspec.json.decode(text, type=Property)
        except (ValueError, RecursionError):
            return name, text


@click.command("send")
@click.argument("name")
@click.argument("body", required=False)
@click.option("--file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), help="NDJSON.")
@click.option("--key", help="The partition key, of each event that has none of its own.")
@click.option("--property", "properties", type=NamedValue(), multiple=True, help="A user property; may be repeated.")
@click.option("--content-type", help="Each event then needs a request of its own, as batches have no place for it.")
@click.option("--skip", type=click.IntRange(0), default=0, help="Leave out so many lines of the file's beginning.")
@click.option("--batch", type=click.IntRange(1), help="The most events of a request. Default: as many as fit.")
@click.option("--patience", type=Lifetime(), default="1m", show_default=True, help="How long a batch is tried.")
@address_options
@one_line_errors
def send_events(
    name: str,
    body: str | None,
    file: Path | None,
    key: str | None,
    properties: tuple[tuple[str, Property], ...],
    content_type: str | None,
    skip: int,
    batch: int | None,
    patience: int,
    connection_string_file: Path | None,
    ca: Path | None,
) -> None:
    """Send the text BODY to the hub NAME as one event; or standard input; or each line of a file, as one event each.

    With --file (- is standard input), a line is a JSON value, the event's body, or what `wz hub export` wrote: then its
    key and properties go with it. Nothing is sent if a line of a file is wrong. Events are sent in order, in batches of
    up to 1 MiB. What is not acknowledged is sent again, with the same Idempotency-Key; if that takes longer than
    --patience, or is refused, the command ends with what was acknowledged, and from where to go on.
    """
    if body is not None and file is not None:
        raise click.UsageError("give BODY or --file, not both")
    if content_type and CONTROL.search(content_type):
        raise click.UsageError("--content-type is one line of text")
    sender = RestSender(client(connection_string_file, ca), name, patience, batch)
    common = Event(b"", key, content_type, dict(properties))
    try:
        if file is None:
            data = _standard_input() if body is None else body.encode(errors="surrogateescape")
            sender.send([_with(common, 1, Event(data))])
        else:
            _send_file(sender, common, file, skip)
    except (PipelineError, KeyboardInterrupt) as exc:
        reason = str(exc) or "stopped"
        again = "" if file is None or sender.resume_after is None else f"; to go on there: --skip {sender.resume_after}"
        raise click.ClickException(f"{reason}\n{sender.account}{again}") from exc
    click.echo(sender.account)


def _standard_input() -> bytes:
    data = sys.stdin.buffer.read(MAX_SEND_SIZE + 1)
    if len(data) > MAX_SEND_SIZE:
        raise PipelineError(
            f"standard input has more than {terminal.size(MAX_SEND_SIZE)}, and no hub takes an event of that size; "
            "with --file -, each line is an event"
        )
    return data


def _send_file(sender: RestSender, common: Event, file: Path, skip: int) -> None:
    with EventLines(file, may_be_read_again=False) as lines:
        if lines.can_be_read_again:
            lines.check()
        with terminal.progress(lines.size) as at:
            sender.send(_events(common, lines, skip), lambda: at(lines.position))


def _events(common: Event, lines: EventLines, skip: int) -> Iterator[StoredEvent]:
    for number, line in lines:
        if number > skip:
            yield _with(common, number, line.event)


def _with(common: Event, number: int, event: Event) -> StoredEvent:
    """Return an event with what the options say of all; the line that it is from is its sequence number."""
    return StoredEvent(
        0,
        number,
        "0",
        0,
        Event(
            event.body,
            event.partition_key or common.partition_key,
            event.content_type or common.content_type,
            {**common.properties, **event.properties},
            event.publisher,
            event.message_id,
        ),
    )

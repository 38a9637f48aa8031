"""`wz hub tail`: the events of a hub as they come, by HTTP, from whichever machine has a token's key.

It asks for the ends of all partitions in one request, four times a second, and reads those that have something new. So
it takes none of the places for readers that wait, whose number is small, and a hub of 1,000 partitions costs the same.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import click
import msgspec

from ..errors import InvalidValue, PipelineError
from ..hub.browse import before_time
from ..hub.event import Event, Property, StoredEvent
from ..hub.event_line import line_of
from ..hub.rest_client import NotNow, RestClient
from ..store.offsets import OFFSET, order
from ..store.pace import IDLE, RECEIVER_WAIT, Pace
from .hub_address import address_options, client
from .moments import moment
from .terminal import one_line_errors

#: Events of a page.
_PAGE = 100

#: The partitions that one round reads; the others come in the next one, so that a round stays short.
_PARTITIONS = 64


@click.command("tail")
@click.argument("name")
@click.option(
    "--from",
    "begin",
    default="latest",
    show_default=True,
    help="earliest, latest, a time (2026-05-01T12:00:00, UTC, or 15m ago), or the offset of one --partition.",
)
@click.option("--partition", type=click.IntRange(0), help="Only this one.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
@click.option("--json", "is_json", is_flag=True, help="Lines as `wz hub export` writes them.")
@address_options
@one_line_errors
def tail_events(
    name: str,
    begin: str,
    partition: int | None,
    count: int | None,
    is_json: bool,
    connection_string_file: Path | None,
    ca: Path | None,
) -> None:
    """Print the events of the hub NAME as they come, until Ctrl-C, one line each: time, partition, number, key, body.

    It needs the right Listen alone. While the service does not answer it tries again, and goes on where it was.
    """
    service = client(connection_string_file, ca)
    if service.is_azure:
        raise PipelineError(f"{service.target.host} is Azure's, which can't be read by HTTP: this reads a hub of wz")
    follower = Follower(service, name, partition, begin)
    try:
        for number, stored in enumerate(follower, 1):
            click.echo(line_of(stored) if is_json else shown(stored))
            if number == count:
                break
    except KeyboardInterrupt:
        pass


def shown(stored: StoredEvent) -> str:
    """Return an event as one line for people."""
    event = stored.event
    at = datetime.fromtimestamp(stored.enqueued_ms / 1000).astimezone()
    body = event.body.decode(errors="backslashreplace")
    properties = msgspec.json.encode(event.properties).decode() + "  " if event.properties else ""
    key = "-" if event.partition_key is None else event.partition_key
    begin = f"{at:%H:%M:%S}.{at.microsecond // 1000:03}  {stored.partition}:{stored.sequence_number}"
    text = f"{begin}  {key}  {properties}{body}"
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # also what would move a terminal's cursor


class _Partition(msgspec.Struct):
    partition: int
    last_offset: str | None


class _Hub(msgspec.Struct):
    partition_details: list[_Partition]


class _Event(msgspec.Struct):
    sequence_number: int
    offset: str
    enqueued_time: datetime
    partition_key: str | None
    publisher: str | None
    content_type: str | None
    properties: dict[str, Property]
    body: str | None = None
    body_base64: str | None = None
    message_id: str | None = None

    def stored(self, partition: int) -> StoredEvent:
        body = base64.b64decode(self.body_base64) if self.body is None else self.body.encode()  # type: ignore[arg-type]
        event = Event(body, self.partition_key, self.content_type, self.properties, self.publisher, self.message_id)
        return StoredEvent(
            partition, self.sequence_number, self.offset, round(self.enqueued_time.timestamp() * 1000), event
        )


class _Events(msgspec.Struct):
    events: list[_Event]
    next: str


class Follower:
    """The events of a hub from a place on, without an end; those of one round by time.

    Raises `Refused` while it is iterated, and `PipelineError` for a partition that the hub does not have. What else
    goes wrong is told once, and tried again.
    """

    def __init__(self, service: RestClient, hub: str, partition: int | None, begin: str) -> None:
        """Raises `InvalidValue` for a place that is none."""
        self._service = service
        self._path = f"hubs/{quote(hub, safe='')}"
        self._only = partition
        self._begin = _offset(begin, partition)
        self._after: dict[int, str] = {}

    def __iter__(self) -> Iterator[StoredEvent]:
        pace = Pace()
        while True:
            found: list[StoredEvent] = []
            try:
                self._round(found)
            except NotNow as exc:
                yield from _by_time(found)
                if not pace.failures:
                    click.echo(f"{exc}; trying again", err=True)
                time.sleep(max(exc.wait, pace.failed(RECEIVER_WAIT)))
                continue
            if pace.failures:
                click.echo(f"{self._service.target.host} answers again", err=True)
            pace.succeeded()
            yield from _by_time(found)
            if not found:
                time.sleep(IDLE)

    def _round(self, found: list[StoredEvent]) -> None:
        """Add the next events of each partition to `found`: also before it raises."""
        ends = msgspec.convert(self._service.get(self._path), _Hub).partition_details
        if self._only is not None:
            ends = self._chosen(ends)
        for one in ends:
            self._after.setdefault(one.partition, (one.last_offset or "0") if self._begin is None else self._begin)
        news = [one for one in ends if order(one.last_offset or "0") > order(self._after[one.partition])]
        for one in news[:_PARTITIONS]:
            page = msgspec.convert(
                self._service.get(
                    f"{self._path}/partitions/{one.partition}/events", after=self._after[one.partition], limit=_PAGE
                ),
                _Events,
            )
            # An empty page: retention has dropped all that were there when the ends were asked for.
            self._after[one.partition] = page.next if page.events else one.last_offset or "0"
            found += [event.stored(one.partition) for event in page.events]

    def _chosen(self, ends: Sequence[_Partition]) -> list[_Partition]:
        if not any(one.partition == self._only for one in ends):
            raise PipelineError(f"the hub has the partitions 0 to {len(ends) - 1}, not {self._only}")
        return [one for one in ends if one.partition == self._only]


def _by_time(found: list[StoredEvent]) -> list[StoredEvent]:
    return sorted(found, key=lambda stored: (stored.enqueued_ms, stored.partition))


def _offset(begin: str, partition: int | None) -> str | None:
    """Return the offset after which to begin; None for the newest."""
    if begin == "latest":
        return None
    if begin == "earliest":
        return "0"
    if re.fullmatch(OFFSET, begin):
        if partition is None:
            raise InvalidValue(f"{begin!r} is an offset, which is of one partition: add --partition", "from")
        return begin
    return before_time(moment(begin))

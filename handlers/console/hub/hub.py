"""The page of a hub: rates, partitions, readers, its events, and one of them opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any

import msgspec

from pipeline.console.attention import ACT_AT
from pipeline.console.history import Sample, history, hub_subject, rates
from pipeline.console.overview import HubNow
from pipeline.console.readers import readers
from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.log import Hub
from pipeline.hub.relay_status import PartitionStatus
from pipeline.hub.rules import Right
from wz import Request, Response
from wz.templates import render_template

from ...services import services
from ..access import access
from ..charts import axis_step
from ..forms import Form
from ..frame import Pages, page
from ..live import live
from ..shown import clock
from .browsing import PLACES, Listing, listing
from .events import story
from .hubs import LEVELS, RECENT, hub_of, mean, now_of, out_rates, said_of
from .relays import relayed

blueprint = Pages("console_hub", "/console/hubs/<hub>")

#: Samples of the chart: ten minutes.
CHART = 61

#: Partitions of which the matrix of readers has a column each.
MATRIX = 16

#: Lag of a reader in one partition from which on it is marked, if it holds events.
MUCH = 10_000

#: The parts of the page that are kept current.
PARTS = ("facts", "said", "rates", "partitions", "readers", "relay", "news")


@dataclass(frozen=True)
class Rates:
    """Events a second, by sample; `top` is the highest line of the chart, `ticks` and `labels` its words."""

    times: Sequence[int]
    coming: Sequence[float | None]
    going: Sequence[float | None]
    top: float
    ticks: Sequence[tuple[float, str]]
    labels: Sequence[tuple[float, str, str]]

    @property
    def words(self) -> str:
        """Say what is seen."""
        return f"In lies {_between(self.coming)}, out, to all readers, {_between(self.going)}."


@blueprint.get("")
def show(request: Request, hub: str) -> Response:
    """Show a hub."""
    return hub_page(request, hub_of(request, hub, Right.LISTEN))


class Seen(msgspec.Struct):
    """What a stream is told beside what the list of events is."""

    seen: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] = 0


@blueprint.get("/live")
def follow(request: Request, hub: str, query: Seen) -> Response:
    """Keep the page of a hub current. `seen` is how many events its partition, or all, had taken when it was made."""
    found, args = hub_of(request, hub, Right.LISTEN), request.args.to_dict()
    parts = [*PARTS, *(["events"] if args.get("follow") else [])]

    def fragments() -> Mapping[str, str]:
        values = figures(request, found)
        values["listing"] = Listing(Form(args), None)
        if args.get("follow"):
            values["listing"] = listing(found, values["partitions"], args)
        values["more"] = _taken(values["partitions"], args.get("partition")) - query.seen
        return {part: render_template(f"hub/{part}.html", **values) for part in parts}

    return live(request, fragments)


def hub_page(request: Request, hub: Hub, status: int = 200, group: Form | None = None) -> Response:
    """Return the page of a hub; `group` is the form of a consumer group that could not be made."""
    values = figures(request, hub)
    partitions, shown = values["partitions"], listing(hub, values["partitions"], request.args.to_dict())
    its = None
    if shown.opened is not None:
        its = story(request, hub, partitions, values["readers"], shown.opened)
    partition = "" if shown.partition is None else str(shown.partition)
    followed = request.app.url_for(
        "console_hub.follow",
        hub=hub.name,
        partition=partition or None,
        seen=_taken(partitions, partition),
        follow="1" if shown.following else None,
    )
    values |= {"listing": shown, "story": its, "more": 0, "beginnings": PLACES}
    return page(request, "hub.html", status, live=followed, group=Form() if group is None else group, **values)


def figures(request: Request, hub: Hub) -> dict[str, Any]:
    """Return what the templates of a hub's page show, but its events. Some ten round trips."""
    may, redis = access(request), services(request).redis
    now = now_of(request, [hub.name], servers=True)
    one = now.hubs[hub.name]
    samples = history(redis, hub_subject(hub.name), CHART)
    largest = max(status.log.bytes for status in one.partitions)
    return {
        "hub": hub,
        "may_send": may.may(Right.SEND, hub.name, hub=True),
        "may_manage": may.may(Right.MANAGE, hub.name, hub=True),
        "partitions": one.partitions,
        "bars": [_bar(one, status) for status in one.partitions],
        "unit": "MiB" if largest >= 1024 * 1024 else "KiB",
        "divisor": 1024 * 1024 if largest >= 1024 * 1024 else 1024,
        "said": [(LEVELS[item.level], item) for item in said_of(now, redis)[hub.name]],
        "readers": readers(one, now.jobs, ConsumerGroups(hub).list()),
        "matrix": hub.partitions <= MATRIX,
        "much": MUCH,
        "rates": _rates(samples),
        "coming": mean(rates(samples[-RECENT:], "in")),
        "going": mean(out_rates(samples[-RECENT:])),
        "kept": sum(status.log.events for status in one.partitions),
        "kept_bytes": sum(status.log.bytes for status in one.partitions),
        "dead": one.deadletters,
        "relay": relayed(one, now.now_ms),
    }


def _bar(one: HubNow, status: PartitionStatus) -> tuple[float, bool] | None:
    """Return how full a partition is, in percent, and whether readers hold nearly all of it; None without a limit."""
    most = one.hub.settings.partition_bytes
    if not most:
        return None
    held, _ = one.held(status.log.partition)
    return min(100.0, round(status.log.bytes * 100 / most, 1)), held >= most * ACT_AT


def _taken(partitions: Sequence[PartitionStatus], partition: str | None) -> int:
    """Return how many events a partition, or all of them, have ever taken."""
    return sum(one.log.in_events for one in partitions if not partition or str(one.log.partition) == partition)


def _rates(samples: Sequence[Sample]) -> Rates | None:
    """Return the chart of rates; None before there are two of them."""
    if len(samples) < 3:
        return None
    coming, going = rates(samples, "in"), out_rates(samples) or [None] * (len(samples) - 1)
    highest = max([1.0, *(rate for rate in (*coming, *going) if rate is not None)])
    step = axis_step(highest)
    last = step * ceil(highest / step)
    ticks = [(float(value), "" if not value else f"{value:,}") for value in range(0, last + 1, step)]
    ticks[-1] = (float(last), f"{last:,} /s")
    top = last * 1.13  # room for the words of the highest line
    times = [sample.at_ms for sample in samples[1:]]
    ends = ((0.0, times[0], "start"), (50.0, times[len(times) // 2], "middle"), (100.0, times[-1], "end"))
    return Rates(times, coming, going, top, ticks, [(at, clock(ms, 0), anchor) for at, ms, anchor in ends])


def _between(found: Sequence[float | None]) -> str:
    known = [rate for rate in found if rate is not None]
    if not known:
        return "is not known"
    gaps = len(found) - len(known)
    text = f"between {min(known):,.1f} and {max(known):,.1f} events a second"
    return f"{text}, with {gaps} gaps" if gaps else text

"""The boxes of a hub's readers: what each does, what it waits for, and where its results go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pipeline.boards import Boards
from pipeline.console.attention import LONG, clock, seconds_until
from pipeline.console.history import Sample, of_hub, of_job, rates
from pipeline.console.overview import HubNow, JobNow, Overview
from pipeline.console.readers import Reader
from pipeline.console.words import cut, duration
from pipeline.hub.relay import GROUP
from pipeline.hub.relay_route import Switch
from pipeline.windows.jobs.job_toml import BoardConfig, FileConfig, HubConfig, OutputConfig, WebhookConfig, config_of
from pipeline.windows.jobs.states import State

from ..links import board_href, hub_href, job_href

#: What stands for a number that there is none of.
NONE = "\u2013"


class Tag(NamedTuple):
    """The state of a box; `level` is a class of the style sheet, '' if it needs nobody."""

    word: str
    level: str = ""


@dataclass(frozen=True)
class Out:
    """Where a reader's results go."""

    kind: str
    name: str
    fact: str
    href: str | None = None


@dataclass(frozen=True)
class Box:
    """A reader of the hub. `flows` says whether anything comes through."""

    name: str
    kind: str
    href: str
    tag: Tag | None
    facts: Sequence[tuple[str, str]]
    flows: bool
    outs: Sequence[Out] = field(default_factory=list)


@dataclass(frozen=True)
class Past:
    """The samples of a hub or a job that a page needs: `now` is counted now, `before` ten to twenty seconds ago."""

    before: Sample | None
    now: Sample

    def rate(self, counter: str) -> float | None:
        """Return how much a counter rises a second; None without a sample, or if none counted it."""
        return rates([self.before, self.now], counter)[0] if self.before is not None else None


def past_of_hub(now: Overview, one: HubNow, samples: Sequence[Sample]) -> Past:
    jobs = [(job.record, job.progress) for job in now.jobs.values()]
    counted = of_hub(one.hub.name, [status.log for status in one.partitions], jobs)
    return Past(_before(samples), Sample(now.now_ms, counted))


def past_of_job(now: Overview, one: JobNow, samples: Sequence[Sample]) -> Past:
    status = one.progress.status
    return Past(_before(samples), Sample(now.now_ms, of_job(status) if status is not None else {}))


def _before(samples: Sequence[Sample]) -> Sample | None:
    return samples[-2] if len(samples) > 1 else samples[-1] if samples else None


def box_of(
    now: Overview, one: HubNow, reader: Reader, past: Past, jobs: Mapping[str, Past], upstream: str | None
) -> Box:
    if reader.kind == "relay":
        return relay_box(one, reader, past, upstream)
    if reader.job is not None:
        return _job(now, reader.job, reader, jobs[reader.job.name])
    rate = past.rate(f"out:{reader.name}")
    tag = None if reader.holds else Tag("may miss events")
    facts = [("past", per_second(rate)), *_lag(reader)]
    return Box(reader.name, "group", f"{hub_href(one.hub.name)}#readers", tag, facts, bool(rate))


def _lag(reader: Reader | None) -> list[tuple[str, str]]:
    if reader is None:
        return [("lag", NONE)]
    facts = [("lag", f"{reader.lag:,}")]
    if reader.oldest_ms is not None:
        facts.append(("oldest", duration(reader.oldest_ms / 1000)))
    return facts


def relay_box(one: HubNow, reader: Reader | None, past: Past, upstream: str | None) -> Box:
    rate = past.rate(f"out:{GROUP}")
    words = {
        "stopped": Tag("no worker", "look"),
        "full": Tag("waits: dead letters", "act"),
        "waits": Tag("waits", "look"),
    }
    tag = words.get(reader.state or "") if reader is not None else Tag("no worker", "look")
    if one.relay.switch is not Switch.ON:
        tag = Tag(str(one.relay.switch))
    waits = reader is not None and reader.why is not None and reader.state != "stopped"
    fact = f"{sum(status.relay.events for status in one.partitions):,} events"
    if reader is not None and waits:
        fact = cut(reader.why or "")[:80]
    host = urlsplit(upstream).hostname or upstream if upstream else "no upstream"
    outs = [Out("upstream", one.relay.to or f"{host}/{one.hub.name}", fact)]
    facts = [("out", per_second(rate)), *_lag(reader)]
    return Box("relay", "to the upstream hub", f"{hub_href(one.hub.name)}#readers", tag, facts, bool(rate), outs)


def _job(now: Overview, one: JobNow, reader: Reader, past: Past) -> Box:
    rate = past.rate("events")
    status = one.progress.status
    faults = sum(status.faults.values()) if status is not None else 0
    facts = [("in", per_second(rate)), *_lag(reader), ("faults", f"{faults:,}")]
    return Box(one.name, "job", job_href(one.name), _job_tag(now, one), facts, bool(rate), list(_outs(one, past)))


def _job_tag(now: Overview, one: JobNow) -> Tag | None:
    match one.progress.state:
        case State.FAILED:
            return Tag("failed", "act")
        case State.STOPPED:
            return Tag("stopped", "look" if one.progress.status and one.progress.status.lag else "")
        case State.NO_WORKER:
            return Tag("no worker", "look")
        case State.DEGRADED:
            return Tag("degraded", "look")
    waiting = one.waiting
    if waiting is None:
        return None
    if waiting.due is None:
        return Tag("waits for later events", "wait")
    left = seconds_until(now, waiting.due)
    return Tag(f"waits until {clock(now, waiting.due)}", "wait") if left >= LONG else Tag(f"rows in {left:.0f}\u00a0s")


def _outs(one: JobNow, past: Past) -> Iterator[Out]:
    config = config_of(one.record.definition.document, Path(one.name))
    deliveries = {delivery.output: delivery for delivery in one.progress.deliveries}
    for name, output in config.outputs.items():
        delivery = deliveries.get(name)
        if delivery is None:
            fact = f"{past.now.counters.get(f'rows:{name}', 0):,} rows"
        elif delivery.error is not None:
            fact = f"{delivery.waiting:,} wait: {cut(delivery.error)[:60]}"
        else:
            fact = f"{delivery.delivered:,} rows"
        yield _out(one.name, name, output, fact)
    for name, board in config.boards:
        yield _out(one.name, name, board, f"{past.now.counters.get(f'rows:{name}', 0):,} rows")


def _out(job: str, name: str, output: OutputConfig, fact: str) -> Out:
    match output:
        case BoardConfig(board=board):
            return Out("board", board, fact, board_href(board))
        case HubConfig(hub=hub):
            return Out("hub", hub, fact, hub_href(hub))
        case FileConfig(file=file):
            return Out("file", Path(file).name, fact)
        case WebhookConfig(url=url):  # its path and query may be secrets
            return Out("webhook", urlsplit(url).hostname or name, fact)
    return Out("stream", name, fact, f"{job_href(job)}#outputs")


def counted_boards(boxes: Sequence[Box], boards: Boards) -> list[Box]:
    """Show how many members boards have, in place of the rows that came to them."""
    names = {out.name for box in boxes for out in box.outs if out.kind == "board"}
    counts = {one.name: one.count for one in boards.listed(sorted(names))} if names else {}

    def counted(out: Out) -> Out:
        if out.kind != "board":
            return out
        return replace(out, fact=f"{counts.get(boards[out.name].shards.name, 0):,} members")

    return [replace(box, outs=[counted(out) for out in box.outs]) for box in boxes]


def per_second(rate: float | None) -> str:
    """Return a rate with its unit; a dash if it is not known."""
    return NONE if rate is None else f"{rounded(rate)}\u00a0/s"


def rounded(rate: float | None) -> str:
    """Return a rate a second, one decimal below 100; a dash if it is not known."""
    if rate is None:
        return NONE
    return f"{rate:,.0f}" if rate >= 100 or rate == 0 else f"{rate:.1f}"

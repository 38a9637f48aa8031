"""The way of the data as boxes: clients, a hub with its partitions, its readers, and where what they make goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.boards import Boards
from pipeline.console.attention import ACT_AT, Item, Level, Where
from pipeline.console.history import Sample, rates
from pipeline.console.overview import HubNow, Overview
from pipeline.console.readers import Reader, readers
from pipeline.console.words import duration, size

from ..links import hub_href
from .boxes import NONE, Box, Past, Tag, box_of, counted_boards, past_of_hub, per_second, relay_box

#: Readers that are drawn; of more, those that need somebody come first.
DRAWN = 5

#: Bars up to this number each have their label.
LABELLED = 12

_LEVELS = {"act": Level.ACT, "look": Level.LOOK, "wait": Level.WAITS}
_NOBODY = len(Level)


class Bar(NamedTuple):
    """A partition: how full it is, in percent of its share, or of the fullest one's bytes if it has no share."""

    id: int
    percent: float
    is_full: bool
    label: str


@dataclass(frozen=True)
class Way:
    """What one hub's picture shows."""

    name: str
    href: str
    tag: Tag | None
    rate: float | None
    spark: Sequence[float]
    last: str
    kept: int
    bytes: str
    bars: Sequence[Bar]
    words: str
    facts: Sequence[tuple[str, str]]
    boxes: Sequence[Box]
    more: int
    more_words: str


def way(
    now: Overview,
    one: HubNow,
    samples: Sequence[Sample],
    jobs: Mapping[str, Past],
    items: Sequence[Item],
    boards: Boards | None,
    upstream: str | None,
) -> Way:
    """Return the picture of a hub.

    `samples` are the hub's of the last minutes, `jobs` those of its jobs, `upstream` the address that relays send to.
    With `boards`, their members are counted, in one round trip.
    """
    past = past_of_hub(now, one, samples)
    levels = {item.name: item.level for item in reversed(items) if item.where is Where.JOB}

    def urgency(box: Box) -> int:
        of_tag = _LEVELS.get(box.tag.level if box.tag else "", _NOBODY)
        return min(of_tag, levels.get(box.name, _NOBODY)) if box.kind == "job" else of_tag

    its_readers = readers(one, now.jobs)
    boxes = [box_of(now, one, reader, past, jobs, upstream) for reader in its_readers]
    if upstream and not any(reader.kind == "relay" for reader in its_readers):
        boxes.insert(0, relay_box(one, None, past, upstream))
    if len(boxes) > DRAWN:  # otherwise they stay where they are
        boxes.sort(key=urgency)
    shown, rest = boxes[:DRAWN], boxes[DRAWN:]
    if boards is not None:
        shown = counted_boards(shown, boards)
    worse = sum(urgency(box) <= Level.LOOK for box in rest)
    bars = _bars(one)
    return Way(
        name=one.hub.name,
        href=hub_href(one.hub.name),
        tag=_hub_tag(one, items),
        rate=past.rate("in"),
        spark=[value or 0.0 for value in rates(samples, "in")],
        last=_last(now, one),
        kept=sum(status.log.events for status in one.partitions),
        bytes=size(sum(status.log.bytes for status in one.partitions)),
        bars=bars,
        words=_fullness(bars),
        facts=_hub_facts(one, past, its_readers),
        boxes=shown,
        more=len(rest),
        more_words=f"{worse} of them need somebody" if worse else "all as they should be",
    )


def _last(now: Overview, one: HubNow) -> str:
    times = [status.log.last_ms for status in one.partitions if status.log.last_ms is not None]
    return f"{duration(max(0, now.now_ms - max(times)) // 1000)} ago" if times else "none yet"


def _hub_tag(one: HubNow, items: Sequence[Item]) -> Tag | None:
    full = next((item for item in items if item.key == f"full {one.hub.name}"), None)
    if full is not None:
        return Tag("nearly full", "act" if full.level is Level.ACT else "look")
    return None


def _bars(one: HubNow) -> list[Bar]:
    cap = one.hub.settings.partition_bytes
    most = cap or max((status.log.bytes for status in one.partitions), default=0) or 1
    bars = []
    for partition, status in enumerate(one.partitions):
        percent = min(100.0, status.log.bytes * 100 / most)
        held, _ = one.held(partition)
        is_full = bool(cap) and held >= cap * ACT_AT
        label = f"{percent:.0f}\u00a0%" if cap else size(status.log.bytes)
        bars.append(Bar(partition, percent, is_full, label))
    return bars


def _fullness(bars: Sequence[Bar]) -> str:
    if len(bars) <= LABELLED:
        return f"How full partitions are: {', '.join(f'{bar.id} {bar.label}' for bar in bars)}"
    full = [bar for bar in bars if bar.is_full]
    fullest = max(bars, key=lambda bar: bar.percent)
    return f"How full {len(bars)} partitions are: {len(full)} are nearly full, {fullest.id} most, with {fullest.label}"


def _hub_facts(one: HubNow, past: Past, readers: Sequence[Reader]) -> list[tuple[str, str]]:
    out = [past.rate(counter) for counter in past.now.counters if counter.startswith("out:")]
    known = [rate for rate in out if rate is not None]
    oldest = [reader.oldest_ms for reader in readers if reader.holds and reader.oldest_ms is not None]
    return [
        ("in", per_second(past.rate("in"))),
        ("out", per_second(sum(known) if known else None)),
        ("oldest", duration(max(oldest) / 1000) if oldest else NONE),
        ("dead letters", f"{one.deadletters:,}"),
    ]

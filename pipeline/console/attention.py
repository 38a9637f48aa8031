"""What needs somebody: one list for the console and the command line, from what `/metrics` shows as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from ..connection_string import EXPIRES_SOON, validity
from ..hub.relay import GROUP
from ..hub.relay_route import Switch
from ..store import Redis
from ..store.server_status import ServerStatus
from ..windows.jobs.outputs import DeliveryStatus
from ..windows.jobs.states import State
from ..windows.language.ticks import TICKS_PER_SECOND, from_unix_ms, isoformat, parse
from ..windows.operators.faults import BOARD_NULL
from .history import Sample, job_subject, spans
from .keys import PERIOD
from .overview import HubNow, JobNow, Overview
from .words import cut, duration, events, size, wait

#: The part of a partition that is held for a group, and of Redis's memory, from which on somebody should look, and act.
LOOK_AT, ACT_AT = 0.5, 0.9

#: Seconds: a partition that is full sooner is to be acted on, one that is full later than the second is not told of.
SOON, FAR = 3_600, 86_400

#: Samples of the history in which faults must have risen to be told of: ten minutes.
RECENT = 600 // PERIOD

#: Seconds from which on it is told that rows wait: shorter windows come and go.
LONG = 60


class Level(IntEnum):
    """How urgent it is: something is lost or refused soon, somebody should look, or it only waits."""

    ACT = 0
    LOOK = 1
    WAITS = 2


class Where(StrEnum):
    """The kind of thing at which it is mended."""

    HUB = "hub"
    DEAD_LETTERS = "dead letters"
    JOB = "job"
    SERVER = "server"


@dataclass(frozen=True)
class Item:
    """`text` says what is so, with its number; `why` why it is so, or what follows; `action` what to do at `where`.

    `name` is that of the hub or the job, '' for the server. `key` names the item and stays the same while its numbers
    change.
    """

    level: Level
    key: str
    text: str
    why: str
    action: str
    where: Where
    name: str = ""


def attention(now: Overview, redis: Redis) -> list[Item]:
    """Return what needs somebody, the most urgent first. One round trip, for jobs that have faults.

    `redis` has the history.
    """
    faulty = [name for name, job in now.jobs.items() if job.progress.status and job.progress.status.faults]
    faults = dict(zip(faulty, spans(redis, map(job_subject, faulty), RECENT), strict=True))
    hubs = [item for one in now.hubs.values() for item in _hub(now, one)]
    jobs = [item for one in now.jobs.values() for item in _job(now, one, faults.get(one.name))]
    blamed = {f"stopped {item.name}" for item in hubs}  # said once
    servers = [item for one in now.servers for item in _server(one)]
    found = [*_worker(now), *servers, *hubs, *(item for item in jobs if item.key not in blamed)]
    return sorted(found, key=lambda item: item.level)


def _worker(now: Overview) -> Iterator[Item]:
    if not now.is_worked and (now.jobs or now.hubs):
        yield Item(
            Level.ACT,
            "worker",
            "No worker runs.",
            "Nothing is relayed, no job goes on and no old event is dropped: start `wz worker`.",
            "See the processes",
            Where.SERVER,
        )


def _server(one: ServerStatus) -> Iterator[Item]:
    used = one.memory / one.memory_limit if one.memory_limit else 0.0
    if one.is_replica or one.write_failed:
        why = "It is a replica." if one.is_replica else "Its last write to its disk has failed."
        yield _redis(Level.ACT, one, "refuses", f"Redis at {one.address} refuses writes.", why)
    if one.evicted:
        why = "Its maxmemory-policy must be noeviction: events and boards are lost."
        yield _redis(Level.ACT, one, "evicted", f"Redis at {one.address} has dropped {one.evicted:,} keys.", why)
    if used >= 1:
        why = "Writes are refused; what frees memory still runs."
        yield _redis(Level.ACT, one, "memory", f"The memory of Redis at {one.address} is full.", why)
    elif used >= ACT_AT or used >= (LOOK_AT + ACT_AT) / 2:
        level = Level.ACT if used >= ACT_AT else Level.LOOK
        text = f"Redis at {one.address} has {used:.0%} of the memory that it may use.".replace("%", "\u00a0%")
        yield _redis(level, one, "memory", text, "At 100\u00a0% it refuses every event.")


def _redis(level: Level, one: ServerStatus, kind: str, text: str, why: str) -> Item:
    return Item(level, f"redis {kind} {one.address}", text, why, "See Redis", Where.SERVER)


# -- hubs -------------------------------------------------------------------------------------------------------------


def _hub(now: Overview, one: HubNow) -> Iterator[Item]:
    yield from _full(now, one)
    yield from _dead_letters(one)
    yield from _relay(now, one)


def _full(now: Overview, one: HubNow) -> Iterator[Item]:
    """Tell of the partition that is full first, if readers hold so much that it will be."""
    cap = one.hub.settings.partition_bytes
    if not cap:
        return
    found = []
    for partition, status in enumerate(one.partitions):
        held, group = one.held(partition)
        left = (cap - held) / status.log.in_rate if status.log.in_rate else float("inf")
        if held >= cap * ACT_AT or (held >= cap * LOOK_AT and left <= FAR):
            found.append((left if held < cap else 0.0, -held, partition, group))
    if not found:
        return
    left, held, partition, group = min(found)
    level = Level.ACT if left <= SOON or -held >= cap * ACT_AT else Level.LOOK
    when = "is full" if -held >= cap else f"is full in about {duration(left)}" if left <= FAR else "is nearly full"
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    job = now.job_of(one.hub.name, group)
    holds = f"holds {size(-held)} of its {size(cap)}"
    reader = "Its relay" if group == GROUP else f"The group {group}"
    if job is not None:
        stopped = job.progress.state in (State.STOPPED, State.NO_WORKER)
        reader = f"The job {job.name} is {'stopped' if stopped else 'behind'} and"
        action, where, name = f"See the job {job.name}", Where.JOB, job.name
    else:
        action, where, name = "See its readers", Where.HUB, one.hub.name
    yield Item(
        level,
        f"full {one.hub.name}",
        f"Partition {partition} of hub {one.hub.name} {when}{more}.",
        f"{reader} {holds}.",
        action,
        where,
        name,
    )


def _dead_letters(one: HubNow) -> Iterator[Item]:
    count, name = one.deadletters, one.hub.name
    if not count:
        return
    is_full = any(status.relay.is_full for status in one.partitions)
    letters = "1 dead letter" if count == 1 else f"{count:,} dead letters"
    why = "The upstream hub has refused them: they stay until they are sent again or dropped."
    rings = [status.relay.ring for status in one.partitions if status.relay.ring]
    if rings:
        why = f"Events have come back in a ring of relays, {rings[0]}: pause one of them with `wz hub relay`."
    if is_full:
        why = "They are as many as there may be: the relay of a partition waits until some are sent again or dropped."
    level = Level.ACT if is_full or rings else Level.LOOK
    yield Item(level, f"letters {name}", f"{letters} in hub {name}.", why, "Look at them", Where.DEAD_LETTERS, name)


def _relay(now: Overview, one: HubNow) -> Iterator[Item]:
    name = one.hub.name
    waiting = [status.relay for status in one.partitions if status.relay.error is not None]
    if waiting:
        lag = sum(relay.group.lag for relay in waiting if relay.group)
        why = f"{cut(waiting[0].error or '')}. It tries again by itself; {wait(lag)}."
        text = f"The relay of hub {name} waits."
        yield Item(Level.LOOK, f"relay {name}", text, why, "See the relay", Where.HUB, name)
    expires = one.relay.expires
    if expires is not None and one.relay.switch is Switch.ON and now.now_ms >= (expires - EXPIRES_SOON) * 1000:
        ends = "has expired" if now.now_ms >= expires * 1000 else "expires soon"
        text = f"The relay of hub {name} has a signature that {ends}."
        said = validity(expires, now.now_ms / 1000)
        why = f"{said[:1].upper()}{said[1:]}."
        yield Item(Level.LOOK, f"signature {name}", text, why, "See the hub", Where.HUB, name)
    if one.relay.error and one.relay.switch is Switch.ON:
        text = f"Hub {name} is not relayed."
        yield Item(Level.LOOK, f"no relay {name}", text, f"{one.relay.error}.", "See its readers", Where.HUB, name)
        return
    if one.relay.switch is not Switch.ON:
        return
    is_attached = any(status.relay.group and status.relay.group.attached for status in one.partitions)
    if now.is_worked and is_attached and not any(status.relay.worker for status in one.partitions):
        text = f"Hub {name} keeps its events for a relay that no worker runs."
        why = "Set WZ_UPSTREAM for a worker, or detach the relay."
        yield Item(Level.LOOK, f"lost relay {name}", text, why, "See its readers", Where.HUB, name)


# -- jobs -------------------------------------------------------------------------------------------------------------


def _job(now: Overview, one: JobNow, span: tuple[Sample, Sample] | None) -> Iterator[Item]:
    state, status, deliveries, reason = one.progress
    lag = status.lag if status else 0

    def item(level: Level, kind: str, text: str, why: str, action: str = "See the job") -> Item:
        return Item(level, f"{kind} {one.name}", text, why, action, Where.JOB, one.name)

    yield from (item(*_delivery(delivery)) for delivery in deliveries if delivery.error is not None)
    if state is State.FAILED and not any(delivery.stopped for delivery in deliveries):
        yield item(Level.ACT, "failed", f"Job {one.name} has failed; {wait(lag)} for it.", f"{cut(reason or '')}.")
    elif state is State.DEGRADED and status is not None and status.failing:
        yield item(
            Level.ACT, "degraded", f"A part of the job {one.name} fails; {wait(lag)} for it.", f"{cut(reason or '')}."
        )
    elif state is State.STOPPED:
        if lag and one.record.stopped is not None:
            text = f"Job {one.name} is stopped since {one.record.stopped[11:16]}, and {wait(lag)} for it."
            yield item(Level.LOOK, "stopped", text, "Its hubs keep them until it has read them.", "Start or delete it")
    elif state is State.NO_WORKER and now.is_worked:
        text = f"No worker runs the job {one.name}."
        why = f"Nobody has stopped it; {wait(lag)} for it."
        yield item(Level.LOOK, "not run", text, why)
    elif state is State.RUNNING and one.waiting is not None:
        yield from (item(Level.WAITS, "waits", *said, "See what waits") for said in _waits(now, one))
    if span is not None and (risen := _risen(span)):
        took = (span[1].at_ms - span[0].at_ms) / 1000
        of = span[1].counters.get("events", 0) - span[0].counters.get("events", 0)
        text = f"Job {one.name} had {risen:,} faults in the last {duration(took)}."
        yield item(Level.LOOK, "faults", text, f"It read {events(of)} in this time.", "See which")


def _waits(now: Overview, one: JobNow) -> Iterator[tuple[str, str]]:
    """Say until when the next rows of a job wait, if that is long."""
    status, waiting = one.progress.status, one.waiting
    assert status is not None
    assert waiting is not None
    waits = f"{wait(waiting.events)} in it"
    if waiting.due is None:
        places = ", ".join(status.silent[:3]) + (
            f" and {len(status.silent) - 3} more" if len(status.silent) > 3 else ""
        )
        why = f"{waits}. They come after a later event in {places or 'its hubs'}."
        yield f"{one.name} writes no rows of {waiting.step} before a later event comes.", why
    elif (left := seconds_until(now, waiting.due)) >= LONG:
        text = f"{one.name} writes its next rows at {clock(now, waiting.due)}."
        yield text, f"A window of {waiting.step} ends then, in {duration(left)}; {waits}."


def seconds_until(now: Overview, time: str) -> float:
    """Return how many seconds there are until a UTC time, 0 if it is past."""
    return max(0.0, (parse(time) - from_unix_ms(now.now_ms)) / TICKS_PER_SECOND)


def clock(now: Overview, time: str) -> str:
    """Return a UTC time without its date if it is today, and without the parts of a second."""
    today = isoformat(from_unix_ms(now.now_ms))[:10]
    return time[11:19] if time.startswith(today) else time[:19].replace("T", " ")


def _delivery(one: DeliveryStatus) -> tuple[Level, str, str, str]:
    rows = "1 row waits" if one.waiting == 1 else f"{one.waiting:,} rows wait"
    why = f"{cut(one.error or '')}."
    if one.stopped:
        return Level.ACT, f"refused {one.output}", f"Output {one.output} is not delivered any more; {rows}.", why
    return Level.LOOK, f"delivery {one.output}", f"Output {one.output} waits for its receiver; {rows}.", why


def _risen(span: tuple[Sample, Sample]) -> int:
    before, after = span[0].counters, span[1].counters
    # A row without a reward has none for a board: it is counted, and nobody has to look.
    names = [name for name in after if name.startswith("faults:") and name != f"faults:{BOARD_NULL}"]
    return sum(max(0, after[name] - before.get(name, 0)) for name in names)

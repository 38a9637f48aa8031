"""What each process of gunicorn counts, in files that all of them read (deploy/gunicorn.conf.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal

from prometheus_client import CollectorRegistry, Counter

from pipeline.hub.log import Hub
from pipeline.hub.repetition import Appended
from pipeline.hub.throughput import Throttled
from pipeline.hub.writing import HubFull
from pipeline.store import OutOfMemoryError

REGISTRY = CollectorRegistry()

_sends = Counter("wz_sends", "Sends that were stored: single events and batches.", ["hub", "kind"], registry=REGISTRY)
_refused = Counter(
    "wz_sends_refused",
    "Sends that were refused: the hub was full or throttled, a rule or publisher at its limit, or the store full.",
    ["hub", "reason"],
    registry=REGISTRY,
)
_repeated = Counter(
    "wz_events_repeated",
    "Events that were left out, since the hub had them: by a relay's ids, or by their MessageId.",
    ["hub"],
    registry=REGISTRY,
)
_replayed = Counter(
    "wz_sends_replayed", "Sends that were stored before, by their Idempotency-Key.", ["hub"], registry=REGISTRY
)
_bulk_records = Counter(
    "wz_bulk_records", "Records of bulk changes of boards, by what became of them.", ["result"], registry=REGISTRY
)
_traces = Counter(
    "wz_traces",
    "Traced requests, by what became of their trace: kept, or dropped, since Redis was away or slow.",
    ["result"],
    registry=REGISTRY,
)
for _result in ("kept", "dropped"):
    _traces.labels(_result)  # both are there from the start, as 0
_starts = Counter("wz_process_starts", "Processes of gunicorn that have loaded the service.", registry=REGISTRY)


#: Of a `Throttled`, by the kind of its limit.
_LIMITS = {"hub": "throttled", "rule": "rule limit", "publisher": "publisher limit"}
_REASONS: dict[type[Exception], str] = {HubFull: "full", OutOfMemoryError: "store full"}


@lru_cache(maxsize=2048)
def _stored(hub: str, kind: str) -> Callable[[], None]:
    """Return what counts one; to find it costs as much as to call it."""
    return _sends.labels(hub, kind).inc


@contextmanager
def counted(hub: Hub, *, is_batch: bool) -> Iterator[None]:
    """Count a send to `hub`, or why it was refused."""
    try:
        yield
    except Throttled as exc:
        _refused.labels(hub.name, _LIMITS[exc.limit.kind]).inc()
        raise
    except tuple(_REASONS) as exc:
        _refused.labels(hub.name, _REASONS[type(exc)]).inc()
        raise
    _stored(hub.name, "batch" if is_batch else "single")()


def count_repetitions(hub: Hub, appended: Appended) -> None:
    """Count what a send to `hub` has repeated."""
    _repeated.labels(hub.name).inc(appended.repeated)
    _replayed.labels(hub.name).inc(appended.replayed)


def count_bulk(records: int, refused: int) -> None:
    """Count the records of one bulk change, `refused` of which were not carried out."""
    _bulk_records.labels("carried out").inc(records - refused)
    _bulk_records.labels("refused").inc(refused)


def count_traces(result: Literal["kept", "dropped"], number: int = 1) -> None:
    """Count traced requests."""
    _traces.labels(result).inc(number)


def count_start() -> None:
    """Count this process, which has loaded the service."""
    _starts.inc()

"""Stores traces after the answers, in a thread: no request waits for it, and none notices when Redis is away."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from pipeline.console.traces import Traces
from pipeline.store import OUTAGES
from pipeline.store.client import RedisUnavailable
from pipeline.store.outage_log import outages
from wz.tracing.recording import Recording
from wz.tracing.spans import Trace

from .metrics.counts import count_traces
from .traces import line_id, part_of, whole

logger = logging.getLogger(__name__)

#: Traces, and lines of nginx, that wait for the thread. What comes when there are as many is dropped.
MAX_WAITING = 200

#: How many are stored at once, and for how many seconds the thread waits for more to come. As it needs the interpreter,
#: which a request then waits for, it lets others have it after each trace: Python itself would do so every 5 ms.
_BATCH, _GATHER, _YIELD = 50, 0.05, 0.0005

#: nginx's line may come before the trace is stored: it is tried again so often, after so many seconds.
_TRIES, _PAUSE = 10, 0.2


class Keeper:
    """`find` returns where traces are kept; it is called in the thread, and may raise `RedisUnavailable`.

    `send`, if there is one, is given each trace as well, and must not wait for anything.
    """

    def __init__(self, find: Callable[[], Traces], send: Callable[[Trace], object] | None = None) -> None:
        self._find = find
        self._send = send
        self._waiting: queue.Queue[Recording | bytes] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def trace(self, recording: Recording) -> None:
        """Have a trace stored, or drop it if too many wait."""
        if not self._put(recording):
            count_traces("dropped")

    def line(self, data: bytes) -> None:
        """Have a line of nginx stored, or drop it."""
        self._put(data)

    def _put(self, item: Recording | bytes) -> bool:
        if self._thread is None:
            self._begin()
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            return False
        return True

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="the keeper of traces", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        late: dict[str, tuple[int, bytes]] = {}  # lines of nginx, by the id: how often they were tried
        while True:
            recordings, lines = self._batch(_PAUSE if late else None)
            late |= {id: (0, line) for line in lines if (id := line_id(line))}
            try:
                if recordings:
                    self._store(recordings, late)
                if late:
                    missing = self._find().attach({id: line for id, (_, line) in late.items()})
                    late = {id: (late[id][0] + 1, late[id][1]) for id in missing if late[id][0] < _TRIES}
            except OUTAGES as exc:
                outages.note(exc)
                late = {}
            except RedisUnavailable:
                late = {}
            except Exception:
                logger.exception("traces could not be kept")
                late = {}

    def _store(self, recordings: list[Recording], lines: dict[str, tuple[int, bytes]]) -> None:
        """Store traces, each with the line of nginx that is there, which is taken out of `lines`."""
        kept = 0
        try:
            parts = []
            for recording in recordings:
                _, line = lines.pop(recording.id, (0, None))
                trace = recording.trace()
                if self._send is not None:
                    self._send(whole(trace, line))
                parts.append(part_of(trace)._replace(nginx=line))
                time.sleep(_YIELD)
            self._find().keep(parts)
            kept = len(parts)
        finally:
            count_traces("kept", kept)
            count_traces("dropped", len(recordings) - kept)

    def _batch(self, seconds: float | None) -> tuple[list[Recording], list[bytes]]:
        recordings: list[Recording] = []
        lines: list[bytes] = []
        try:
            item = self._waiting.get(timeout=seconds)
            time.sleep(_GATHER)
            while True:
                if isinstance(item, bytes):
                    lines.append(item)
                else:
                    recordings.append(item)
                if len(recordings) + len(lines) >= _BATCH:
                    break
                item = self._waiting.get_nowait()
        except queue.Empty:
            pass
        return recordings, lines

"""The task of an output outside Redis: it sends on what the job puts into an outbox."""

from __future__ import annotations

import logging
import time

from ...hub.share import BEAT, TTL, Share
from ...store.lease import LeaseLost
from ...store.pace import Pace
from . import keys
from .outputs.outbox import Outbox, Refused, Unavailable

logger = logging.getLogger(__name__)


class Delivery:
    """One worker of an outbox. Only the one that holds the lease sends, batch after batch, in order.

    It has a thread of its own (work/worker.py), so that windows don't wait for a slow receiver. If the receiver refuses
    a batch, this worker stops; nothing is dropped. The next worker that gets the lease tries the batch once more, and
    so does this one after a restart.

    Redis keys: `keys.delivery_lease` and `keys.delivery_workers`.
    """

    def __init__(self, outbox: Outbox, beat: float = BEAT, ttl: float = TTL) -> None:
        """`beat` and `ttl` are those of `Share`."""
        self.outbox = outbox
        self.name = f"job {outbox.job}: {outbox.output}"
        lease = keys.delivery_lease(outbox.job, outbox.output)
        workers = keys.delivery_workers(outbox.job, outbox.output)
        self.share = Share(outbox.redis, [lease], workers, beat=beat, ttl=ttl)
        self._pace = Pace()
        self._is_stopped = False

    def step(self) -> int:
        """Send a batch; return how many rows were taken.

        0 means that no rows wait, that another worker has the lease, or that this one pauses or has stopped.
        """
        if self._is_stopped or not self.share.partitions() or time.monotonic() < self._pace.not_before:
            return 0
        try:
            taken = self.outbox.deliver(self.share.leases[0])
        except LeaseLost:
            self.share.lost(0)
            logger.warning("%s: another worker has taken it over", self.name)
        except Unavailable as exc:
            wait = self._pace.failed(exc.wait)
            logger.warning("%s waits %.1f s: %s", self.name, wait, exc)
            self.outbox.note(str(exc))
        except Refused as exc:
            logger.error("%s has stopped: %s", self.name, exc)
            self.outbox.note(str(exc), stopped=True)
            self._is_stopped = True
            self.share.stop()
        else:
            self._pace.succeeded()
            return taken
        return 0

    def stop(self) -> None:
        """Give up the lease, so that another worker can take over at once."""
        self.share.stop()

"""The task of an output that is not in Redis: what the others put into its outbox, it sends on."""

from __future__ import annotations

from .outputs import Outbox


class Delivery:
    """One outbox's task, as workers share it: see `Outbox`. It keeps nothing in memory."""

    def __init__(self, name: str, outbox: Outbox) -> None:
        self.name = name
        self.outbox = outbox

    def step(self) -> int:
        return self.outbox.deliver()

    def save(self) -> None:
        pass

    def forget(self) -> None:
        pass

"""The namespace: which hubs there are, and how one is made, changed and deleted while the service runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import cast

import msgspec

from ..errors import InvalidValue, PipelineError
from ..settings import Settings
from ..store import Redis, while_full, writes
from ..store.clock import clock_ms
from ..store.lease import Lease
from .description import Defaults, Description, declared_hubs, hub_name
from .hub_keys import HubKeys
from .keys import DELETED, HUBS, RULES
from .log import Hub

#: Seconds for which a process may use what it has read about the hubs.
CACHE = 1.0

#: Milliseconds from a hub's deletion until a new one may have its name: by then no process takes events for the old
#: one.
SETTLE_MS = 1500


class UnknownHub(PipelineError, LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no hub {name!r}; `wz hub list` shows which there are")
        self.name = name


class PartitionCountChanged(PipelineError):
    """Another number of partitions would move keys to other partitions, and their events would lose their order."""


class HubExists(PipelineError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is a hub {name!r} already")
        self.name = name


class HubBusy(PipelineError):
    """Another process is making, changing or deleting the hub."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the hub {name!r} is being made, changed or deleted by another process: try again")
        self.name = name


class Hubs(Mapping[str, Hub]):
    """Every hub by its name, in any case. A process sees a change of another after `CACHE` seconds, a new hub at once.

    Redis keys: `HUBS`, `DELETED` and `CHANGE`; see keys.py.
    """

    def __init__(self, client: Redis, declared: Mapping[str, int], defaults: Defaults | None = None) -> None:
        """`declared` are the hubs that must exist, name -> partitions: see `declare`."""
        self.redis = client
        self.declared = declared
        self.defaults = defaults or Defaults()
        self._hubs: dict[str, Hub] = {}
        self._descriptions: dict[str, Description] = {}
        self._known_until = 0.0  # time.monotonic()
        self._lock = threading.Lock()  # for `_asking`
        self._asking: Future[None] | None = None  # done when the thread that asks Redis has its answer

    @classmethod
    def from_settings(cls, settings: Settings, client: Redis) -> Hubs:
        """Return declared and recorded hubs. Raises `InvalidSetting` for a declared hub that is not valid."""
        return cls(client, declared_hubs(settings), Defaults.from_settings(settings))

    def __getitem__(self, name: str) -> Hub:
        """Raises `UnknownHub`."""
        lower = name.lower()
        if time.monotonic() >= self._known_until or lower not in self._hubs:
            self.refresh()
        try:
            return self._hubs[lower]
        except KeyError:
            raise UnknownHub(name) from None

    def __iter__(self) -> Iterator[str]:
        self.refresh()
        return iter(sorted(self._hubs))

    def __len__(self) -> int:
        self.refresh()
        return len(self._hubs)

    def description(self, name: str) -> Description:
        """Return the current record of a hub. Raises `UnknownHub`."""
        self.refresh()
        try:
            return self._descriptions[name.lower()]
        except KeyError:
            raise UnknownHub(name) from None

    def list(self) -> Mapping[str, Description]:
        """Return the current records of all hubs, by name."""
        self.refresh()
        return self._descriptions

    def refresh(self) -> None:
        """Ask Redis which hubs there are. A `Hub` stays the same object for as long as its log is the same.

        Declared hubs that never existed are made; one that was deleted stays deleted. One thread asks at a time, and
        those that wait for it share its error: with a Redis that hangs, all fail after one time-out.
        """
        with self._lock:
            earlier = self._asking
        if earlier is not None:
            earlier.result()  # what it has read may be older than a change that this thread has made: ask again
        with self._lock:
            begun = self._asking
            if begun is None:
                mine = self._asking = Future()
        if begun is not None:
            begun.result()
            return
        try:
            self._ask()
        except BaseException as exc:
            self._asking = None
            mine.set_exception(exc)
            raise
        self._asking = None
        mine.set_result(None)

    def _ask(self) -> None:
        until = time.monotonic() + CACHE
        descriptions = self._recorded()
        for name in self.declared.keys() - descriptions.keys():
            with writes.uncounted():  # a request that comes first has not asked for it
                self._make_if_new(name, Description(partitions=self.declared[name]))
            descriptions = self._recorded()
        hubs = {}
        for name, description in descriptions.items():
            settings = description.settings(self.defaults)
            hub = self._hubs.get(name)
            if hub is None or self._descriptions[name].created_ms != description.created_ms:
                hub = Hub(self.redis, name, description.partitions, settings)
            hub.settings = settings
            hubs[name] = hub
        self._hubs, self._descriptions, self._known_until = hubs, descriptions, until

    def declare(self) -> None:
        """Compare the declared hubs with the recorded ones, when a process starts.

        Raises `PartitionCountChanged` if one was made with another number of partitions.
        """
        recorded = self.list()
        for name in self.declared.keys() & recorded.keys():
            begun, wanted = recorded[name].partitions, self.declared[name]
            if begun != wanted:
                raise PartitionCountChanged(
                    f"hub {name!r} was made with {begun} partitions and WZ_HUBS now says {wanted}: keep {begun}, or "
                    "take a new name"
                )

    def create(self, name: str, description: Description) -> Description:
        """Make a hub. Returns its record. Raises `InvalidValue`, `HubExists` or `HubBusy`.

        If a hub of that name was deleted just now, this waits up to 1.5 s, until all processes have forgotten it.
        """
        name = hub_name(name)
        description.check()
        self.refresh()
        made = self._make(name, description)
        self.refresh()
        return made

    def update(self, name: str, change: Callable[[Description], Description]) -> Description:
        """Change a hub, but not its partitions. Raises `UnknownHub`, `HubBusy` or `InvalidValue`."""
        self.refresh()  # this may have to make the hub, and so must not wait for this change
        with self._changing(name.lower()):
            old = self._read(name)
            new = msgspec.structs.replace(change(old), created_ms=old.created_ms, updated_ms=clock_ms(self.redis))
            if new.partitions != old.partitions:
                raise InvalidValue(
                    f"hub {name!r} has {old.partitions} partitions, which can't change: keys would move",
                    "partitions",
                )
            new.check()
            while_full.write(self.redis, "HSET", HUBS.pattern, name.lower(), msgspec.json.encode(new))
        self.refresh()
        return new

    def delete(self, name: str) -> None:
        """Delete a hub with its events, groups, offsets and rules. Raises `UnknownHub` or `HubBusy`.

        A declared hub stays deleted until it is made again.
        """
        name = name.lower()
        self.refresh()
        with self._changing(name):
            partitions = self._read(name).partitions
            # First, so that what a crash in between leaves behind is deleted when the name is used again; once more,
            # since the time counts from when nobody can read of the hub any more.
            self._note_deleted(name, partitions)
            self.redis.hdel(HUBS.pattern, name)
            self._note_deleted(name, partitions)
            self._purge(name, partitions)
            rules = cast("list[bytes]", self.redis.hkeys(RULES.pattern))
            its_rules = [rule for rule in rules if rule.startswith(f"{name}/".encode())]
            if its_rules:
                self.redis.hdel(RULES.pattern, *its_rules)
        self.refresh()

    def _note_deleted(self, name: str, partitions: int) -> None:
        while_full.write(self.redis, "HSET", DELETED.pattern, name, f"{clock_ms(self.redis)} {partitions}")

    def _read(self, name: str) -> Description:
        data = cast("bytes | None", self.redis.hget(HUBS.pattern, name.lower()))
        if data is None:
            raise UnknownHub(name)
        return msgspec.json.decode(data, type=Description)

    def _recorded(self) -> dict[str, Description]:
        found = cast("Mapping[bytes, bytes]", self.redis.hgetall(HUBS.pattern))
        descriptions = {name.decode(): msgspec.json.decode(data, type=Description) for name, data in found.items()}
        return dict(sorted(descriptions.items()))

    def _make_if_new(self, name: str, description: Description) -> None:
        """Make a hub that never existed; if another process is making it, wait for that."""
        while not (self.redis.hexists(HUBS.pattern, name) or self.redis.hexists(DELETED.pattern, name)):
            try:
                self._make(name, description, although_full=True)
            except HubExists:
                return
            except HubBusy:
                time.sleep(0.02)

    def _make(self, name: str, description: Description, *, although_full: bool = False) -> Description:
        with self._changing(name):
            if self.redis.hexists(HUBS.pattern, name):
                raise HubExists(name)
            if deleted := cast("bytes | None", self.redis.hget(DELETED.pattern, name)):
                deleted_ms, partitions = map(int, deleted.split())
                time.sleep(min(max(0, deleted_ms + SETTLE_MS - clock_ms(self.redis)), SETTLE_MS) / 1000)
                self._purge(name, partitions)
            now = clock_ms(self.redis)
            made = msgspec.structs.replace(description, created_ms=now, updated_ms=now)
            record = msgspec.json.encode(made)
            if although_full:  # without its declared hubs a process could not even drop events
                while_full.write(self.redis, "HSET", HUBS.pattern, name, record)
            else:
                self.redis.hset(HUBS.pattern, name, record)
            self.redis.hdel(DELETED.pattern, name)
        return made

    def _purge(self, name: str, partitions: int) -> None:
        keys = HubKeys(name)
        with self.redis.pipeline(transaction=False) as pipe:
            for partition in range(partitions):
                pipe.smembers(keys[partition].attached)
                pipe.hkeys(keys[partition].offsets)
            groups = {group.decode() for found in pipe.execute() for group in found}
        for slot in keys.deleted_with_the_hub(partitions, groups):
            self.redis.unlink(*slot)

    @contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        lease = Lease(self.redis, HubKeys(name).change)
        with writes.uncounted():  # it changes nothing, also if what comes then is refused
            is_mine = lease.hold()
        if not is_mine:
            raise HubBusy(name)
        try:
            yield
        finally:
            with writes.uncounted():
                lease.release()

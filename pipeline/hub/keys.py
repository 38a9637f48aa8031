"""Every Redis key of the hubs: what it holds, how long it lives, and who deletes it. hub_keys.py makes their names.

The keys that are deleted with a hub follow from `OF_HUB`: a key that is added there needs no other entry. NAME is the
hub's name in lower case, P the number of a partition, GROUP the name of a consumer group. The part in braces decides
the slot of a cluster: a script may only use keys of one slot, so all keys of a partition are in one.
"""

from __future__ import annotations

from ..store import lease
from ..store.keys import Key

#: Seconds that the lease on a partition lasts from each renewal, and for which a worker counts from each announcement;
#: share.py tells what the two depend on.
LEASE_TTL, WORKER_TTL = 7.0, 5.0

#: Seconds that the lease on retention lasts from each renewal.
RETENTION_TTL = 20.0

#: Milliseconds for which a partition remembers that it took a batch, at least; see batches.py.
REMEMBERED = 600_000

_WITH_THE_HUB = "deleting the hub"

# -- of a partition ----------------------------------------------------------------------------------------------------

EVENTS = Key(
    "{hub:NAME:P}:events",
    "stream",
    "the log. An entry has n (sequence number of its first event), c (number of events), s (bytes, `Event.size`) and e "
    "(the events), in this order: see entry.py",
    None,
    f"{_WITH_THE_HUB}; retention drops entries",
)
SEQUENCE = Key("{hub:NAME:P}:sequence", "string", "the next sequence number", None, _WITH_THE_HUB)
STATS = Key(
    "{hub:NAME:P}:stats",
    "hash",
    "bytes (`Event.size`) and events: those in the log now; first: sequence number of the oldest event that is kept; "
    "in_bytes and in_events: those ever taken; sampled_ms, sampled_bytes and in_rate: bytes taken per second, as "
    "retention last measured it",
    None,
    _WITH_THE_HUB,
)
RELAYED = Key(
    "{hub:NAME:P}:relayed",
    "hash",
    "RULE/SOURCE/PARTITION of a relay that sends here -> last offset that was taken from it. RULE is the rule that "
    "signs for it, HUB/NAME if it is the hub's own, or $jobs; what older versions noted has none, and is not looked at",
    None,
    _WITH_THE_HUB,
)
MESSAGE_IDS = Key(
    "{hub:NAME:P}:message-ids",
    "hash",
    "while the hub detects duplicates: MessageId -> when it came, ms since the Unix epoch; '' -> when the hash was "
    "begun. See remembered.lua",
    "the hub's time of duplicate detection after the last one",
    _WITH_THE_HUB,
)
OLDER_MESSAGE_IDS = Key(
    "{hub:NAME:P}:message-ids:older",
    "hash",
    "the same, of those that came before the newer hash was begun",
    "the hub's time of duplicate detection",
    _WITH_THE_HUB,
)
BATCHES = Key(
    "{hub:NAME:P}:batches",
    "zset",
    "on a cluster: id of a batch that the partition took -> its time, ms since the Unix epoch",
    None,
    f"{_WITH_THE_HUB}; retention drops ids after {REMEMBERED // 60_000} minutes",
)
OFFSETS = Key(
    "{hub:NAME:P}:offsets",
    "hash",
    "group -> offset of the last event that it has processed",
    None,
    f"{_WITH_THE_HUB}; a group's field with the group",
)
ATTACHED = Key(
    "{hub:NAME:P}:attached",
    "set",
    "groups that must not lose an event",
    None,
    f"{_WITH_THE_HUB}; a group's entry when it is detached",
)
LEASE = Key(
    "{hub:NAME:P}:lease:GROUP",
    "string",
    "the worker that reads the partition for the group",
    f"{LEASE_TTL:g} s from each renewal",
    f"its worker when it stops; {_WITH_THE_HUB}",
)
DEADLETTERS = Key(
    "{hub:NAME:P}:deadletters",
    "stream",
    "dead letters; e is the event, MessagePack or JSON, r the reason, a the number of re-drives so far",
    None,
    f"{_WITH_THE_HUB}; a letter when it is dropped or was sent again",
)
REDRIVE = Key(
    "{hub:NAME:P}:redrive",
    "list",
    "ids of dead letters that are to be sent again, in order",
    None,
    f"{_WITH_THE_HUB}; an id once its letter was sent",
)
RELAY = Key(
    "{hub:NAME:P}:relay",
    "hash",
    "source: random, part of the ids that events get; next: sequence number to be sent; events, bytes and requests "
    "that the upstream hub took; refused: dead letters ever; dropped: events that were refused and not kept; "
    "retries; error: why the relay waits, while it does; full: 1 while it waits since there are dead letters enough; "
    "ring: the last ring of hubs that events have come back in",
    None,
    _WITH_THE_HUB,
)
SENT = Key(
    "{hub:NAME:P}:sent",
    "list",
    "what the relay has sent last, about a note a second, 500 of them: BEGUN AT FIRST LAST TO, times in ms since the "
    "Unix epoch, offsets, and where to; nothing for events that were refused; see sent.py",
    None,
    _WITH_THE_HUB,
)

# -- of a hub ----------------------------------------------------------------------------------------------------------

ID = Key("{hub:NAME}:id", "string", "random: events that its relay has sent name it, see hops.py", None, _WITH_THE_HUB)
GROUPS = Key(
    "{hub:NAME}:groups",
    "hash",
    "name of a consumer group in lower case -> `GroupDescription` as JSON",
    None,
    f"{_WITH_THE_HUB}; a group's field with the group",
)
UPSTREAM = Key(
    "{hub:NAME}:upstream",
    "hash",
    "route: `Route` as JSON, what `wz hub relay` was told, its connection string included; as a worker has it: to, "
    "HOST/HUB where it sends; expires: when its signature ends, s since the Unix epoch; error: why nothing is sent",
    None,
    _WITH_THE_HUB,
)
REVOKED = Key("{hub:NAME}:revoked", "set", "publishers who may not send, in lower case", None, _WITH_THE_HUB)
THROUGHPUT = Key(
    "{hub:NAME}:throughput",
    "hash",
    "at (ms since the Unix epoch); bytes and events: the part of a second's throughput that was left then",
    "until a second after the throughput is full again",
    _WITH_THE_HUB,
)
RULE_THROUGHPUT = Key(
    "{hub:NAME}:throughput:rule:RULE",
    "hash",
    "at, bytes and events, as of the hub: what a rule may still send to it; RULE is its field in `namespace:rules`",
    "until a second after it is full again",
    "nobody",
)
PUBLISHER_THROUGHPUT = Key(
    "{hub:NAME}:throughput:publisher:PUBLISHER",
    "hash",
    "at, bytes and events, as of the hub: what a publisher, named in lower case, may still send to it",
    "until a second after it is full again",
    "nobody",
)
INTENTS = Key(
    "{hub:NAME:batches}:intents",
    "stream",
    "on a cluster: batches of several partitions that are under way; e is the batch, r the rule of the relay that sent "
    "it, the entry's id is the batch's",
    None,
    f"{_WITH_THE_HUB}; an entry once all of its partitions took their part",
)
IDEMPOTENCY_KEYS = Key(
    "{hub:NAME:batches}:idempotency-keys",
    "hash",
    "digest of a rule, a path and an Idempotency-Key -> when the request came, ms since the Unix epoch, its "
    "fingerprint, and on a cluster the id of its batch; '' -> when the hash was begun. See remembered.lua",
    "`WZ_REMEMBER_EVENTS` after the last one",
    _WITH_THE_HUB,
)
OLDER_IDEMPOTENCY_KEYS = Key(
    "{hub:NAME:batches}:idempotency-keys:older",
    "hash",
    "the same, of those that came before the newer hash was begun",
    "`WZ_REMEMBER_EVENTS`",
    _WITH_THE_HUB,
)
WORKERS = Key(
    "{hub:NAME:workers}:GROUP",
    "zset",
    "workers that share the partitions for the group -> when each last announced itself, ms since the Unix epoch",
    f"{WORKER_TTL:g} s from the last announcement",
    _WITH_THE_HUB,
)

# -- of the namespace --------------------------------------------------------------------------------------------------

HUBS = Key("hubs", "hash", "hub -> `Description` as JSON", None, "a hub's field with the hub")
DELETED = Key(
    "hubs:deleted",
    "hash",
    "hub that was deleted -> `MS PARTITIONS`: when, ms since the Unix epoch, and how many partitions it had",
    None,
    "a hub's field when its name is used again",
)
CHANGE = Key(
    "{hub:NAME}:change",
    "string",
    "the process that is making, changing or deleting the hub",
    f"{lease.TTL:g} s",
    "its holder when it is done",
)
RETENTION = Key(
    "hubs:retention", "string", "the worker that does retention", f"{RETENTION_TTL:g} s", "its worker when it stops"
)
RULES = Key(
    "namespace:rules",
    "hash",
    "name of a rule, HUB/NAME of a hub's own, boards/BOARD/NAME of a board's -> its fields as JSON, also the keys",
    None,
    "a rule's field with the rule; a hub's rules with the hub",
)

#: The keys that are deleted with a hub.
OF_HUB = (
    *(EVENTS, SEQUENCE, STATS, RELAYED, MESSAGE_IDS, OLDER_MESSAGE_IDS, BATCHES, OFFSETS, ATTACHED, LEASE),
    *(DEADLETTERS, REDRIVE, RELAY, SENT),
    *(ID, GROUPS, UPSTREAM, REVOKED, THROUGHPUT, INTENTS, IDEMPOTENCY_KEYS, OLDER_IDEMPOTENCY_KEYS, WORKERS),
)

KEYS: tuple[Key, ...] = (
    *OF_HUB,
    *(RULE_THROUGHPUT, PUBLISHER_THROUGHPUT),  # any number of them, each for a second or a little longer
    *(CHANGE, HUBS, DELETED, RETENTION, RULES),
)

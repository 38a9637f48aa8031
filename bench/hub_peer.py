"""The hub's intake as one would write it with Flask and redis-py, here without hiredis: with the same guarantees.

It checks what the service checks (the token's signature, expiry, right and scope; every item of a batch; sizes), takes
a batch whole or not at all, and stores the same: body, key, content type, properties and a sequence number, one entry
of the stream for each event; also sums; and no more bytes than a partition may have.

There are two, since there are two usual ways to write that. `script` does everything in one script, as the service
does, and gives all guarantees. `transaction` takes the numbers first and then adds all events in MULTI, the usual way
with redis-py's pipelines: it needs no Lua, and guarantees less, since two senders at once may store their events in
another order than that of their numbers.

Of the service's code they have the hash of keys, which is a port of Microsoft's anyway. The token's check is their own.
"""

from __future__ import annotations

import base64
import hmac
import itertools
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.connection
from flask import Flask, Response, abort, request
from redis._parsers import _RESP2Parser
from redis.connection import ConnectionPool, UnixDomainSocketConnection

from pipeline.connection_string import ConnectionString
from pipeline.hub.partition import partition_of
from pipeline.hub.upstream_requests import BATCH_TYPE

PARTITIONS = 4
MAX_BODY = 1024 * 1024
MAX_KEY = 128
MAX_PROPERTY = 32 * 1024
DATABASE = 15  # the service's own keys are in another

#: Bytes of bodies that a partition may have: a quarter of the service's default for a hub.
CAP = 1024 * 1024 * 1024 // PARTITIONS

#: Headers that are not properties of an event.
STANDARD = {"Host", "Authorization", "Brokerproperties", "Content-Type", "Content-Length", "User-Agent", "Connection"}

# KEYS: events, sequence, stats of each partition. ARGV: the cap; then, for each event, the place of its partition
# (1, 2 ...), body, partition key, content type, properties.
APPEND = """
local sums, counts = {}, {}
for i = 2, #ARGV, 5 do
  local place = tonumber(ARGV[i])
  sums[place] = (sums[place] or 0) + #ARGV[i + 1]
  counts[place] = (counts[place] or 0) + 1
end
for place, sum in pairs(sums) do
  if tonumber(redis.call('HGET', KEYS[place * 3], 'bytes') or 0) + sum > tonumber(ARGV[1]) then return 0 end
end
local following = {}
for place, count in pairs(counts) do
  following[place] = redis.call('INCRBY', KEYS[place * 3 - 1], count) - count
  redis.call('HINCRBY', KEYS[place * 3], 'bytes', sums[place])
  redis.call('HINCRBY', KEYS[place * 3], 'events', count)
end
for i = 2, #ARGV, 5 do
  local place = tonumber(ARGV[i])
  redis.call('XADD', KEYS[place * 3 - 2], '*', 'n', following[place], 'b', ARGV[i + 1], 'k', ARGV[i + 2],
    't', ARGV[i + 3], 'p', ARGV[i + 4])
  following[place] = following[place] + 1
end
return 1
"""

Event = tuple[bytes, str | None, str | None, dict[str, Any]]  # body, partition key, content type, properties

#: Stores events by partition; False if one of them is full.
Append = Callable[[str, dict[int, list[Event]]], bool]


def script(redis_: redis.Redis | None = None) -> Flask:
    run = (redis_ or client()).register_script(APPEND)

    def append(hub: str, by_partition: dict[int, list[Event]]) -> bool:
        args: list[Any] = [CAP]
        for place, events in enumerate(by_partition.values(), 1):
            for event in events:
                args += (place, *values(event))
        keys = [key(hub, partition, name) for partition in by_partition for name in ("events", "sequence", "stats")]
        return bool(run(keys=keys, args=args))

    return flask(append)


def transaction() -> Flask:
    redis_ = client()

    def append(hub: str, by_partition: dict[int, list[Event]]) -> bool:
        with redis_.pipeline(transaction=False) as pipe:
            for partition, events in by_partition.items():
                pipe.incrby(key(hub, partition, "sequence"), len(events))
                pipe.hget(key(hub, partition, "stats"), "bytes")
            answers = pipe.execute()
        with redis_.pipeline() as pipe:
            for (partition, events), following, used in zip(
                by_partition.items(), *(answers[n::2] for n in (0, 1)), strict=True
            ):
                size = sum(len(event[0]) for event in events)
                if int(used or 0) + size > CAP:
                    return False
                for number, event in enumerate(events, following - len(events)):
                    fields = dict(zip("nbktp", (number, *values(event)), strict=True))
                    pipe.xadd(key(hub, partition, "events"), fields)  # type: ignore[arg-type]
                pipe.hincrby(key(hub, partition, "stats"), "bytes", size)
                pipe.hincrby(key(hub, partition, "stats"), "events", len(events))
            pipe.execute()
        return True

    return flask(append)


def client(hiredis: bool = False) -> redis.Redis:
    socket = os.environ["WZ_REDIS_URL"].removeprefix("unix://")
    parser: dict[str, Any] = {}
    if not hiredis:
        # What redis-py uses for replies and for commands where hiredis is not installed.
        redis.connection.HIREDIS_AVAILABLE = False  # type: ignore[attr-defined]
        parser = {"parser_class": _RESP2Parser}
    return redis.Redis(connection_pool=ConnectionPool(UnixDomainSocketConnection, path=socket, db=DATABASE, **parser))


def key(hub: str, partition: int, name: str) -> str:
    return f"{{{hub}:{partition}}}:{name}"


def values(event: Event) -> tuple[bytes, str, str, str]:
    body, partition_key, content_type, properties = event
    return body, partition_key or "", content_type or "", json.dumps(properties) if properties else ""


def flask(append: Append) -> Flask:
    app = Flask("peer")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    root = ConnectionString.parse(os.environ["WZ_CONNECTION_STRING"])
    turn = itertools.count()

    @app.post("/<hub>/messages")
    def send(hub: str) -> Response:
        check_token(root, f"/{hub}/messages")
        events = batch() if request.mimetype == BATCH_TYPE else [single()]
        keyless = next(turn) % PARTITIONS
        by_partition: dict[int, list[Event]] = defaultdict(list)
        for event in events:
            by_partition[partition_of(event[1], PARTITIONS) if event[1] else keyless].append(event)
        if not append(hub, by_partition):
            abort(503)
        return Response(status=201)

    return app


def check_token(root: ConnectionString, path: str) -> None:
    """Answer 401 unless the request has a token of the root rule for this path, or for one above it."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    fields = dict(part.partition("=")[::2] for part in text.split("&"))
    if scheme != "SharedAccessSignature" or not {"sr", "sig", "se", "skn"} <= fields.keys():
        abort(401)
    signed = f"{fields['sr']}\n{fields['se']}".encode()
    expected = base64.b64encode(hmac.digest(root.key.encode(), signed, "sha256"))
    if unquote(fields["skn"]) != root.key_name or not hmac.compare_digest(expected, unquote(fields["sig"]).encode()):
        abort(401)
    resource = urlsplit(unquote(fields["sr"]))
    above = resource.path.lower().rstrip("/")
    if resource.hostname != root.host or not f"{path.lower()}/".startswith(f"{above}/"):
        abort(401)
    if int(fields["se"]) <= time.time():
        abort(401)


def single() -> Event:
    properties = {name: value for name, value in request.headers.items() if name not in STANDARD}
    partition_key = key_of(json.loads(request.headers.get("BrokerProperties", "{}")))
    return request.get_data(), partition_key, request.content_type, properties


def batch() -> list[Event]:
    items = request.get_json(force=True)
    if not isinstance(items, list) or not items:
        abort(400)
    return [item(one) for one in items]


def item(one: Any) -> Event:
    if not isinstance(one, dict):
        abort(400)
    body, properties = one.get("Body") or "", one.get("UserProperties") or {}
    if not isinstance(body, str) or not isinstance(properties, dict):
        abort(400)
    for value in properties.values():
        if isinstance(value, dict | list) or (isinstance(value, str) and len(value.encode()) > MAX_PROPERTY):
            abort(400)
    data = base64.b64decode(body, validate=True) if one.get("IsBodyBase64") else body.encode()
    return data, key_of(one.get("BrokerProperties") or {}), None, properties


def key_of(broker_properties: Any) -> str | None:
    if not isinstance(broker_properties, dict):
        abort(400)
    found = broker_properties.get("PartitionKey")
    if found is not None and (not isinstance(found, str) or len(found) > MAX_KEY):
        abort(400)
    return found

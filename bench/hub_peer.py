"""The hub's intake as one would write it with Flask and redis-py: the same checks, the same partitions, plain XADD."""

from __future__ import annotations

import base64
import json
import os

import redis
import redis.connection
from flask import Flask, Response, request
from redis._parsers import _RESP2Parser
from redis.connection import ConnectionPool, UnixDomainSocketConnection

from pipeline.hub.connection_string import ConnectionString
from pipeline.hub.partition import partition_of
from pipeline.hub.sas import Audience, Right, Rule, Token, authorize
from pipeline.hub.upstream import BATCH_TYPE

PARTITIONS = 4


def flask() -> Flask:
    """Tokens and the hash of keys are the service's own functions: they are not what is compared."""
    app = Flask("peer")
    root = ConnectionString.parse(os.environ["WZ_CONNECTION_STRING"])
    rules = [Rule(root.key_name, root.key, root.key, frozenset(Right))]
    hosts = frozenset({root.host})
    socket = os.environ["WZ_REDIS_URL"].removeprefix("unix://")
    # What redis-py falls back to, for replies and for commands, where hiredis is not installed.
    redis.connection.HIREDIS_AVAILABLE = False  # type: ignore[attr-defined]
    pool = ConnectionPool(UnixDomainSocketConnection, path=socket, db=15, parser_class=_RESP2Parser)
    client = redis.Redis(connection_pool=pool)

    @app.post("/<hub>/messages")
    def send(hub: str) -> Response:
        token = Token.parse(request.headers.get("Authorization"))
        authorize(token, rules, Right.SEND, Audience(hosts, [hub, "messages"], True))
        if request.mimetype == BATCH_TYPE:
            events = [item(one) for one in json.loads(request.get_data())]
        else:
            key = json.loads(request.headers.get("BrokerProperties", "{}")).get("PartitionKey")
            events = [(request.get_data(), key, {})]
        with client.pipeline(transaction=len(events) > 1) as pipe:
            for body, key, properties in events:
                partition = partition_of(key, PARTITIONS) if key else 0
                fields = {"b": body, "k": key or "", "p": json.dumps(properties) if properties else ""}
                pipe.xadd(f"{{{hub}:{partition}}}:events", fields)  # type: ignore[arg-type]
            pipe.execute()
        return Response(status=201)

    return app


def item(one: dict[str, object]) -> tuple[bytes, str | None, object]:
    body = str(one.get("Body", ""))
    properties, broker = one.get("UserProperties", {}), one.get("BrokerProperties", {})
    key = broker.get("PartitionKey") if isinstance(broker, dict) else None
    return base64.b64decode(body) if one.get("IsBodyBase64") else body.encode(), key, properties

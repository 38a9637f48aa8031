"""The one table of what the domain's errors are in HTTP."""

from __future__ import annotations

import redis

from pipeline.boards.board import BoardChanged, StaleBoard, UnknownBoard, UnknownMember
from pipeline.errors import InvalidValue
from pipeline.hub.log import UnknownHub, UnknownPartition
from pipeline.redis import EnvironmentClash, RedisUnavailable
from pipeline.windows.outputs import UnknownOutput

PROBLEMS: dict[type[Exception], int] = {
    InvalidValue: 422,
    UnknownBoard: 404,
    UnknownHub: 404,
    UnknownMember: 404,
    UnknownOutput: 404,
    UnknownPartition: 404,
    BoardChanged: 409,
    EnvironmentClash: 503,
    RedisUnavailable: 503,
    StaleBoard: 503,
}

#: Redis is away; the request may be sent again in a moment. Its own text names hosts and is for the log.
OUTAGES = (redis.ConnectionError, redis.TimeoutError)

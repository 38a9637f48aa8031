"""The header Server-Timing, which browsers' own tools show beside a request: https://www.w3.org/TR/server-timing/

queue;dur=0.055, parse;dur=0.193, match;dur=0.011, args;dur=0.062, view;dur=0.425, redis;dur=0.227, app;dur=0.789
"""

from __future__ import annotations

from collections.abc import Iterable

#: Which steps each name adds up.
NAMES = {
    "gunicorn.queue": "queue",
    "gunicorn.parse": "parse",
    "match": "match",
    "before": "hooks",
    "after": "hooks",
    "argument": "args",
    "view": "view",
    "redis": "redis",
}


def server_timing(times: Iterable[tuple[str, int]], app: int) -> str:
    """Return the header's value, in milliseconds. `times` are kind of step and nanoseconds of each span so far.

    `app` is the time since the server called the application. It holds all others but `queue` and `parse`; commands to
    Redis that the handler sends are in `view` as well as in `redis`. What follows the headers is not in it.
    """
    sums: dict[str, int] = {}
    for step, took in times:
        if step in NAMES:
            name = NAMES[step]
            sums[name] = sums.get(name, 0) + took
    sums["app"] = app
    return ", ".join([f"{name};dur={ns / 1e6:.3f}" for name, ns in sums.items()])

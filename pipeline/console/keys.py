"""Every Redis key of the console.

NAME is the name of a hub, of a job or of a board, ID a request's id. HASH is the SHA-256, in hex, of what only a
browser or a printed link has.
"""

from __future__ import annotations

from ..store.keys import Key

CODE = Key(
    "console:code:HASH",
    "string",
    "the SAS token that a link signs in with, which has not been used yet",
    "when the link expires (1 hour)",
    "the first use of the link",
)
SESSION = Key(
    "console:session:HASH",
    "string",
    "the SAS token that a browser has signed in with",
    "when the token expires",
    "signing out",
)
#: Seconds between two samples of the history, and for how many of them it goes back: an hour.
PERIOD, SAMPLES = 10, 360

#: Seconds that the lease on the history lasts from each renewal.
HISTORY_TTL = PERIOD * 2.5

_HISTORY = "the last hour's samples of {}, oldest first: time in ms since the Unix epoch and counters, as MessagePack"
_HOUR = f"{PERIOD * SAMPLES // 60} min from the last sample"

HUB_HISTORY = Key("console:hub-history:NAME", "list", _HISTORY.format("a hub"), _HOUR, "nobody")
JOB_HISTORY = Key("console:job-history:NAME", "list", _HISTORY.format("a job"), _HOUR, "nobody")
HISTORY_LEASE = Key(
    "console:history",
    "string",
    "the worker that takes the samples",
    f"{HISTORY_TTL:g} s from each renewal",
    "its worker when it stops",
)

DEMO = Key(
    "console:demo",
    "hash",
    "state: begins, plays, stopped or done; begun, ms since the Unix epoch; speed; events sent, of a total; second, of "
    "the two days, up to which they are sent",
    None,
    "deleting the demo",
)
DEMO_LEASE = Key(
    "console:demo:lease",
    "string",
    "the worker that plays the demo, or the process that begins or deletes it",
    "8 s from each renewal",
    "its holder when it is done",
)

BOARD_RANKS = Key(
    "console:board-ranks:NAME",
    "list",
    "the first ranks of a board that somebody looks at, one entry a minute, oldest first, as MessagePack",
    "12 min from the last entry",
    "nobody",
)

#: Seconds that a trace is kept.
TRACE_TTL = 3600

TRACE = Key(
    "console:trace:ID",
    "hash",
    "summary and app: what the service knows of a traced request, as MessagePack; nginx: what nginx says, as JSON",
    f"{TRACE_TTL // 60} min from the end of the request",
    "a newer trace, if there are WZ_TRACES",
)
TRACES = Key(
    "console:traces",
    "list",
    "the traces, newest first: id, blank, bytes",
    f"{TRACE_TTL // 60} min from the last one",
    "nobody",
)

KEYS: tuple[Key, ...] = (
    CODE,
    SESSION,
    HUB_HISTORY,
    JOB_HISTORY,
    HISTORY_LEASE,
    DEMO,
    DEMO_LEASE,
    BOARD_RANKS,
    TRACE,
    TRACES,
)

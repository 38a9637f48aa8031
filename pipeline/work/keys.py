"""Every Redis key of tasks. ID is a task's, SUBJECT what it is about: the name of a board."""

from __future__ import annotations

from ..store.keys import Key

#: Days for which a task that has ended can be looked at, and how many of these there are at most.
KEPT_DAYS, MOST_ENDED = 7, 500

#: Tasks that have not ended, at most.
MOST_UNFINISHED = 500

TASK = Key(
    "wz:task:ID",
    "hash",
    "what is to be done, how far it is, and how it ended: the fields of `Task` in tasks.py",
    f"{KEPT_DAYS} days after its end",
    f"the end of another, if {MOST_ENDED} ended later",
)
UNFINISHED = Key(
    "wz:tasks:unfinished",
    "zset",
    "id of a task that has not ended -> Unix time in ms before which no worker takes it",
    None,
    "the end of the last such task",
)
ENDED = Key(
    "wz:tasks:ended",
    "zset",
    "id of a task that has ended -> when, Unix time in ms",
    f"{KEPT_DAYS} days after the last end",
    "nobody",
)
TASK_LEASE = Key(
    "wz:task-lease:SUBJECT",
    "string",
    "the worker that carries out a task of this subject",
    "8 s from each renewal",
    "its worker at the end of the task",
)
LINES = Key(
    "wz:task-lines:ID",
    "list",
    "the lines that a task is to import, in parts that are packed by zlib; in the boards' Redis. The task has ID as an "
    "argument",
    f"{KEPT_DAYS} days after they came",
    "the end of the task",
)

KEYS = (TASK, UNFINISHED, ENDED, TASK_LEASE, LINES)

"""What clients are told when Redis is away or refuses, or a board changes meanwhile: what was done, and what to do now.

    what is known                                   status  Retry-After
    nothing was changed, and it will heal           503     yes
    nothing was changed, and a board is stale       503     no
    something may have been changed:
      no answer came in time                        504     no
      the connection broke, a part was refused,
      or a board changed between two steps          502     no
    an operator must mend it                        500     no

A reader, whose request may be sent again in any case, gets 503. nginx.conf says the same where gunicorn is what does
not answer.
"""

from __future__ import annotations

from pipeline.boards import BoardChanged, StaleBoard
from pipeline.store import OUTAGES, TimeoutError, writes
from pipeline.store.client import EnvironmentClash, RedisUnavailable
from pipeline.store.outage_log import outages
from pipeline.store.refusals import refusal_of
from wz import App, Problem, Request
from wz.context import current_request

#: Seconds.
RETRY_AFTER = "1"

AWAY = "the store can't be reached"

#: What holds with each status.
NOTHING_CHANGED = "nothing was changed: send it again after Retry-After seconds"
MAY_BE_DONE = (
    "The request may have been carried out. To repeat it safely, send it with the Idempotency-Key (or, in a reward, "
    "the event) that it had; otherwise look first."
)
#: Instead of the latter, in the dialect of Event Hubs, whose sends have such a key and whose other requests don't.
MAY_BE_STORED = (
    "The request may have been carried out. Events that are sent again with the Idempotency-Key that they had are "
    "stored once, without one perhaps twice; before anything else is repeated, look first."
)

#: For the OpenAPI document: of all requests, and of those that change something.
RESPONSES = {
    500: "the store refuses what only an operator can allow, or an error in the application",
    503: f"the store can't be reached, is full, or takes no writes; {NOTHING_CHANGED}",
}
UNSAFE_RESPONSES = {
    502: f"the connection to the store broke, or a board changed when a part was done. {MAY_BE_DONE}",
    504: f"the store has not answered in time. {MAY_BE_DONE}",
}

_READS = frozenset({"GET", "HEAD", "OPTIONS"})

#: Errors that this answers. What several steps are needed for may meet each of them when some of these are done.
ANSWERED: tuple[type[Exception], ...] = (*OUTAGES, RedisUnavailable, EnvironmentClash, BoardChanged, StaleBoard)


def count_writes(app: App) -> None:
    """Have the store count what each request of an app may have written."""

    @app.before_request
    def begin(request: Request) -> None:
        writes.begin()


def outage(exc: Exception, may_be_done: str = MAY_BE_DONE) -> Problem:
    """Log an error of `ANSWERED`, and return what is answered."""
    if isinstance(exc, OUTAGES):
        outages.note(exc)
        _, why, heals, seconds = refusal_of(exc)
        if not heals:
            return Problem(500, why)
        after = str(seconds)
    else:
        why, after = str(exc), RETRY_AFTER
    request = current_request()
    if (request is None or request.method not in _READS) and writes.may_have_written():
        return Problem(504 if isinstance(exc, TimeoutError) else 502, f"{why}. {may_be_done}")
    if isinstance(exc, StaleBoard):  # to send it again is of no use
        return Problem(503, why)
    return Problem(503, f"{why}; {NOTHING_CHANGED}", {"Retry-After": after})

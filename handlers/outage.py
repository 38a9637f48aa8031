"""What clients are told when Redis is away or refuses: whether anything was changed, and what to do now.

    what is known                                   status  Retry-After
    nothing was changed, and it will heal           503     yes
    something may have been changed:
      no answer came in time                        504     no
      the connection broke, or a part was refused   502     no
    an operator must mend it                        500     no

A reader, whose request may be sent again in any case, gets 503. nginx.conf says the same where gunicorn is what does
not answer.
"""

from __future__ import annotations

from pipeline.boards import BoardChanged
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
    502: f"the connection to the store broke. {MAY_BE_DONE}",
    504: f"the store has not answered in time. {MAY_BE_DONE}",
}

_READS = frozenset({"GET", "HEAD", "OPTIONS"})

#: Errors that this answers. With the last three, nothing was changed.
ANSWERED: tuple[type[Exception], ...] = (*OUTAGES, RedisUnavailable, EnvironmentClash, BoardChanged)


def count_writes(app: App) -> None:
    """Have the store count what each request of an app may have written."""

    @app.before_request
    def begin(request: Request) -> None:
        writes.begin()


def outage(exc: Exception, may_be_done: str = MAY_BE_DONE) -> Problem:
    """Log an error of `ANSWERED`, and return what is answered."""
    if not isinstance(exc, OUTAGES):
        return Problem(503, f"{exc}; {NOTHING_CHANGED}", {"Retry-After": RETRY_AFTER})
    outages.note(exc)
    _, why, heals, seconds = refusal_of(exc)
    if not heals:
        return Problem(500, why)
    request = current_request()
    if (request is not None and request.method in _READS) or not writes.may_have_written():
        return Problem(503, f"{why}; {NOTHING_CHANGED}", {"Retry-After": str(seconds)})
    return Problem(504 if isinstance(exc, TimeoutError) else 502, f"{why}. {may_be_done}")

"""`Idempotency-Key` on requests that would do something else the second time, and whose store remembers no event."""

from __future__ import annotations

from werkzeug.wrappers import Response

from pipeline.store import writes
from pipeline.store.kept_answers import KeptAnswers
from wz import Request
from wz.idempotency import idempotent

from .services import services


class _Answers(KeptAnswers):
    """Whatever is said of an outage later is said of the request itself, and not of its mark."""

    def begin(self, key: str, mark: bytes) -> bytes | None:
        try:
            return super().begin(key, mark)
        finally:
            writes.begin()


def answers(request: Request) -> KeptAnswers:
    """Return the answers that are kept, beside the boards and for as long as their events."""
    boards = services(request).boards
    return _Answers(boards.client, boards.remember)


def _changed_nothing(response: Response) -> bool:
    return response.status_code >= 400 and not writes.may_have_written()


#: Carries a view out once for each key: see `wz.idempotency`.
once = idempotent(answers, is_undone=_changed_nothing)

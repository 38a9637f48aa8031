"""Many members of a board in one request: records in, results out, both as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Annotated, TypeVar

import msgspec

from pipeline.boards.bulk import CHUNK, BulkChange, Outcome
from pipeline.boards.changes import EVENT_BYTES, Op
from pipeline.errors import PipelineError
from pipeline.store import OUTAGES
from pipeline.store.outage_log import outages
from pipeline.store.refusals import refusal_of
from wz import Blueprint, Problem, Request, Response
from wz.conditional import refuse_conditions
from wz.idempotency import HEADER, PATTERN, key_of, name_of
from wz.openapi import Content, operation
from wz.records import ARRAY, LINES, BrokenBody, records

from .. import metrics
from ..auth import may_read, protect
from ..idempotency import answers
from ..services import services
from .members import EventId, Number, Operator
from .parameters import NO_NAME, BoardName, Exact, MemberName

blueprint = Blueprint("bulk", url_prefix="/boards/<board>")
protect(blueprint)
blueprint.before_request(refuse_conditions)

T = TypeVar("T", "MemberScore", "MemberReward")

#: Characters of an Idempotency-Key, which must leave room in an event's id for the number of the record.
KEY = EVENT_BYTES - 10

#: What to do with a record that has no result.
AGAIN = "send these again, each with the event, or all with the key, that they had; otherwise look first"


class MemberScore(msgspec.Struct, forbid_unknown_fields=True):
    member: MemberName
    score: Number
    operator: Operator = "set"
    event: EventId | None = None


class MemberReward(msgspec.Struct, forbid_unknown_fields=True):
    member: MemberName
    reward: Number
    event: EventId | None = None


class Result(msgspec.Struct, omit_defaults=True):
    """The result of a record: the member's `score` now, or the `error` because of which nothing was changed.

    A token without Listen is told neither a score nor whether it is another now: all that is not refused is `changed`.

    `record` counts from 1, without blank lines. `changed` is false if the score is what it was, and left out otherwise.
    `repeated` says that the event was applied before. `dropped` is true if the board keeps only so many members, and
    this one is not among them.
    """

    record: int
    member: str | msgspec.UnsetType = msgspec.UNSET
    score: Number | msgspec.UnsetType = msgspec.UNSET
    changed: bool = True
    repeated: bool = False
    dropped: bool = False
    error: str | msgspec.UnsetType = msgspec.UNSET
    field: str | msgspec.UnsetType = msgspec.UNSET


class BulkSummary(msgspec.Struct):
    """The last line: how many scores were changed, and how many kept since they were right or better already.

    `complete` says that every record of the body has its result; if not, `error` says why.

    A record that has a result was either applied or refused. One without a result may have been applied or not: a
    score, and a reward with an event, can be sent again.
    """

    records: int = 0
    changed: int = 0
    kept: int = 0
    repeated: int = 0
    refused: int = 0
    complete: bool = False
    error: str | msgspec.UnsetType = msgspec.UNSET


STOPPING = "the service stops: records without a result were not carried out, send them again"

RESULTS: dict[int, str | Content] = {
    200: Content("a `Result` for each record, in their order, then a `BulkSummary`", Result | BulkSummary, LINES[0]),
    415: f"the records are neither {LINES[0]} nor {ARRAY}",
    422: f"{NO_NAME[422]}; or the {HEADER} belongs to another body",
}

OF_THE_BODY = {
    HEADER: Annotated[str, msgspec.Meta(pattern=PATTERN, max_length=KEY, description="A key of the whole body")]
}


@blueprint.post("/members")
@operation(body={LINES[0]: MemberScore, ARRAY: list[MemberScore]}, headers=OF_THE_BODY, responses=RESULTS)
def set_scores(request: Request, board: BoardName, query: Exact) -> Response:
    """Set many scores, or those that are better: one record per line, or an array of them.

    An `event`, and an Idempotency-Key, do what they do for rewards.
    """
    return _bulk(request, board, query, MemberScore, _score)


@blueprint.post("/rewards")
@operation(body={LINES[0]: MemberReward, ARRAY: list[MemberReward]}, headers=OF_THE_BODY, responses=RESULTS)
def add_rewards(request: Request, board: BoardName, query: Exact) -> Response:
    """Add to many scores: one record per line, or an array of them. A reward with an `event` may be sent again.

    With an Idempotency-Key all of them may: a record without an event then has one of its own, of the key and of its
    number. So a body that broke off is sent again as it was, and each of its records counts once.
    """
    return _bulk(request, board, query, MemberReward, _reward)


def _score(one: MemberScore, event: str) -> BulkChange:
    return BulkChange(one.member, score=one.score, event=event, operator=Op(one.operator))


def _reward(one: MemberReward, event: str) -> BulkChange:
    return BulkChange(one.member, reward=one.reward, event=event)


def _bulk(
    request: Request,
    name: str,
    query: Exact,
    type_: type[T],
    change: Callable[[T, str], BulkChange],
) -> Response:
    board, readers = services(request).boards[name], services(request).readers
    request.max_content_length = request.app.config["MAX_BULK_LENGTH"]
    key = key_of(request, longest=KEY)
    summary = BulkSummary()

    def of_record(one: T, number: int) -> BulkChange:
        return change(one, one.event or (f"{key}#{number}" if key else ""))

    def accept(digest: bytes) -> None:
        if key is not None and answers(request).begin(name_of(request, key), digest) is not None:
            raise Problem(422, f"this {HEADER} belongs to another body: use a new one", field=HEADER)

    found = records(request, type_, accept if key else None)
    outcomes = board.apply(_changes(found, of_record, summary, lambda: readers.is_stopping()))
    first = list(islice(outcomes, 1))  # an error in the first chunk can still be answered by the status
    encoder = msgspec.json.Encoder(decimal_format=query.exact.value)
    lines = result_lines(chain(first, outcomes), summary, encoder, with_scores=may_read(request))
    return Response(lines, mimetype=LINES[0])


def _changes(
    found: Iterable[T | Problem],
    change: Callable[[T, int], BulkChange],
    summary: BulkSummary,
    is_stopping: Callable[[], bool],
) -> Iterator[BulkChange | Outcome]:
    for number, record in enumerate(found):
        if number % CHUNK == 0 and is_stopping():  # those that were read before are carried out
            summary.error = STOPPING
            return
        if not isinstance(record, Problem):
            yield change(record, number + 1)
            continue
        if isinstance(record, BrokenBody):
            summary.error = record.description or ""
        yield Outcome("", error=record.description, field=record.members.get("field"))


def result_lines(
    outcomes: Iterable[Outcome], summary: BulkSummary, encoder: msgspec.json.Encoder, *, with_scores: bool = True
) -> Iterator[bytes]:
    """Encode a chunk's results together."""
    results: list[Result] = []
    try:
        for outcome in outcomes:
            results.append(_result(outcome, summary, with_scores))
            if len(results) == CHUNK:
                yield encoder.encode_lines(results)
                results.clear()
    except PipelineError as exc:
        summary.error = str(exc)
    except OUTAGES as exc:
        outages.note(exc)
        summary.error = f"{refusal_of(exc).why}; records without a result may have been applied: {AGAIN}"
    metrics.count_bulk(summary.records, summary.refused)
    summary.complete = summary.error is msgspec.UNSET
    yield encoder.encode_lines([*results, summary])


def _result(outcome: Outcome, summary: BulkSummary, with_scores: bool) -> Result:
    summary.records += 1
    result = Result(summary.records, outcome.member or msgspec.UNSET)
    if outcome.error is not None:
        summary.refused += 1
        result.error, result.field = outcome.error, outcome.field or msgspec.UNSET
        return result
    if outcome.repeated:
        summary.repeated += 1
        result.repeated = True
    elif outcome.changed or not with_scores:
        summary.changed += 1
    else:
        summary.kept += 1
        result.changed = False
    if with_scores and outcome.score is not None:
        result.score = outcome.score
    if with_scores:
        result.dropped = outcome.dropped
    return result

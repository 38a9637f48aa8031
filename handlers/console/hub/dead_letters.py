"""A hub's dead letters: sent again, or dropped, which is asked first. All with Manage, as over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.errors import InvalidValue
from pipeline.hub.deadletters import DeadLetters
from pipeline.hub.log import Hub
from pipeline.hub.redrive_order import late_letters
from pipeline.hub.rules import Right
from wz import Problem, Request, Response
from wz.helpers import redirect

from ..confirm import confirm
from ..forms import MAX_FORM
from ..frame import Pages, page
from .hubs import hub_of

blueprint = Pages("console_dead_letters", "/console/hubs/<hub>/deadletters")

#: Letters of a page.
LETTERS = 50


@blueprint.get("")
def show(request: Request, hub: str) -> Response:
    """List dead letters, by partition and then by age."""
    return _letters(request, hub_of(request, hub, Right.MANAGE))


@blueprint.post("")
def act(request: Request, hub: str) -> WerkzeugResponse:
    """Have the chosen letters sent again; or go on to the page that asks before they are dropped."""
    found = hub_of(request, hub, Right.MANAGE)
    request.max_content_length = MAX_FORM
    ids = request.form.getlist("id")[:LETTERS]
    try:
        if not ids:
            return _letters(request, found, "Choose at least one dead letter.", 422)
        if "drop" in request.form:
            return _ask_to_drop(request, found, ids)
        letters = DeadLetters(found)
        late = [one.id for one in late_letters(found, letters.choice(ids))]
        letters.redrive(ids)
    except InvalidValue as exc:
        raise Problem(422, f"{exc}.", field="id") from exc
    if late:
        return _letters(request, found, late=late)
    return redirect(_address(request, hub), 303)


@blueprint.post("/drop")
def drop(request: Request, hub: str) -> WerkzeugResponse:
    """Delete dead letters for good."""
    found = hub_of(request, hub, Right.MANAGE)
    request.max_content_length = MAX_FORM
    try:
        DeadLetters(found).drop(request.form.getlist("id")[:LETTERS])
    except InvalidValue as exc:
        raise Problem(422, f"{exc}.", field="id") from exc
    return redirect(_address(request, hub), 303)


def _address(request: Request, hub: str) -> str:
    return request.app.url_for("console_dead_letters.show", hub=hub)


def _letters(request: Request, hub: Hub, wrong: str = "", status: int = 200, late: Sequence[str] = ()) -> Response:
    letters = DeadLetters(hub)
    after = request.args.get("after") or None
    try:
        found = letters.read(after=after, limit=LETTERS + 1)
    except InvalidValue as exc:
        raise Problem(422, f"{exc}.", field="after") from exc
    following = found[LETTERS - 1].id if len(found) > LETTERS else None
    its: dict[str, Any] = {"hub": hub, "letters": found[:LETTERS], "after": after, "next": following}
    return page(request, "dead_letters.html", status, **its, wrong=wrong, late=late)


def _ask_to_drop(request: Request, hub: Hub, ids: list[str]) -> Response:
    found = DeadLetters(hub).choice(ids)
    each = [
        f"The event {letter.stored.sequence_number:,} of partition {letter.partition}, "
        f"{len(letter.stored.event.body):,} bytes: {letter.reason[:200]}"
        for letter in found
    ]
    count = "1 dead letter" if len(found) == 1 else f"{len(found)} dead letters"
    return confirm(
        request,
        f"Drop {count}?",
        ["They are deleted for good, and are never sent. The log still has their events until retention.", *each],
        f"Drop {count}",
        (_address(request, hub.name), "Dead letters"),
        action=request.app.url_for("console_dead_letters.drop", hub=hub.name),
        values=[("id", letter.id) for letter in found],
    )

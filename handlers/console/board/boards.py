"""The pages of boards: the list, and one board, with forms that change it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.boards import StaleBoard, UnknownBoard, UnknownMember, UnknownSegment
from pipeline.errors import InvalidValue
from pipeline.hub.rules import Right
from wz import Request, Response
from wz.helpers import redirect
from wz.templates import render_template

from ...services import services
from ..access import access
from ..confirm import confirm
from ..forms import Form
from ..frame import Pages, page
from ..live import live
from ..shown import number
from .board import BoardQuery, Links, moving, still

blueprint = Pages("console_boards", "/console")

#: Boards in a page of the list.
LENGTH = 50


class ListQuery(msgspec.Struct, rename={"first": "from"}):
    prefix: str = ""
    first: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0


@blueprint.get("/boards")
def boards(request: Request, query: ListQuery) -> Response:
    """List boards by name."""
    access(request).need(Right.LISTEN, "boards")
    found = services(request).boards
    names = found.names(query.prefix.strip())
    first = min(query.first, max(0, len(names.names) - 1) // LENGTH * LENGTH)
    rows = found.listed(names.names[first : first + LENGTH])
    return page(request, "boards.html", names=names, rows=rows, first=first, length=LENGTH, prefix=query.prefix.strip())


@blueprint.get("/boards/<board>")
def board(request: Request, board: str, query: BoardQuery) -> Response:
    """Show a board: its ranks, sums and members."""
    return show(request, board, query)


@blueprint.get("/live/boards/<board>")
def follow(request: Request, board: str, query: BoardQuery) -> Response:
    """Keep its ranks, its facts and what has changed current."""
    access(request).need(Right.LISTEN, "boards", board)
    found = services(request)
    return live(request, lambda: fragments(moving(found, found.boards[board], query)))


def fragments(values: Mapping[str, Any]) -> dict[str, str]:
    """Render what is live: each part by its name."""
    return {name: render_template(f"board/{name}.html", **values).strip() for name in ("facts", "ranks", "changes")}


def show(request: Request, name: str, query: BoardQuery, form: Form | None = None, status: int = 200) -> Response:
    found, may = services(request), access(request)
    may.need(Right.LISTEN, "boards", name)  # a form that could not be taken is answered with the page, too
    one = found.boards[name]
    links = Links(one.name, query)
    frame: dict[str, Any] = {
        "name": one.name,
        "form": Form({"member": query.member}) if form is None else form,
        "may_send": may.may(Right.SEND, "boards", name),
        "may_remove": may.may(Right.MANAGE, "boards", name),
        "links": links,
        "query": query,
    }
    try:
        values = moving(found, one, query)
        size = values["summary"].count
        sees_jobs = may.may(Right.LISTEN, "jobs") and may.may(Right.LISTEN, "outputs")
        values |= still(found, one, query, size, sees_jobs) if size else {"writers": []}
    except (UnknownBoard, UnknownSegment) as exc:
        return page(request, "board_none.html", 404 if status == 200 else status, stale=False, why=str(exc), **frame)
    except StaleBoard as exc:
        return page(request, "board_none.html", 503, stale=True, why=str(exc), **frame)
    address = links.to().replace("/console/boards/", "/console/live/boards/", 1)
    return page(request, "board.html", status, live=address, parts=fragments(values), **frame | values)


@blueprint.post("/boards/<board>/members")
def change(request: Request, board: str) -> WerkzeugResponse:
    """Give a member a reward or a score."""
    access(request).need(Right.SEND, "boards", board)
    one = services(request).boards[board]
    form = Form({name: request.form.get(name, "") for name in ("member", "number", "what")})
    try:
        number = Decimal(form["number"].strip().replace("\u2212", "-"))
        if form["what"] == "score":
            one.set(form["member"], number)
        else:
            one.add(form["member"], number)
    except InvalidOperation:
        form.wrong("this is no number: write 0.5 or -3", "number")
    except InvalidValue as exc:
        form.wrong(str(exc), "member" if exc.field == "member" else "number")
    except StaleBoard as exc:
        return page(request, "board_none.html", 503, **_stale(request, board, exc))
    if not form:
        return show(request, board, BoardQuery(), form, 422)
    return redirect(Links(one.name, BoardQuery(member=form["member"])).to("near"), 303)


def _stale(request: Request, name: str, exc: StaleBoard) -> dict[str, Any]:
    links = Links(services(request).boards[name].name, BoardQuery())
    return {
        "name": name,
        "stale": True,
        "why": str(exc),
        "form": Form(),
        "may_send": False,
        "links": links,
        "query": BoardQuery(),
    }


class Removal(msgspec.Struct):
    member: str


@blueprint.get("/boards/<board>/remove")
def ask(request: Request, board: str, query: Removal) -> Response:
    """Ask whether a member is to be removed, and say what is lost."""
    access(request).need(Right.MANAGE, "boards", board)
    one = services(request).boards[board]
    standing = one.standing(query.member)
    features, segments = one.features(query.member), one.segments_of(query.member)
    lost = [
        f"Its score {number(standing.score)}, with which it has rank {number(standing.rank)}.",
        f"Its features: {', '.join(features)[:200]}." if features else "It has no features.",
        f"Its place in the segments {', '.join(segments)[:200]}." if segments else "It is in no segment.",
    ]
    back = Links(one.name, BoardQuery(member=query.member)).to("near"), one.name
    title = f"Remove {query.member[:80]}?"
    return confirm(request, title, lost, "Remove it", back, values=[("member", query.member)])


@blueprint.post("/boards/<board>/remove")
def remove(request: Request, board: str) -> WerkzeugResponse:
    """Remove a member. One that is gone already is as good as removed."""
    access(request).need(Right.MANAGE, "boards", board)
    one = services(request).boards[board]
    with suppress(UnknownMember):
        one.remove(request.form.get("member", ""))
    return redirect(Links(one.name, BoardQuery()).to(), 303)

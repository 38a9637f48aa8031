"""The home page: what needs somebody, the way of the data, and three things to do at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from pipeline.console.attention import Item, Level, Where, attention
from pipeline.console.demo import NAME as DEMO
from pipeline.console.history import histories, hub_subject, job_subject
from pipeline.console.keys import PERIOD
from pipeline.console.overview import HubNow, Overview, overview
from pipeline.console.readers import readers
from pipeline.hub.log import Hub
from pipeline.hub.rules import Right
from wz import Request, Response
from wz.errors import wants_html
from wz.templates import render_template

from ...hub.atom import public_services
from ...services import Services, services
from ..access import Access, access
from ..forms import Form
from ..frame import Pages, page
from ..links import dead_letters_href, hub_href, job_href
from ..live import live
from .boxes import past_of_hub, past_of_job, rounded
from .ways import way

blueprint = Pages("console_home")

#: Samples of a hub's curve: ten minutes.
CURVE = 600 // PERIOD

#: Items of Attention that are shown at once, and hubs in the table of the others.
ITEMS, OTHERS = 6, 10

_WORDS = {Level.ACT: "Act", Level.LOOK: "Look", Level.WAITS: "Waits"}
_TAGS = {Level.ACT: "act", Level.LOOK: "look", Level.WAITS: "wait"}
_TO = {Level.ACT: "to act on", Level.LOOK: "to look at", Level.WAITS: "waiting"}

#: What stands in the form that sends an event, before somebody has typed something else.
EXAMPLE = {"key": "e1", "body": '{"eventid": "e1", "actionname": "offer_a", "reward": 0.5}', "type": "json"}


class HomeQuery(msgspec.Struct):
    hub: str = ""


@blueprint.get("/")
def home(request: Request, query: HomeQuery) -> Response:
    """Show the way of the data; a program that looks whether somebody is here gets what Azure has there."""
    if not wants_html(request):
        return public_services(request.host_url)
    return show(request, query.hub)


@blueprint.get("/console/live/home")
def follow(request: Request, query: HomeQuery) -> Response:
    """Keep the page current."""
    return live(request, lambda: fragments(_values(request, query.hub)))


def show(request: Request, hub: str, form: Form | None = None, status: int = 200) -> Response:
    """Return the page, with the picture of `hub`, or of one that needs somebody or that has most to do if it is ''."""
    values = _values(request, hub)
    if form is None:
        form = Form({**EXAMPLE, "hub": values["to"]})
    return page(
        request,
        "home.html",
        status,
        live=f"/console/live/home?hub={quote(values['chosen'])}",
        form=form,
        url=request.host_url.rstrip("/"),
        parts=fragments(values),
        **values,
    )


def fragments(values: Mapping[str, Any]) -> dict[str, str]:
    """Render what is live: each part by its name."""
    return {name: render_template(f"home/{name}.html", **values).strip() for name in ("attention", "way", "others")}


def _values(request: Request, wanted: str) -> dict[str, Any]:
    """Read all that the page shows, in some twelve round trips, however many hubs and jobs there are."""
    found, who = services(request), access(request)
    _ = who.rule  # for the bar
    now = _overview(found, who)
    items = attention(now, found.redis)
    if wanted and wanted.lower() not in now.hubs:
        who.need(Right.LISTEN, wanted, hub=True)  # first: others are not told which hubs there are
        found.hubs[wanted]  # raises `UnknownHub`
    chosen = wanted.lower() or _chosen(now, items)
    jobs = {name: job for name, job in now.jobs.items() if any(hub == chosen for hub, _ in job.record.groups)}
    sends_to = who.hubs(Right.SEND, list(now.hubs or found.hubs))
    to = _example_goes_to(wanted.lower(), chosen, sends_to)
    drawn = None
    if chosen:
        its_jobs = histories(found.redis, map(job_subject, jobs), 2)
        upstream = found.settings.upstream
        drawn = way(
            now,
            now.hubs[chosen],
            histories(found.redis, [hub_subject(chosen)], CURVE)[0],
            {name: past_of_job(now, jobs[name], samples) for name, samples in zip(jobs, its_jobs, strict=True)},
            items,
            found.boards if who.may(Right.LISTEN, "boards") else None,
            upstream.url if upstream else None,
        )
    return {
        "chosen": chosen,
        "way": drawn,
        "items": [_shown(item) for item in items],
        "shown_items": ITEMS,
        "counts": _counts(items),
        "said": _said(items),
        "others": _others(found, now, items, chosen),
        "hidden": max(0, len(now.hubs) - 1 - OTHERS),
        "sends_to": sends_to,
        "to": to,
        "has_demo": DEMO in now.hubs,
        "may_make": who.may(Right.MANAGE),
        "jobs": [name for name, job in now.jobs.items() if any(hub == to for hub, _ in job.record.groups)],
    }


def _example_goes_to(wanted: str, chosen: str, sends_to: Sequence[str]) -> str:
    """Return the hub of the form and of the line of curl: not the demo's by itself, as its events carry their times."""
    order = [wanted, *(name for name in (chosen, *sends_to) if name != DEMO), chosen, *sends_to]
    return next((name for name in order if name), "")


def _overview(found: Services, who: Access) -> Overview:
    """Read what the one who looks may see."""
    every = dict(found.hubs.items())
    hubs: dict[str, Hub] = {name: every[name] for name in who.hubs(Right.LISTEN, list(every))}
    registry = found.jobs
    records = registry.all() if who.may(Right.LISTEN, "jobs") else {}
    asked = found.stores.distinct_clients if who.may(Right.LISTEN, "metrics") else []
    return overview(hubs, registry, records, asked)


def _chosen(now: Overview, items: Sequence[Item]) -> str:
    worst = {item.name: item.level for item in reversed(items) if item.where in (Where.HUB, Where.DEAD_LETTERS)}

    def order(one: HubNow) -> tuple[int, int]:
        return worst.get(one.hub.name, len(Level)), -sum(status.log.in_events for status in one.partitions)

    return min(now.hubs.values(), key=order).hub.name if now.hubs else ""


# -- Attention --------------------------------------------------------------------------------------------------------


def _shown(item: Item) -> dict[str, str]:
    return {
        "key": item.key,
        "tag": _TAGS[item.level],
        "word": _WORDS[item.level],
        "text": item.text,
        "why": item.why,
        "action": item.action,
        "href": href_of(item),
    }


def href_of(item: Item) -> str:
    """Return the address of the page on which it is mended."""
    match item.where:
        case Where.HUB:
            return f"{hub_href(item.name)}#readers"
        case Where.DEAD_LETTERS:
            return dead_letters_href(item.name)
        case Where.JOB:
            return job_href(item.name)
        case Where.SERVER:
            return "/console/server"


def _counts(items: Sequence[Item]) -> str:
    numbers = {level: sum(item.level is level for item in items) for level in Level}
    return ", ".join(f"{count} {_TO[level]}" for level, count in numbers.items() if count)


def _said(items: Sequence[Item]) -> str:
    """Return what a screen reader is told: which things need somebody, and no number that moves."""
    names = dict.fromkeys(f"{_WORDS[item.level]}: {item.where} {item.name}".rstrip() for item in items[:ITEMS])
    return ", ".join(names) or "Nothing needs anybody"


# -- the other hubs ---------------------------------------------------------------------------------------------------


def _others(found: Services, now: Overview, items: Sequence[Item], chosen: str) -> list[dict[str, Any]]:
    """Return a row for each other hub, those that need somebody first."""
    levels = {item.name: item.level for item in reversed(items) if item.where in (Where.HUB, Where.DEAD_LETTERS)}
    names = sorted((name for name in now.hubs if name != chosen), key=lambda name: (levels.get(name, len(Level)), name))
    shown = names[:OTHERS]
    samples = histories(found.redis, map(hub_subject, shown), 2)
    rows = []
    for name, its in zip(shown, samples, strict=True):
        one, level = now.hubs[name], levels.get(name)
        rows.append(
            {
                "name": name,
                "href": hub_href(name),
                "here": f"/?hub={quote(name)}",
                "tag": _TAGS[level] if level is not None else "",
                "word": _WORDS[level] if level is not None else "",
                "events": sum(status.log.events for status in one.partitions),
                "rate": rounded(past_of_hub(now, one, its).rate("in")),
                "lag": sum(reader.lag for reader in readers(now.hubs[name], now.jobs)),
                "letters": one.deadletters,
            }
        )
    return rows

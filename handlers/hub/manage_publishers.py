"""Publishers who may not send any more, with Manage."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.hub.log import Hub
from pipeline.hub.publisher_name import check_publisher_name
from pipeline.hub.publishers import RevokedPublishers
from wz import Problem, Request, Response
from wz.openapi import Content, operation

from ..services import services
from ..times import now_ms
from . import atom
from .body import plain_body
from .management import WRONG_CODING, author, done, entry_or_feed, managing, url
from .parameters import NO_HUB, HubName, PublisherName


@managing.get("/<hub>/revokedpublishers")
@operation(responses={200: entry_or_feed("a feed of publishers"), 404: NO_HUB})
def list_revoked(request: Request, hub: HubName) -> Response:
    """List the publishers who may not send, as an ATOM feed."""
    found = services(request).hubs[hub]
    entries = [_revoked_entry(request, found, name) for name in RevokedPublishers(found).names()]
    return atom.feed(url(request, f"{found.name}/revokedpublishers"), url(request, ""), entries)


@managing.get("/<hub>/revokedpublishers/<publisher>")
@operation(responses={200: entry_or_feed("the publisher"), 404: f"{NO_HUB}, or the publisher is not revoked"})
def get_revoked(request: Request, hub: HubName, publisher: PublisherName) -> Response:
    """Show a publisher who may not send, as an ATOM entry."""
    found = services(request).hubs[hub]
    if publisher not in RevokedPublishers(found):
        raise Problem(404, f"The publisher {publisher!r} is not revoked.")
    return atom.respond(_revoked_entry(request, found, publisher))


@managing.put("/<hub>/revokedpublishers/<publisher>")
@operation(
    body={"application/atom+xml": bytes},
    responses={
        201: entry_or_feed("revoked"),
        400: "the name or the body can't be taken, or they name two publishers",
        404: NO_HUB,
        415: WRONG_CODING,
    },
)
def revoke(request: Request, hub: HubName, publisher: PublisherName) -> Response:
    """Stop a publisher from sending. Of a RevokedPublisherDescription, Name is used: that in the path."""
    found = services(request).hubs[hub]
    check_publisher_name(publisher)
    given = atom.read_description(plain_body(request), "RevokedPublisherDescription")
    if given.get("Name", publisher).lower() != publisher.lower():
        raise Problem(400, f"The body names the publisher {given['Name']!r}, the path {publisher!r}.")
    RevokedPublishers(found).revoke(publisher)
    return atom.respond(_revoked_entry(request, found, publisher), 201)


@managing.delete("/<hub>/revokedpublishers/<publisher>")
@operation(responses={200: Content("may send again"), 404: f"{NO_HUB}, or the publisher is not revoked"})
def resume(request: Request, hub: HubName, publisher: PublisherName) -> Response:
    """Let a publisher send again."""
    if not RevokedPublishers(services(request).hubs[hub]).resume(publisher):
        raise Problem(404, f"The publisher {publisher!r} is not revoked.")
    return done()


def _revoked_entry(request: Request, hub: Hub, publisher: str) -> Markup:
    content = atom.description("RevokedPublisherDescription", {"Name": publisher})
    now = now_ms()
    return atom.entry(url(request, f"{hub.name}/revokedpublishers/{publisher}"), content, author(request), now, now)

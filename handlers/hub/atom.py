"""ATOM entries and feeds, as in Azure's management: written from templates, read with defusedxml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from markupsafe import Markup

from wz import Problem, Response

from ..times import atom_time, now_ms

ATOM = "http://www.w3.org/2005/Atom"
SERVICE_BUS = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"

ENTRY_TYPE = "application/atom+xml;type=entry;charset=utf-8"
FEED_TYPE = "application/atom+xml;type=feed;charset=utf-8"

_ENTRY = Markup(
    '<entry xmlns="{atom}"><id>{id}</id><title type="text">{title}</title><published>{published}</published>'
    '<updated>{updated}</updated><author><name>{author}</name></author><link rel="self" href="{id}"/>'
    '<content type="application/xml">{content}</content></entry>'
)
_FEED = Markup(
    '<feed xmlns="{atom}" xml:base="{base}"><id>{id}</id><title type="text">{title}</title><updated>{updated}</updated>'
    '<link rel="self" href="{id}"/>{entries}</feed>'
)
_PUBLIC = Markup(
    '<feed xmlns="{atom}"><title type="text">Publicly Listed Services</title><subtitle type="text">This is the list of '
    "publicly-listed services currently available.</subtitle><id>{id}</id><updated>{updated}</updated></feed>"
)
_DESCRIPTION = Markup(
    '<{name} xmlns="{service_bus}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">{elements}</{name}>'
)


def description(name: str, elements: Mapping[str, object]) -> Markup:
    """Write a description, `<EventHubDescription>...`: text, numbers, lists of strings; None is left out."""
    written = (_element(tag, value) for tag, value in elements.items() if value is not None)
    return _DESCRIPTION.format(name=name, service_bus=SERVICE_BUS, elements=Markup("").join(written))


def entry(id: str, content: Markup, author: str, created_ms: int, updated_ms: int) -> Markup:
    """Write an entry; its title is the last part of its id, a URL."""
    return _ENTRY.format(
        atom=ATOM,
        id=id,
        title=id.rpartition("/")[2],
        published=atom_time(created_ms),
        updated=atom_time(updated_ms),
        author=author,
        content=content,
    )


def feed(id: str, base: str, entries: Iterable[Markup]) -> Response:
    """Return a feed as a response; `base` is the URL of the namespace, `id` the feed's own."""
    text = _FEED.format(
        atom=ATOM,
        id=id,
        base=base,
        title=id.rpartition("/")[2],
        updated=atom_time(now_ms()),
        entries=Markup("").join(entries),
    )
    return Response(text, content_type=FEED_TYPE)


def public_services(base: str) -> Response:
    """Return the feed with which Azure answers everybody who asks for a namespace's root: no service is listed there.

    Microsoft's troubleshooting guide has people ask for it, to see whether a namespace can be reached.
    """
    text = _PUBLIC.format(atom=ATOM, id=base, updated=atom_time(now_ms()))
    return Response(text, content_type=FEED_TYPE)


def respond(entry: Markup, status: int = 200) -> Response:
    return Response(entry, status, content_type=ENTRY_TYPE)


def read_description(body: bytes, name: str) -> dict[str, str]:
    """Return the text of each element in the description `name` of an entry; {} for an empty body.

    Raises a 400 for a body that is not XML, is hostile, or has no such description.
    """
    if not body.strip():
        return {}
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as exc:  # LookupError: an unknown encoding
        raise Problem(400, f"The body can't be read as XML: {exc}.") from exc
    found = root.find(f".//{{{SERVICE_BUS}}}{name}")
    if found is None:
        raise Problem(400, f"The body must be an ATOM entry with the element {name} of the namespace {SERVICE_BUS}.")
    return {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in found}


def _element(tag: str, value: object) -> Markup:
    if isinstance(value, list):
        strings = Markup("").join(Markup("<d:string>{}</d:string>").format(item) for item in value)
        return Markup('<{0} xmlns:d="{1}">{2}</{0}>').format(tag, ARRAYS, strings)
    return Markup("<{0}>{1}</{0}>").format(tag, value)

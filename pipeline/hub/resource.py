"""A token's resource, the field `sr`: the address for which it is good, with all that is below.

`sr` is escaped once, as a field of a token. What comes out is an address whose names are escaped once more, as in a
URL, or not at all: for the publisher `dev 1` some clients sign `.../publishers/dev%201`, others `.../publishers/dev 1`.
So an escape is undone only where a URL needs it: `%62` is not `b`, which needs none, but a name of its own. A publisher
who really is named `dev%201` can't be told from `dev 1` here; that is why both are looked for among the revoked ones.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

_REMEMBERED = 1024  # clients send one token many times

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PORTS = re.compile(r"(:\d+)*$")  # azure-servicebus writes two: `http://host:18080:80/hub/messages?...`

#: What may be left out behind a question mark. Anything else there belongs to a name.
_PARAMETER = "(?:api-version|timeout)=[^&/?]*"
_QUERY = re.compile(rf"\?(?:{_PARAMETER}(?:&{_PARAMETER})*)?$", re.IGNORECASE)

#: A segment of a URL's path (RFC 3986, 3.3), and the characters that no client escapes in it (2.3).
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")
_UNRESERVED = frozenset(f"{string.ascii_letters}{string.digits}-._~")
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")


class Name(NamedTuple):
    """A segment of the path: as it was signed, and with a URL's escapes undone, if it has any."""

    signed: str
    plain: str


class Resource(NamedTuple):
    """`host` is in lower case. `is_request`: it has the query of a request, for which alone it was made."""

    host: str
    names: tuple[Name, ...]
    is_request: bool

    @staticmethod
    @lru_cache(maxsize=_REMEMBERED)
    def parse(sr: str) -> Resource:
        """Read an `sr` as it was sent. A plus is a blank, as `quote_plus` and .NET's `HttpUtility` write it."""
        url = _SCHEME.sub("", unquote_plus(sr))
        query = _QUERY.search(url)
        authority, _, path = (url[: query.start()] if query else url).partition("/")
        names = tuple(Name(segment, _plain(segment)) for segment in path.split("/") if segment)
        return Resource(_PORTS.sub("", authority).lower(), names, query is not None)

    @property
    def publisher(self) -> Name | None:
        """The publisher, for whom alone it was made, if it was."""
        is_one = len(self.names) > 2 and self.names[1].plain.lower() in ("publisher", "publishers")
        return self.names[2] if is_one else None


@lru_cache(maxsize=_REMEMBERED)
def covers(sr: str, hosts: frozenset[str], segments: tuple[str, ...], any_case: bool) -> bool:
    """Say whether an `sr` is an address of one of these hosts or one above it, on whole segments of the path.

    Scheme, port, the query of a request and a slash at the end do not count; nor does case with `any_case`.
    """
    found = Resource.parse(sr)
    if found.host not in hosts or len(found.names) > len(segments):
        return False
    signed = _folded([name.signed for name in found.names], any_case)
    plain = _folded([name.plain for name in found.names], any_case)
    return all(name in forms for name, *forms in zip(_folded(segments, any_case), signed, plain, strict=False))


def publisher_names(sr: str, name: str) -> tuple[str, set[str]]:
    """Return the spelling that a publisher's events get, and every name by which it may be revoked, in lower case.

    The spelling is that of the token, since case does not count: a device can't have two keys, and with them two
    partitions, by writing its name in two ways. A token of all publishers, or of one request, leaves it to `name`:
    azure-servicebus, which signs each request by itself, writes the whole address in lower case.
    """
    found = Resource.parse(sr)
    publisher = found.publisher
    if publisher is None:
        return name, {name.lower()}
    names = {name.lower(), publisher.signed.lower(), publisher.plain.lower()}
    if found.is_request:
        return name, names
    return next((form for form in publisher if form.lower() == name.lower()), name), names


def _plain(segment: str) -> str:
    """Undo the escapes of a URL, if it is a segment of one; otherwise return it as it is."""
    if "%" not in segment or not _SEGMENT.fullmatch(segment):
        return segment
    if any(chr(int(digits, 16)) in _UNRESERVED for digits in _ESCAPE.findall(segment)):
        return segment
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return segment


def _folded(segments: Sequence[str], any_case: bool) -> list[str]:
    """Return segments in lower case, if case does not matter; one of Microsoft's examples has `publisher`."""
    if not any_case:
        return list(segments)
    folded = [segment.lower() for segment in segments]
    if folded[1:2] == ["publisher"]:
        folded[1] = "publishers"
    return folded

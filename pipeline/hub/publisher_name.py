"""What a publisher may be called: by those who send under the name, and by those who revoke it."""

from __future__ import annotations

from ..errors import InvalidValue
from .event import MAX_KEY
from .headers import CONTROL

#: What stands for bytes that are not UTF-8, so that two names of them would be one; and what XML can't have at all.
_NO_CHARACTER = frozenset("\ufffd\ufffe\uffff")


def check_publisher_name(name: str) -> None:
    """Raise `InvalidValue` for a name that no publisher can have: to send under, or to revoke."""
    if not 0 < len(name) <= MAX_KEY or CONTROL.search(name):
        raise InvalidValue(f"a publisher's name is 1 to {MAX_KEY} characters, without control characters", "publisher")
    if not _NO_CHARACTER.isdisjoint(name):
        raise InvalidValue("a publisher's name is text, and in a path UTF-8, percent-encoded", "publisher")
    if name in {".", ".."}:  # which whoever sends a URL on, such as a relay, takes for steps in its path
        raise InvalidValue(
            f"a publisher can't be named {name!r}, which has a meaning of its own in a path", "publisher"
        )

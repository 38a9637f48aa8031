"""Messages for the next page: `flash` keeps one in the session, `get_flashed_messages` takes them all out.

Needs `Sessions(app)`. In a template: `{% for message in get_flashed_messages() %}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, overload

from .context import current_request
from .sessions import current_session

_KEY = "_flashes"  # in the session, and in the request's __dict__ once they were taken out


def flash(message: str, category: str = "message") -> None:
    """Keep a message until a page shows it. Usual categories are message, info, warning and error."""
    session = current_session()
    session[_KEY] = [*session.get(_KEY, ()), (category, message)]  # set anew, so that the session notices
    request = current_request()
    assert request is not None  # or there would have been no session
    if signals := request.app.extensions.get("signals"):
        signals.message_flashed.send(request.app, message=message, category=category)


@overload
def get_flashed_messages(with_categories: Literal[False] = False, category_filter: Iterable[str] = ()) -> list[str]: ...


@overload
def get_flashed_messages(
    with_categories: Literal[True], category_filter: Iterable[str] = ()
) -> list[tuple[str, str]]: ...


def get_flashed_messages(
    with_categories: bool = False, category_filter: Iterable[str] = ()
) -> list[str] | list[tuple[str, str]]:
    """Return the messages, oldest first, or (category, message) pairs; those of some categories only, if any are named.

    The first call in a request takes all of them out of the session, whatever the filter; later calls in it see the
    same ones, and not those that were flashed in between.
    """
    session = current_session()
    request = current_request()
    assert request is not None  # or there would have been no session
    if _KEY not in request.__dict__:
        request.__dict__[_KEY] = session.pop(_KEY) if _KEY in session else []
    flashes: list[tuple[str, str]] = request.__dict__[_KEY]
    wanted = {category_filter} if isinstance(category_filter, str) else set(category_filter)
    found = [(category, message) for category, message in flashes if not wanted or category in wanted]
    return found if with_categories else [message for _, message in found]

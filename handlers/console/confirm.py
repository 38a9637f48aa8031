"""The page that asks before something is lost."""

from __future__ import annotations

from collections.abc import Sequence

from wz import Request, Response

from .frame import page


def confirm(
    request: Request,
    title: str,
    lost: Sequence[str],
    does: str,
    back: tuple[str, str],
    *,
    action: str = "",
    values: Sequence[tuple[str, str]] = (),
    refused: str = "",
) -> Response:
    """Return a page that says what is `lost`, a paragraph each, with a button `does` and a link `back`: address, word.

    The button sends `values` to `action`, by default to this page's own address. `refused` says why it could not be
    done the last time, which makes the answer a 409.
    """
    status = 409 if refused else 200
    return page(
        request,
        "confirm.html",
        status,
        title=title,
        lost=lost,
        does=does,
        back=back,
        action=action,
        values=values,
        refused=refused,
    )

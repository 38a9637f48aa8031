"""Which place of the guide explains an error: docs/reference/errors.md, at the error's own name or at its status."""

from __future__ import annotations

import re
from functools import partial

from werkzeug.exceptions import HTTPException

from pipeline.boards import BoardChanged, StaleBoard
from pipeline.hub import sas
from pipeline.hub.hops import RelayRing, WrongHops
from pipeline.hub.publishers import PublisherRevoked
from pipeline.hub.repetition import KeyOfAnother
from pipeline.hub.throughput import Throttled
from pipeline.hub.writing import BatchTooLarge, HubFull
from pipeline.store.client import EnvironmentClash, RedisUnavailable
from wz import App, Request

from .error_table import PROBLEMS
from .readers import TooManyReaders

#: Below the guide's address.
PAGE = "reference/errors/"

#: The errors that have a place of their own there: those of `PROBLEMS`, and those that are answered elsewhere.
EXPLAINED: frozenset[type[Exception]] = frozenset(
    {
        *PROBLEMS,
        BatchTooLarge,
        BoardChanged,
        EnvironmentClash,
        HubFull,
        KeyOfAnother,
        PublisherRevoked,
        RedisUnavailable,
        RelayRing,
        StaleBoard,
        Throttled,
        TooManyReaders,
        WrongHops,
        sas.ExpiredToken,
        sas.InvalidAudience,
        sas.InvalidSignature,
        sas.MalformedToken,
        sas.MissingRight,
        sas.MissingToken,
    }
)


def explain_errors(app: App, guide_url: str) -> None:
    """Have each error of an app say where the guide explains it, if there is a guide."""
    if guide_url:
        app.error_help = partial(_see, guide_url)


def anchor(kind: type[Exception] | None, status: int) -> str:
    """Return the name of the place: `unknown-board` for UnknownBoard, otherwise the status."""
    for one in () if kind is None else kind.__mro__:
        if one in EXPLAINED:
            return re.sub("(?<=[a-z])(?=[A-Z])", "-", one.__name__).lower()
    return str(status)


def _see(guide_url: str, exc: HTTPException, request: Request) -> str:
    return f"{guide_url}{PAGE}#{anchor(getattr(exc, 'stands_for', None), exc.code or 500)}"

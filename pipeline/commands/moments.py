"""Points in time, as options of commands take them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from ..errors import InvalidValue
from ..store.clock import machine_now
from ..units import milliseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(click.ParamType[int]):
    """A UTC time, 2026-05-01T12:00:00, or how long ago it was, 15m; the value is in ms since the Unix epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return moment(value)
        except InvalidValue as exc:
            self.fail(str(exc), param, ctx)


def moment(text: str) -> int:
    """Read such a time. Raises `InvalidValue`."""
    last = text.strip()[-1:]
    try:
        if last.isalpha() and last != "Z":  # a unit of time
            time = machine_now() - timedelta(milliseconds=milliseconds(text))
        else:
            time = datetime.fromisoformat(text)
        since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        since = timedelta(days=-1)
    if since.days < 0:
        raise InvalidValue(
            f"{text!r} is not a time: write 2026-05-01T12:00:00 (UTC), or 15m for 15 minutes ago", "time"
        )
    return since // timedelta(milliseconds=1)

"""What the commands have in common: errors in one line, times as people write them, tables, and repeated output."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import InvalidValue, PipelineError
from ..settings import Settings
from ..settings.address import database_in
from ..settings.local import names_a_server, service_file, with_service
from ..store import UNREACHABLE, RedisError
from ..store.client import database
from ..store.environments import others_with_data
from ..units import milliseconds

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

F = TypeVar("F", bound=Callable[..., Any])

#: Moves the cursor home; clears to the end of a line; clears all below. ECMA-48, which every terminal knows.
_HOME, _REST_OF_LINE, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def one_line_errors(command: F) -> F:
    """Show an error of the pipeline or of Redis as click shows its own: one line, notes below it, exit code 1.

    So are those of the system: a full disk below a file or standard output, a file that may not be read. A closed pipe
    is left to click, which ends without a word.
    """

    @functools.wraps(command)
    def run_command(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except PipelineError as exc:
            raise click.ClickException(exc.with_notes) from exc
        except BrokenPipeError:
            raise
        except OSError as exc:
            _drop_output()
            raise click.ClickException(f"{exc.filename or 'the output'}: {exc.strerror or exc}") from exc
        except UnicodeEncodeError as exc:  # of an argument: Python has surrogates for bytes that are no UTF-8
            raise click.ClickException(f"{exc.object[exc.start :][:80]!r} is not text in UTF-8") from exc
        except RedisError as exc:
            hint = _where_it_was_looked_for() if isinstance(exc, UNREACHABLE) else ""
            raise click.ClickException(f"Redis: {' '.join(str(exc).split())}{hint}") from exc

    return run_command  # type: ignore[return-value]


def _drop_output() -> None:
    """Drop what standard output can't take, or Python would try it once more at its end, and say so."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _where_it_was_looked_for() -> str:
    if names_a_server(os.environ):
        return ""
    found = service_file()
    return f" (said by {found}: see `wz status`)" if found else " (no `wz up` runs here, and WZ_REDIS_URL is not set)"


# -- settings ---------------------------------------------------------------------------------------------------------


def settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a command: what the environment sets, then what the `wz up` of this folder says.

    Nothing is read from Redis. Raises what `Settings.from_environ` does.
    """
    return Settings.from_environ(with_service(environ, service_file(environ)))


def settings_for_redis(creates: bool = False, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return `settings`, and see to it that nobody takes an empty database for the service's.

    If its database is empty, and another environment's on the same server is not, a note says so. A command that
    `creates` what it does not find is refused then, unless WZ_ENVIRONMENT says which one is meant, which is as good as
    a yes. An address with a database is not asked about. Raises `ClickException`.
    """
    found = settings(environ)
    if database_in(found.redis_url) is not None or found.hubs_cluster or found.boards_cluster:
        return found
    is_said = bool(with_service(environ, service_file(environ)).get("WZ_ENVIRONMENT"))
    if (creates and is_said) or not (others := others_with_data(found)):
        return found
    named = " and ".join(f"{name} has database {number}" for name, number in others.items())
    text = f"database {database(found)}, of the environment {found.environment}, is empty, but {named} with data"
    if not is_said:
        text += ": set WZ_ENVIRONMENT to the one that you mean"
    if creates:
        raise click.ClickException(text)
    click.echo(f"Note: {text}", err=True)
    return found


# -- options, values and output ---------------------------------------------------------------------------------------


def options(*added: Callable[[F], F]) -> Callable[[F], F]:
    """Return a decorator that adds these options to a command, in the order in which its help is to show them."""

    def add(command: F) -> F:
        for option in reversed(added):
            command = option(command)
        return command

    return add


class Lifetime(click.ParamType[int]):
    """A time such as 90s, 15m, 24h or 7d; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            seconds = milliseconds(value) // 1000
        except InvalidValue as exc:
            self.fail(str(exc), param, ctx)
        if seconds < 1:
            self.fail(f"{value!r} is not a time: write 90s, 15m, 24h or 7d", param, ctx)
        return seconds


def columns(rows: Sequence[Sequence[str]], text: Collection[int] = ()) -> list[str]:
    """Return rows as lines, in columns; the columns `text` are aligned left, all others right, as numbers are."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{width}}" if column in text else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def utc(ms: int) -> str:
    """Return ms since the Unix epoch as a time to the second: 2026-05-01T12:00:00+00:00."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def size(number: int) -> str:
    """Return bytes as text: 999 B, 1.5 KiB, 20.0 MiB."""
    amount, units = float(number), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{number} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def age(ms: int | None) -> str:
    """Return milliseconds as text: 0.2 s, 59.9 s, 4 min 10 s, 3 h 20 min; - for None."""
    if ms is None:
        return "-"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {int(seconds % 60)} s"


@contextmanager
def progress(length: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error, if that is a terminal and `length` is known; yields what tells it how far it is."""
    if not (length and sys.stderr.isatty()):
        yield lambda _: None
        return
    with click.progressbar(length=length, file=sys.stderr) as bar:
        yield lambda position: bar.update(position - bar.pos)


@contextmanager
def stages(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error for work in stages, shown once something of one is done; yields what is told of it."""
    with ExitStack() as stack:
        bar: ProgressBar[int] | None = None

        def show(done: int, total: int) -> None:
            nonlocal bar
            if bar is None or bar.length != total or done < bar.pos:  # the first page of a stage
                stack.close()
                bar = stack.enter_context(click.progressbar(length=total, label=label, file=sys.stderr))
            bar.update(done - bar.pos)

        yield show


def show(text: Callable[[], str], interval: float | None) -> None:
    """Print a text; with an interval, repeatedly, that many seconds apart, until Ctrl-C.

    On a terminal it is redrawn in place.
    """
    live = interval is not None and sys.stdout.isatty()
    if live:
        click.clear()
    while True:
        found = text()
        if live:
            stamp = f"{datetime.now():%H:%M:%S}, every {interval:g} s, until Ctrl-C"
            lines = "".join(f"{line}{_REST_OF_LINE}\n" for line in f"{found}\n\n{stamp}".splitlines())
            click.echo(f"{_HOME}{lines}{_BELOW}", nl=False)
        else:
            click.echo(found)
        if interval is None:
            return
        time.sleep(interval)
        if not live:
            click.echo()

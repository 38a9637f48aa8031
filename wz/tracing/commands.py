"""`wz trace` and `wz layers`: what one request goes through, and what that costs, in a terminal."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from werkzeug.datastructures import Headers

from ..loading import ScriptInfo, differences_of_project, pass_script_info
from . import asking, otlp, text
from .asking import Asked, NoTrace
from .costs import measure
from .spans import Trace, Who

F = TypeVar("F", bound=Callable[..., Any])

_COLOURS: dict[Who | None, dict[str, Any]] = {
    None: {"dim": True},
    "nginx": {"fg": "white"},
    "gunicorn": {"fg": "magenta"},
    "wz": {"fg": "blue"},
    "handler": {"fg": "cyan", "bold": True},
    "redis": {"fg": "yellow"},
    "socket": {"fg": "yellow"},
    "rest": {"dim": True},
}


def asks(command: F) -> F:
    """Give a command the arguments and options of a request, which it takes as `asked`: None if no path is given."""

    @click.argument("words", nargs=-1, metavar="[METHOD] [PATH]")
    @click.option("--json", metavar="TEXT", help="A JSON body: the text, @FILE, or @- for what is piped in.")
    @click.option("--data", metavar="TEXT", help="A form's body, or one of the type that -H says; @FILE, @- as above.")
    @click.option("-H", "--header", "lines", multiple=True, metavar="LINE", help="A header: 'Name: value'.")
    @click.option("--token", metavar="TEXT", help='What Authorization says: --token "$(wz token)".')
    @functools.wraps(command)
    def run(
        words: tuple[str, ...], json: str | None, data: str | None, lines: Any, token: str | None, **more: Any
    ) -> Any:
        headers = _headers(lines, token)
        return command(asked=_asked(words, json, data, headers), headers=headers, **more)

    return run  # type: ignore[return-value]


@click.command()
@asks
@click.option("--url", metavar="URL", help="Through a service that runs: nginx, gunicorn and all layers.")
@click.option("--id", "trace_id", metavar="ID", help="With --url: the trace that it has kept of this request.")
@click.option("--format", "form", type=click.Choice(["text", "json", "otlp"]), default="text", show_default=True)
@pass_script_info
def trace(
    info: ScriptInfo, asked: Asked | None, headers: Headers, url: str | None, trace_id: str | None, form: str
) -> None:
    """Show one request's way through every layer: what took how long, where it is written, what it changed.

    \b
    wz trace GET /boards/points
    wz trace POST /orders --json '{"n": 1}' --url http://127.0.0.1:8080
    """
    try:
        if url and trace_id and asked is None:
            found = asking.kept(url, trace_id, headers)
        elif asked is None or trace_id:
            raise click.UsageError(
                "give a path, as in `wz trace GET /`, or --url and --id of a request that was traced"
            )
        else:
            found = asking.through(url, asked) if url else asking.in_process(info.load_app(), asked)
    except NoTrace as exc:
        raise click.ClickException(str(exc)) from exc
    _show(found, form)


@click.command()
@asks
@click.option(
    "-n", "requests", type=click.IntRange(0), help="Requests to time. Default: 1000 if the method is safe, else 1."
)
@click.option("--differences", is_flag=True, help="Say where servers around the app answer otherwise than it, and why.")
@pass_script_info
def layers(info: ScriptInfo, asked: Asked | None, headers: Headers, requests: int | None, differences: bool) -> None:
    """Draw the layers, which are the WSGI middleware around the app, outermost first.

    With a path, send requests through them, in this process: what each layer costs, and what it changes on the way in
    (the environ) and out (status and headers).
    """
    if differences:
        click.echo(differences_of_project())
        return
    app = info.load_app()
    if asked is None:
        click.echo(app.layers.draw())
        return
    found = asking.in_process(app, asked)
    count = requests if requests is not None else 1000 if asked.method in asking.SAFE else 1
    with closing(asked.builder(app)) as builder:
        costs = measure(app, builder.get_environ, count) if count else []
    click.echo(f"{asked.method} {asked.path}: {found.status}" + _timed(count))
    for line in _layers(found, {cost.name: cost.microseconds for cost in costs}):
        click.echo(line)


def _timed(count: int) -> str:
    return f"; each layer's own time, the median of {count} requests" if count > 1 else ""


def _layers(found: Trace, costs: Mapping[str, float]) -> Iterator[str]:
    spans = [span for span in found.spans if span.step in ("layer", "app")]
    for depth, span in enumerate(sorted(spans, key=lambda span: span.begin)):
        cost = f"{costs[span.name]:10.1f} us" if span.name in costs else ""
        yield f"{'  ' * depth + span.name:<40}{cost}".rstrip()
        for change in span.changes:
            yield click.style(text.cut(f"{'  ' * depth}    {text.draw_change(change)}", _width()), dim=True)


def _show(found: Trace, form: str) -> None:
    if form == "text":
        click.echo(text.draw(found, _width(), _paint))
        return
    shown = found if form == "json" else otlp.document(found)
    click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2))


def _paint(line: str, who: Who | None) -> str:
    return click.style(line, **_COLOURS[who])


def _width() -> int:
    return shutil.get_terminal_size((text.WIDTH, 24)).columns


def _asked(words: tuple[str, ...], json: str | None, data: str | None, headers: Headers) -> Asked | None:
    """Return the request that is asked for. Raises `click.UsageError`."""
    if not words:
        return None
    if json is not None and data is not None:
        raise click.UsageError("give --json or --data, not both")
    body = _body(json if data is None else data)
    *method, path = words
    if len(method) > 1 or not path.startswith("/"):
        raise click.UsageError("write METHOD and PATH, as in GET /boards, or the path alone")
    if body is not None:
        kind = "application/x-www-form-urlencoded" if json is None else "application/json"
        headers.setdefault("Content-Type", kind)
    return Asked(method[0].upper() if method else "GET" if body is None else "POST", path, headers, body)


def _body(said: str | None) -> bytes | None:
    """Read what a body's option says: a text, or after @ the name of a file, or - for the standard input."""
    if said is None or not said.startswith("@"):
        return None if said is None else said.encode()
    try:
        return sys.stdin.buffer.read() if said == "@-" else Path(said[1:]).read_bytes()
    except OSError as exc:
        raise click.UsageError(f"{said}: {exc.strerror or exc}") from exc


def _headers(lines: Iterable[str], token: str | None) -> Headers:
    headers = Headers()
    for line in lines:
        name, colon, value = line.partition(":")
        try:
            headers.add(name.strip() if colon else "", value.strip())
            if not name.strip() or not colon:
                raise ValueError("write 'Name: value'")
        except ValueError as exc:
            raise click.UsageError(f"-H {line!r}: {exc}") from exc
    if token is not None:
        headers["Authorization"] = token
    return headers

"""`wz console`: a link that signs a browser in at the console."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from ..console.sessions import CODE_SECONDS, sign_in_link
from ..settings.local import read, service_file
from ..store.client import redis_client
from . import terminal
from .terminal import Lifetime, age, one_line_errors
from .token import signed


class _Service(msgspec.Struct):
    address: str = ""


class Address(click.ParamType[str]):
    """The address of a service, such as https://wz.example."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            self.fail(f"{value!r} is not the address of a service: write https://host or http://host:port", param, ctx)
        return value.rstrip("/")


@click.command()
@click.option(
    "--url",
    type=Address(),
    help="Where browsers find the service. Default: where `wz up` answers, or the endpoint of the connection string.",
)
@click.option("--rule", "rule_name", help="Sign in with this rule's rights. Default: the connection string's, all.")
@click.option("--hub", help="The hub that the rule belongs to.")
@click.option("--lifetime", type=Lifetime(), default="12h", show_default=True, help="How long the session may last.")
@click.option(
    "--state", envvar="WZ_STATE", type=click.Path(file_okay=False, path_type=Path), help="The folder of `wz up`."
)
@one_line_errors
def console(url: str | None, rule_name: str | None, hub: str | None, lifetime: int, state: Path | None) -> None:
    """Print a link to the console that signs a browser in, once.

    It needs the settings of the service: its Redis, where the link's code is kept as a hash, and its key.
    """
    environ = {**os.environ, "WZ_STATE": str(state)} if state else os.environ
    settings = terminal.settings_for_redis(creates=True, environ=environ)
    token = signed(settings, rule_name, lifetime, hub)
    if url is None:
        file = service_file(environ)
        url = (read(file, _Service).address if file else "") or settings.root.url
    click.echo(sign_in_link(redis_client(settings), url, token))
    whose = f"the rule {rule_name!r}" if rule_name else "all rights"
    click.echo(f"It works once, within {age(CODE_SECONDS * 1000)}, and gives {whose}.", err=True)

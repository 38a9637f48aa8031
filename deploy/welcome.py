"""What `wz up` tells its user once it answers: where, with which key, and what to try."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pipeline.console.sessions import SESSION_SECONDS, sign_in_link
from pipeline.hub.namespace import Hubs
from pipeline.hub.sas import sign
from pipeline.settings import Settings
from pipeline.settings.address import sentinel_address
from pipeline.settings.local import STATE
from pipeline.store.client import address_of, database, hubs_client, redis_client
from pipeline.store.clock import machine_time

from .address import Address


def first_hub(settings: Settings) -> str | None:
    """Return the first hub of WZ_HUBS that was not deleted, otherwise the first one by name; None if there is none."""
    hubs = Hubs.from_settings(settings, hubs_client(settings)).list()
    return next((name for name in (*settings.hubs, *hubs) if name in hubs), None)


def welcome(
    settings: Settings,
    address: Address,
    state: Path,
    hub: str | None,
    key_is_new: bool,
    link: str = "",
    guide: str = "",
) -> str:
    """Return what to try; `hub` is the one that takes the event, or None to show no event.

    A key is shown when it was made, and no token ever: what is printed may be kept in a log. `link` signs in once, and
    only soon. `guide` is where the guide is, and since when.
    """
    trust = ["--cacert", address.authority] if address.authority else []
    reward = curl(
        f"{address.url}/boards/actions/members/offer_a/rewards",
        [*trust, "-H", "Content-Type: application/json", "-d", '{"reward": 0.5}'],
    )
    tries, commands = "Give a member of a board its reward (its standing comes back)", [reward]
    if hub is not None:
        event = curl(
            f"{address.url}/{hub}/messages",
            [
                *(*trust, "-H", 'BrokerProperties: {"PartitionKey":"e1"}'),
                *("-d", '{"eventid":"e1","actionname":"offer_a","reward":1}'),
            ],
        )
        tries = "Send an event (201), and give a member of a board its reward (its standing comes back)"
        commands.insert(0, event)
    lines = "\n".join(commands)
    own = f", with your {given_by()}," if given_by() else ","
    trusted = f"\nClients trust its certificate by {address.authority}: curl --cacert ..." if address.authority else ""
    look = f"\nLook at it in a browser, by this link, which signs in once (`wz console` prints more):\n\n{link}\n"
    read = f"\nRead the guide at {guide}.\n" if guide else ""
    missing = "" if shutil.which("redis-cli") else " (redis-cli is not on PATH, and `make` does not install it)"
    return f"""
wz answers at {address.url} until Ctrl-C.{trusted}
{connection_string(settings, state, key_is_new)}
{look if link else ""}{read}
In another terminal{own} this line gives you `wz` and a token:

{second_terminal(state)} && auth=$(wz token --lifetime 24h --header)

{tries}:

{lines}

Then try `wz status`, `wz hub status`, `wz board top actions` or `wz --help`.
Redis itself{missing}: {redis_cli(settings)}
"""


def console_link(settings: Settings, address: Address) -> str:
    """Return a link that signs a browser in with all rights. Its code is kept in Redis."""
    root = settings.root
    token = sign(f"{root.url}/", root.key_name, root.key, int(machine_time()) + SESSION_SECONDS)
    return sign_in_link(redis_client(settings), address.url, token)


def connection_string(settings: Settings, state: Path, key_is_new: bool) -> str:
    """Return the connection string of a new key; otherwise where it is."""
    kept = state / "connection-string"
    if key_is_new:
        return f"Its connection string, which has all rights, is shown once, and kept in {kept}:\n\n{settings.root}"
    return f"Its connection string, which has all rights, is in {given_by() or kept}."


def given_by() -> str:
    """Return the variable by which the user has given a connection string; empty if `wz up` keeps one."""
    return next((name for name in ("WZ_CONNECTION_STRING", "WZ_CONNECTION_STRING_FILE") if os.environ.get(name)), "")


def second_terminal(state: Path) -> str:
    """Return the line that takes a shell to where `wz` is, with what it needs to find this service."""
    scripts = Path(sysconfig.get_path("scripts"))
    activate = scripts / "activate"
    found = ["source", str(activate)] if activate.exists() else ["export", f"PATH={scripts}:{os.environ['PATH']}"]
    commands = [["cd", str(Path.cwd())], found]
    if state != Path.cwd() / STATE:
        commands.append(["export", f"WZ_STATE={state}"])
    return " && ".join(map(shlex.join, commands))


def redis_cli(settings: Settings) -> str:
    """Return the command that looks into the database of `settings`; a password is to be in REDISCLI_AUTH.

    Where Sentinels are named, it is for the primary of now.
    """
    sentinels = sentinel_address(settings.redis_url)
    parts = urlsplit(settings.redis_url if sentinels is None else sentinels.primary)
    named = dict(parse_qsl(parts.query))
    user, password = (named.get(name, getattr(parts, name)) for name in ("username", "password"))
    if parts.scheme == "unix":
        options = ["-s", parts.path]
    elif sentinels is not None:
        host, _, port = address_of(redis_client(settings)).rpartition(":")
        options = ["-h", host, "-p", port]
    else:
        options = ["-h", parts.hostname or "localhost", "-p", str(parts.port or 6379)]
        options += ["--tls"] if parts.scheme == "rediss" else []
    options += ["--user", user] if user else []
    secret = "REDISCLI_AUTH=... " if password else ""
    return secret + shlex.join(["redis-cli", *options, "-n", str(database(settings))])


def curl(url: str, options: Sequence[str]) -> str:
    """Return a command that sends the token that a shell has in $auth."""
    return f'curl -i {url} -H "$auth" {shlex.join(options)}'

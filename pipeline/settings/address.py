"""The address of a Redis: how it is checked, and printed without its password. No message shows a part of one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ..errors import InvalidValue

_FORM = (
    "write redis://host:port, rediss://host:port, unix:///path, or redis+sentinel://host:port,host:port/NAME with the "
    "name that the Sentinels have for the primary"
)
_ESCAPES = "in a user name or password, write / ? # [ ] as %2F %3F %23 %5B %5D"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # urlsplit would drop some of them without a word
_HIGHEST_DATABASE = 2**31 - 1


def _seconds(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) is not None and float(text) > 0


def _whole(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def _flag(text: str) -> bool:
    return text.lower() in ("true", "false")


_Option = tuple[str, Callable[[str], object]]  # what a value must be, and its test

#: The options that an address may have: those of store/options.py, and of TLS.
_OPTIONS: dict[str, _Option] = {
    "db": ("a number", str),  # see `database_in`
    "username": ("a text", str),
    "password": ("a text", str),
    "client_name": ("a text without spaces", re.compile(r"[!-~]+").fullmatch),
    "health_check_interval": ("a whole number of seconds", _whole),
    "max_connections": ("a number from 1", lambda text: _whole(text) and int(text) > 0),
    "socket_connect_timeout": ("a number of seconds above 0", _seconds),
    "socket_timeout": ("a number of seconds above 0", _seconds),
}
_TCP_OPTIONS: dict[str, _Option] = {**_OPTIONS, "socket_keepalive": ("true or false", _flag)}
_TLS_OPTIONS: dict[str, _Option] = {
    **_TCP_OPTIONS,
    "ssl_ca_certs": ("a file", str),
    "ssl_ca_path": ("a folder", str),
    "ssl_cert_reqs": ("none, optional or required", ("none", "optional", "required").__contains__),
    "ssl_certfile": ("a file", str),
    "ssl_check_hostname": ("true or false", _flag),
    "ssl_keyfile": ("a file", str),
    "ssl_password": ("a text", str),
}
_SENTINEL_OPTIONS: dict[str, _Option] = {
    **_TCP_OPTIONS,
    "sentinel_username": ("a text", str),
    "sentinel_password": ("a text", str),
}
SENTINEL = "redis+sentinel"
_SCHEMES = {"redis": _TCP_OPTIONS, "rediss": _TLS_OPTIONS, "unix": _OPTIONS, SENTINEL: _SENTINEL_OPTIONS}

#: Of a Sentinel.
_SENTINEL_PORT = 26379


class SentinelAddress(NamedTuple):
    """What `redis+sentinel://user:password@host:port,host:port/NAME?options` says.

    `hosts` are the Sentinels', with their ports, and `name` is what they call the primary. `login` has `username` and
    `password` for the Sentinels, if they want one. `primary` is a `redis://` address with the user, the password and
    the options for the primary; its host is to be replaced by what a Sentinel says.
    """

    hosts: tuple[tuple[str, int], ...]
    name: str
    login: dict[str, str]
    primary: str


def address(text: str) -> str:
    """Return `text`, if it is an address that a client can be made for. Raises `InvalidValue`."""
    _check(text)
    return text


def node_addresses(text: str) -> tuple[str, ...]:
    """Return the addresses of some nodes of a cluster. Raises `InvalidValue`, which names one by its place."""
    addresses = tuple(item for part in text.split(",") if (item := part.strip()))
    for number, url in enumerate(addresses, 1):
        try:
            parts = _check(url)
        except InvalidValue as exc:
            raise InvalidValue(f"address {number}: {exc}", "nodes") from None
        if parts.scheme in ("unix", SENTINEL) or not parts.hostname:
            raise InvalidValue(f"address {number} is not redis://host:port or rediss://host:port", "nodes")
        if database_in(url):
            raise InvalidValue(f"address {number} names a database, but a cluster has only 0", "nodes")
    return addresses


def database_in(url: str) -> int | None:
    """Return the number of the database that an address names, if any. Raises `InvalidValue`."""
    parts = urlsplit(url)
    path = "" if parts.scheme in ("unix", SENTINEL) else parts.path.strip("/")
    named = dict(parse_qsl(parts.query)).get("db", path)
    if not named:
        return None
    if not (named.isascii() and named.isdecimal()):
        raise InvalidValue("the database in the address is not a number", "address")
    if len(named) > len(str(_HIGHEST_DATABASE)) or int(named) > _HIGHEST_DATABASE:
        raise InvalidValue(f"the database in the address is above {_HIGHEST_DATABASE}", "address")
    return int(named)


def sentinel_address(url: str) -> SentinelAddress | None:
    """Return what an address that names Sentinels says; None for one that names the server itself."""
    parts = urlsplit(url)
    if parts.scheme != SENTINEL:
        return None
    user, at, _ = parts.netloc.rpartition("@")
    places = [urlsplit(f"//{host}") for host in _hosts(parts)]
    prefix = "sentinel_"
    login = {name.removeprefix(prefix): text for name, text in parse_qsl(parts.query) if name.startswith(prefix)}
    query = "&".join(pair for pair in parts.query.split("&") if not pair.startswith(prefix))
    return SentinelAddress(
        hosts=tuple((place.hostname or "", place.port or _SENTINEL_PORT) for place in places),
        name=parts.path.strip("/"),
        login=login,
        primary=f"redis://{user}{at}?{query}",
    )


def passwords_in(url: str) -> set[str]:
    """Return the passwords in an address, as it has them and as they are sent."""
    parts = urlsplit(url)
    written = [parts.password or "", *re.findall(r"(?:^|&)(?:ssl_|sentinel_)?password=([^&]*)", parts.query)]
    return {text for password in written for text in (password, unquote(password)) if text}


def without_password(text: str) -> str:
    """Return an address, or several by comma, with `...` for user and password; `(hidden)` for what is not valid."""
    if not (_is_valid(text) or all(map(_is_valid, map(str.strip, text.split(","))))):
        return "(hidden)"
    text = re.sub(r"//.*?@(?=[^@]*(?:,\s*rediss?://|$))", "//...@", text)
    return re.sub(r"([?&](?:sentinel_)?(?:username|password|ssl_password)=)[^&]*", r"\1...", text)


def _is_valid(text: str) -> bool:
    try:
        _check(text)
    except InvalidValue:
        return False
    return True


def _check(text: str) -> SplitResult:
    scheme = text.partition("://")[0]
    if "://" not in text or scheme not in _SCHEMES:
        raise InvalidValue(f"the address does not begin with a scheme that is known: {_FORM}", "address")
    if _CONTROL.search(text):
        raise InvalidValue("the address has a line break or another control character: remove it", "address")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise InvalidValue(f"the host in the address is not valid: {_FORM}; {_ESCAPES}", "address") from None
    _check_place(parts)
    _check_options(parts.query, _SCHEMES[scheme])
    database_in(text)
    return parts


def _check_place(parts: SplitResult) -> None:
    if " " in parts.netloc:
        raise InvalidValue("the address has a space: remove it, or, in a password, write it as %20", "address")
    if not all(map(_has_good_port, _hosts(parts))):
        raise InvalidValue(f"the port in the address is not a number from 1 to 65535; {_ESCAPES}", "address")
    if parts.fragment:
        raise InvalidValue("the address has a #: write it as %23", "address")
    if parts.scheme == "unix" and not parts.path:
        raise InvalidValue(f"the address names no socket: {_FORM}", "address")
    if parts.scheme == SENTINEL:
        if not all(urlsplit(f"//{host}").hostname for host in _hosts(parts)):
            raise InvalidValue(f"the address names a Sentinel without a host: {_FORM}", "address")
        if not re.fullmatch(r"/[A-Za-z0-9._-]+/?", parts.path):  # all that Sentinel allows
            raise InvalidValue(f"the address does not name the primary, as its Sentinels call it: {_FORM}", "address")


def _hosts(parts: SplitResult) -> list[str]:
    """Return each `host:port` of an address; only one of Sentinels may have several."""
    hosts = parts.netloc.rpartition("@")[2]
    return hosts.split(",") if parts.scheme == SENTINEL else [hosts]


def _has_good_port(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").port != 0
    except ValueError:
        return False


def _check_options(query: str, allowed: dict[str, _Option]) -> None:
    """Refuse what redis-py would pass on to its connections: they fail at the first command, or answer otherwise."""
    pairs = query.split("&") if query else []
    for number, pair in enumerate(pairs, 1):  # as it is written, since a name in %-codes would hide a password
        name, _, text = pair.partition("=")
        if name not in allowed:
            raise InvalidValue(
                f"option {number} of the address is not one of {', '.join(allowed)}, which this kind of address may "
                "have: remove it",
                "address",
            )
        value = dict(parse_qsl(pair)).get(name, "")
        meaning, is_right = allowed[name]
        if not (text and is_right(value)):
            raise InvalidValue(f"the option {name} of the address must be {meaning}", "address")
    names = [pair.partition("=")[0] for pair in pairs]
    if len(set(names)) < len(names):
        raise InvalidValue("an option of the address is given twice", "address")

"""How the text of a setting is read."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..connection_string import ConnectionString
from ..errors import InvalidValue
from ..units import byte_count, milliseconds
from .address import address, node_addresses

#: The most bytes that any service takes in one send: the largest event of Azure's dedicated clusters.
MAX_SEND_SIZE = 20 * 1024**2


class Kind(NamedTuple):
    """A kind of setting: how its text is read.

    `unit` is that of a number, or says how the text may be written. `read` raises `InvalidValue`; for a setting without
    a required value, it reads "" as None or as an empty value.
    """

    name: str
    unit: str
    read: Callable[[str], Any]


def one_of(*choices: str) -> Kind:
    """A choice of texts."""

    def read(text: str) -> str:
        if text not in choices:
            raise InvalidValue(f"{text!r} is not one of {', '.join(choices)}", "choice")
        return text

    return Kind(f"one of {', '.join(choices)}", "", read)


def number(most: int, unit: str, least: int = 1) -> Kind:
    """A whole number from `least` to `most`."""

    def read(text: str) -> int:
        if not (_is_number(text) and least <= int(text) <= most):
            raise InvalidValue(f"{_short(text)}: write a number from {least} to {most}", "number")
        return int(text)

    return Kind(f"number from {least} to {most:,}", unit, read)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18  # Python refuses to read thousands of digits


def _short(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def _send_size(text: str) -> int:
    size = byte_count(text)
    if not 1024 <= size <= MAX_SEND_SIZE:
        raise InvalidValue(f"{text!r} is not between 1KiB and 20MiB", "size")
    return size


def _tolerance(text: str) -> int:
    seconds = milliseconds(text) // 1000
    if seconds > 15 * 60:  # the clock skew of which Microsoft's pages warn
        raise InvalidValue(f"{text!r} is more than 15m", "time")
    return seconds


def _second_to_century(text: str) -> int:
    seconds = milliseconds(text) // 1000
    if seconds < 1:
        raise InvalidValue(f"{text!r} is less than a second", "time")
    if seconds > 36_500 * 86_400:
        raise InvalidValue(f"{text!r} is more than 100 years: write at most 36500d", "time")
    return seconds


def _connection_string(text: str) -> ConnectionString | None:
    return ConnectionString.parse(text) if text else None


def _file(text: str) -> Path | None:
    if text and not os.path.isfile(text):  # Path.is_file raises an error for a name that is too long
        raise InvalidValue(f"there is no file {_short(text)}", "file")
    return Path(text) if text else None


def _folder(text: str) -> Path | None:
    if text and not os.path.isdir(text):
        raise InvalidValue(f"{_short(text)} is not a folder", "folder")
    return Path(text) if text else None


def _items(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip())]


def _hosts(text: str) -> frozenset[str]:
    return frozenset(host.lower() for host in _items(text))


def _origins(text: str) -> frozenset[str]:
    origins = frozenset(_items(text))
    if "*" in origins and len(origins) > 1:
        raise InvalidValue("* is any origin: write it alone", "origins")
    for origin in origins - {"*"}:
        if not _ORIGIN.fullmatch(origin):
            raise InvalidValue(
                f"{_short(origin)} is no origin: write scheme, host and port as a browser sends them, as in "
                "https://shop.example or http://localhost:5173, in lower case, without a path and without port 80 of "
                "http and 443 of https",
                "origins",
            )
    return origins


def _guide(text: str) -> str:
    if text and not _GUIDE.fullmatch(text):
        raise InvalidValue(
            f"{_short(text)}: write where the guide is, with / at its end: /guide/ or https://wz.example.com/guide/",
            "guide",
        )
    return text


def _hubs(text: str) -> dict[str, int]:
    hubs: dict[str, int] = {}
    for item in _items(text):
        name, _, count = item.partition(":")
        if name.lower() in hubs:
            raise InvalidValue(f"{name.lower()!r} is given twice", "hubs")
        if not _is_number(count):
            raise InvalidValue(f"{_short(item)}: write name:partitions, as in events:4", "hubs")
        hubs[name.lower()] = int(count)
    return hubs


#: As the Fetch standard writes an origin. None of its characters has a meaning in nginx.conf.
_ORIGIN = re.compile(
    r"null|(?!http://[^/]*:80$|https://[^/]*:443$)[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
)

#: A path, or an address with a scheme. None of its characters has a meaning in nginx.conf, HTML or a header.
_GUIDE = re.compile(r"(https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?)?/([A-Za-z0-9._~-]+/)*")

ADDRESS = Kind("address", "redis://, rediss://, unix:// or redis+sentinel://", address)
NODES = Kind("addresses, by comma", "redis:// or rediss://", node_addresses)
CONNECTION_STRING = Kind("connection string", "", _connection_string)
GUIDE = Kind("path or address", "", _guide)
FILE, FOLDER = Kind("file", "", _file), Kind("folder", "", _folder)
ORIGINS = Kind("origins, by comma; or *", "", _origins)
HOSTS, HUBS = Kind("names, by comma", "", _hosts), Kind("name:partitions, by comma", "", _hubs)

_TIME, _SIZE = "seconds, or 90s, 15m, 24h, 7d", "bytes, or 500MiB, 1GiB"
TIME, LASTING = Kind("time", _TIME, milliseconds), Kind("time from 1s to 36500d", _TIME, _second_to_century)
TOLERANCE = Kind("time up to 15m", _TIME, _tolerance)
SIZE, SEND_SIZE = Kind("size", _SIZE, byte_count), Kind("size from 1KiB to 20MiB", _SIZE, _send_size)
_BATCHES = one_of("key", "any")
BATCHES = _BATCHES._replace(read=lambda text: _BATCHES.read(text) == "any")

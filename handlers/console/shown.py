"""How pages write numbers, times, lengths of time, sizes, and the bodies of events, which are any bytes."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from pipeline.console import words
from pipeline.store.clock import machine_now
from pipeline.windows.language.ticks import parse, to_unix_ms

#: Characters of a body, and bytes of one that is no text, that a page shows.
TEXT, BYTES = 16 * 1024, 256

#: Bytes to which a compressed body is unpacked, at most, to be shown.
UNPACKED = 256 * 1024

_GZIP, _ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x9c", b"\x78\xda")
_NOT_SHOWN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "�")


def clock(ms: int | None, places: int = 3) -> str:
    """Write a time, ms since the Unix epoch, in UTC: 12:37:39.970 of today, else with its date; an en dash for None."""
    if ms is None:
        return "\u2013"
    try:
        at = datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError):  # a client may have chosen an offset of any time
        return f"{ms} ms"
    text = at.isoformat(" ", "milliseconds")[: -6 if places else -10]
    return text[11:] if at.date() == machine_now().date() else text


def utc(text: str, places: int = 0) -> str:
    """Write a time that is a text, 2024-05-01T11:00:00.0000000Z, as `clock` does."""
    return clock(to_unix_ms(parse(text)), places)


def age(ms: float | None) -> str:
    """Write a length of time in its largest units; an en dash for None."""
    return "\u2013" if ms is None else words.duration(ms / 1000)


@dataclass(frozen=True)
class Shown:
    """A body as text. `kind` says what it is, `is_cut` that there is more of it than `text`."""

    kind: str
    text: str
    is_cut: bool


def body(data: bytes, whole: bool = True) -> Shown:
    """Return a body to be shown; on one line, and short, unless `whole`."""
    if data.startswith((_GZIP, *_ZLIB)) and (unpacked := _unpacked(data)) is not None:
        inner = body(unpacked[0], whole)
        return Shown(f"compressed, {inner.kind}", inner.text, inner.is_cut or unpacked[1])
    try:
        text = data[: TEXT if whole else 800].decode()
    except UnicodeDecodeError as exc:
        if exc.start < len(data[:TEXT]) - 4 or len(data) <= TEXT:  # not a character that was cut in two
            return _bytes(data, whole)
        text = data[: exc.start].decode()
    if whole and len(data) <= TEXT:
        try:
            return Shown("JSON", msgspec.json.format(data, indent=2).decode().translate(_NOT_SHOWN), False)
        except (msgspec.DecodeError, RecursionError):
            pass
    if not whole:
        text = " ".join(text[:200].split())
    return Shown("text", text.translate(_NOT_SHOWN), len(data) > len(text.encode()))


def _bytes(data: bytes, whole: bool) -> Shown:
    if not whole:
        return Shown("bytes", data[:32].hex(" "), len(data) > 32)
    some = data[:BYTES]
    lines = [
        f"{at:08x}  {some[at : at + 16].hex(' '):47}  "
        + "".join(chr(code) if 32 <= code < 127 else "." for code in some[at : at + 16])
        for at in range(0, len(some), 16)
    ]
    return Shown("no text, as bytes", "\n".join(lines), len(data) > BYTES)


def _unpacked(data: bytes) -> tuple[bytes, bool] | None:
    """Return what gzip or zlib has packed, and whether there is more; None if it is neither after all."""
    unpacker = zlib.decompressobj(47)  # 32 + 15: either header
    try:
        found = unpacker.decompress(data, UNPACKED)
    except zlib.error:
        return None
    return found, bool(unpacker.unconsumed_tail)


def number(value: float | Decimal) -> str:
    """Return a number with commas between thousands, and a minus sign that is as wide as a plus."""
    return f"{value:,}".replace("-", "\u2212")


def signed(value: float | Decimal) -> str:
    """Return `number` with its sign."""
    return f"{value:+,}".replace("-", "\u2212")


def short(value: float | Decimal) -> str:
    """Return a number for a label that must be narrow: from 10,000 on rounded, in thousands (k), millions (M), ..."""
    size = abs(float(value))
    if size < 10_000:
        return number(value)
    power = min(4, int(math.log10(size) / 3))
    return f"{float(value) / 10 ** (3 * power):.3g}".replace("-", "\u2212") + "kMGT"[power - 1]


def percent(value: float) -> str:
    """Return a length of SVG."""
    return f"{value:.2f}%"


#: What templates write values with.
FILTERS = {
    "n": number,
    "pc": percent,
    "signed": signed,
    "short": short,
    "unix_ms": to_unix_ms,
    "utc": utc,
    "clock": clock,
    "age": age,
    "size": words.size,
    "body": body,
}

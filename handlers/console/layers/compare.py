"""Two traces side by side: which steps belong together, and where the difference comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from wz.tracing.spans import Trace

from .trace import cut, label
from .waterfall import MAX_ROWS, Scale, Step, steps

#: Microseconds. What differs by less is noise, whatever the request.
_NOISE = 50

#: Steps that are named in the sentence.
_NAMED = 3

_WORDS = {
    "nginx.receive": "receiving it in nginx",
    "socket": "on the socket",
    "gunicorn.queue": "waiting for a thread",
    "gunicorn.parse": "parsing it in gunicorn",
    "redis": "waiting for Redis",
    "nginx.send": "sending the answer in nginx",
}


@dataclass(frozen=True)
class Pair:
    """Rows of two traces that are the same step; None where only the other has it."""

    a: Step | None
    b: Step | None

    @property
    def either(self) -> Step:
        found = self.a or self.b
        assert found is not None
        return found

    @property
    def took(self) -> int:
        return (self.b.took if self.b else 0) - (self.a.took if self.a else 0)

    @property
    def own(self) -> int:
        return (self.b.own if self.b else 0) - (self.a.own if self.a else 0)


@dataclass(frozen=True)
class Comparison:
    """What templates/compare.html prints. A pair whose own times differ by `threshold` or more stands out."""

    a: Trace
    b: Trace
    title: str
    headline: str
    reasons: str
    pairs: list[Pair]
    hidden: int
    scale: Scale
    threshold: int


def compare(a: Trace, b: Trace) -> Comparison:
    of_a, of_b = steps(a), steps(b)
    pairs = matched(of_a, of_b)
    longest = max((sum(step.own for step in found) for found in (of_a, of_b)), default=0)
    threshold = max(_NOISE, longest // 100)
    same = (a.method, a.rule) == (b.method, b.rule) and a.rule
    return Comparison(
        a,
        b,
        cut(f"{a.method} {a.rule}" if same else f"{a.method} {a.path}, {b.method} {b.path}", 160),
        headline(sum(pair.own for pair in pairs)),
        reasons(pairs, threshold),
        pairs[:MAX_ROWS],
        max(0, len(pairs) - MAX_ROWS),
        Scale.over([*of_a, *of_b]),
        threshold,
    )


def matched(a: Sequence[Step], b: Sequence[Step]) -> list[Pair]:
    """Pair the rows of two waterfalls by kind and name, in their order; one that only one has keeps its place."""
    names_of_a, names_of_b = _names(a), _names(b)
    pairs: list[Pair] = []
    for what, from_a, to_a, from_b, to_b in SequenceMatcher(None, names_of_a, names_of_b, autojunk=False).get_opcodes():
        if what == "equal":
            pairs += [Pair(one, two) for one, two in zip(a[from_a:to_a], b[from_b:to_b], strict=True)]
        else:
            pairs += [Pair(one, None) for one in a[from_a:to_a]]
            pairs += [Pair(None, two) for two in b[from_b:to_b]]
    return pairs


def _names(found: Sequence[Step]) -> list[tuple[str, str, int]]:
    """Kind, name and how often there were the same before: no two are equal, which keeps matching linear."""
    seen: Counter[tuple[str, str]] = Counter()
    names = []
    for step in found:
        name = step.span.step, step.span.name
        names.append((*name, seen[name]))
        seen[name] += 1
    return names


def headline(more: int) -> str:
    if not more:
        return "Both took the same time."
    return f"B took {abs(more):,}\u00a0µs {'more' if more > 0 else 'less'}."


def reasons(pairs: Sequence[Pair], threshold: int) -> str:
    """Say which own times differ by `threshold` or more, the largest differences first; those of Redis are one."""
    by_step: dict[str, int] = {}
    for pair in pairs:
        step = pair.either.span
        words = _WORDS.get(step.step) or f"in {label(step)}"
        by_step[words] = by_step.get(words, 0) + pair.own
    large = sorted((item for item in by_step.items() if abs(item[1]) >= threshold), key=lambda item: -abs(item[1]))
    if not large:
        return f"No step differs by {threshold:,}\u00a0µs or more."
    among = dict(large[:_NAMED])
    named = [f"{abs(more):,}\u00a0µs {'more' if more > 0 else 'less'} {words}" for words, more in among.items()]
    most = max((abs(more) for words, more in by_step.items() if words not in among), default=0)
    rest = f"; each other step differs by at most {most:,}\u00a0µs" if most else ""
    return f"{', '.join(named)}{rest}."

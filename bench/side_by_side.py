"""What the benches share: contenders take turns, medians are compared, and goals are about ratios only.

A machine that others use is faster in one second than in the next. So each round lets every contender run once, in
another order each time, and the median over the rounds is what counts, unless a bench says otherwise.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeVar

Round = Callable[[], float]
T = TypeVar("T")


@dataclass
class Goal:
    """`contender` costs at most `limit` times as much as `of`, or, for rates, reaches at least that."""

    contender: str
    of: str
    limit: float


@dataclass
class Row:
    """One measurement: each contender's median, or what the bench takes for it, in `unit`."""

    name: str
    medians: dict[str, float]
    unit: str = "us"
    higher_is_better: bool = False
    goals: list[Goal] = field(default_factory=list)

    def ratio(self, contender: str, of: str) -> float:
        return self.medians[contender] / self.medians[of]

    def verdicts(self) -> list[tuple[Goal, float, bool]]:
        """Each goal whose contenders both ran, the ratio measured, and whether it was reached."""
        found = []
        for goal in self.goals:
            if goal.contender in self.medians and goal.of in self.medians:
                ratio = self.ratio(goal.contender, goal.of)
                reached = ratio >= goal.limit if self.higher_is_better else ratio <= goal.limit
                found.append((goal, ratio, reached))
        return found


def in_turn(contenders: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Run each contender once a round, in random order, and return all that each one returned."""
    order = list(contenders)
    results: dict[str, list[T]] = {name: [] for name in order}
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            results[name].append(contenders[name]())
    return results


def take_turns(
    contenders: Mapping[str, Round], rounds: int, of_all: Callable[[Sequence[float]], float] = statistics.median
) -> dict[str, float]:
    """The same, and return for each one what `of_all` makes of its rounds."""
    return {name: of_all(results) for name, results in in_turn(contenders, rounds).items()}


def table(rows: list[Row], against: list[str]) -> str:
    """Return a table of the medians, with a column of ratios to each of `against`, and the results of the goals."""
    lines = []
    for row in rows:
        width = max(map(len, row.medians))
        references = [name for name in against if name in row.medians]
        lines.append(f"{row.name}")
        head = f"  {'':{width}}  {row.unit:>9}"
        lines.append(head + "".join(f"  {'/ ' + name:>{max(8, len(name) + 2)}}" for name in references))
        for name, median in row.medians.items():
            ratios = (f"  {row.ratio(name, of):>{max(8, len(of) + 2)}.2f}" for of in references)
            lines.append(f"  {name:{width}}  {median:>9,.2f}" + "".join(ratios))
        sign = ">=" if row.higher_is_better else "<="
        for goal, ratio, reached in row.verdicts():
            verdict = "ok" if reached else "MISSED"
            lines.append(f"  goal: {goal.contender} {sign} {goal.limit:g} of {goal.of}: {ratio:.3f} {verdict}")
        lines.append("")
    return "\n".join(lines)


def report(rows: list[Row], against: list[str], notes: list[str], *, as_json: bool) -> None:
    """Print the table, or everything as one JSON document."""
    if not as_json:
        print("\n".join([*notes, "", table(rows, against)]))
        return
    document = {
        "python": sys.version.split()[0],
        "notes": notes,
        "rows": [
            asdict(row)
            | {"goals": [asdict(goal) | {"ratio": ratio, "reached": ok} for goal, ratio, ok in row.verdicts()]}
            for row in rows
        ],
    }
    print(json.dumps(document, indent=2))

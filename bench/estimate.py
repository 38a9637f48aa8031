"""How often the interval of an estimated sum contains the true sum, and how wide it is.

    python -m bench.estimate                   1,000 samples of 100 and of 1,000 from 20,000 members: some 5 minutes
    python -m bench.estimate --json            the same as JSON
    python -m bench.estimate --members 200000  a larger board: 10 times as long
    python -m bench.estimate --runs 50         fewer samples

Each sample is made by the board's own script in a real Redis, member by member: all members are added, and after every
fourth one a guest, which is removed when a hundred more guests were added. It is read with the scores of one
distribution after the other, since members are not added in the order of their scores. An interval claims to contain
the true sum 95 times in 100; with 1,000 samples, 93.6 to 96.4 is within the error of counting. Sums of only a few
sampled scores, or next to a gap, get intervals that are right more often.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import accumulate

import click
import redis

from pipeline.boards import estimate
from pipeline.boards.estimate import Estimate
from pipeline.boards.lua import BoardScript
from pipeline.boards.sample import Sample, combine, read
from pipeline.boards.scores import LIMIT

from .boards import own_server

Draw = Callable[[random.Random], int]

DISTRIBUTIONS: dict[str, Draw] = {
    "uniform": lambda rnd: rnd.randrange(10**9),
    "0/1, 30 % are 1": lambda rnd: 10**6 * (rnd.random() < 0.3),
    "0/1, 3 % are 1": lambda rnd: 10**6 * (rnd.random() < 0.03),
    "exponential": lambda rnd: int(rnd.expovariate(1) * 10**6),
    "normal, signed": lambda rnd: int(rnd.gauss(0, 10**7)),
    "narrow band at 2^52": lambda rnd: 2**52 + rnd.randrange(10**6),
    "lognormal": lambda rnd: int(rnd.lognormvariate(0, 1) * 10**6),
    "Pareto 1.2": lambda rnd: min(int(rnd.paretovariate(1.2) * 10**6), LIMIT - 1),
}
SIZES = [100, 1000]
RANKS: dict[str, tuple[Callable[[Sample, int, int], Estimate], float]] = {
    "lowest 1 %": (estimate.lowest, 0.01),
    "lowest 10 %": (estimate.lowest, 0.1),
    "lowest 50 %": (estimate.lowest, 0.5),
    "lowest 90 %": (estimate.lowest, 0.9),
    "all": (estimate.lowest, 1),
    "highest 50 %": (estimate.highest, 0.5),
    "highest 10 %": (estimate.highest, 0.1),
    "highest 1 %": (estimate.highest, 0.01),
}

# KEYS[1]  the prefix of the sample's key
# ARGV     members, size of the sample
MAKE = """
local prefix, members, k = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('DEL', prefix .. 'sample')
local come, go = Sample()
local size, guests, gone = 0, 0, 0
for i = 1, members do
  size = size + 1
  come(prefix, 'm' .. i, size, k)
  if i % 4 == 0 then
    size, guests = size + 1, guests + 1
    come(prefix, 'guest' .. guests, size, k)
  end
  if guests - gone > 100 or i == members then
    for guest = gone + 1, i == members and guests or gone + 1 do
      size, gone = size - 1, guest
      go(prefix, 'guest' .. guest)
    end
  end
end
"""


@dataclass
class Finding:
    """`coverage` in percent of the samples; `width` from the sum to an end of the interval, in percent of the sum."""

    distribution: str
    sample: int
    rank: str
    coverage: float
    width: float | None


class Board:
    """The scores of a distribution, and the sums to be estimated."""

    def __init__(self, client: redis.Redis, name: str, members: int) -> None:
        rnd = random.Random(name)
        scores = [DISTRIBUTIONS[name](rnd) for _ in range(members)]
        self.name, self.tag, self.client = name, f"{{bench}}:{name}", client
        for first in range(0, members, 10_000):
            rows = {f"m{i + 1}": scores[i] for i in range(first, min(first + 10_000, members))}
            client.zadd(f"{self.tag}:scores", rows)
        before = [0, *accumulate(sorted(scores))]
        self.counts = {rank: round(share * members) for rank, (_, share) in RANKS.items()}
        self.truths = {
            rank: before[-1] - before[-1 - self.counts[rank]] if side is estimate.highest else before[self.counts[rank]]
            for rank, (side, _) in RANKS.items()
        }

    def measure(self, size: int, sample_key: str, hits: dict[str, int], widths: dict[str, float]) -> None:
        self.client.copy(sample_key, f"{self.tag}:sample", replace=True)
        sample = combine([read(self.client, self.tag, "b")])
        for rank, (side, _) in RANKS.items():
            found = side(sample, self.counts[rank], 0)
            hits[rank] += found.low <= self.truths[rank] <= found.high
            widths[rank] += float(found.high - found.low) / 2


def measure(client: redis.Redis, members: int, runs: int) -> list[Finding]:
    boards = [Board(client, name, members) for name in DISTRIBUTIONS]
    make = client.register_script(BoardScript("sample.lua").text + MAKE)
    findings = []
    for size in SIZES:
        hits = {board.name: dict.fromkeys(RANKS, 0) for board in boards}
        widths = {board.name: dict.fromkeys(RANKS, 0.0) for board in boards}
        for _ in range(runs):
            make(keys=["{bench}:"], args=[members, size])
            for board in boards:
                board.measure(size, "{bench}:sample", hits[board.name], widths[board.name])
        for board in boards:
            for rank in RANKS:
                truth = abs(board.truths[rank])
                width = 100 * widths[board.name][rank] / runs / truth if truth else None
                findings.append(Finding(board.name, size, rank, 100 * hits[board.name][rank] / runs, width))
    return findings


def table(findings: list[Finding]) -> str:
    """One table for each size: in each cell the coverage, and the width."""
    lines = []
    for size in SIZES:
        lines.append(f"samples of {size:,}: % of the intervals that contain the true sum (and +- % of the sum)")
        lines.append(f"  {'':20}" + "".join(f"{rank:>17}" for rank in RANKS))
        for name in DISTRIBUTIONS:
            cells = ""
            for found in findings:
                if (found.distribution, found.sample) == (name, size):
                    width = "-" if found.width is None else f"{found.width:.2g}"
                    cells += f"{f'{found.coverage:.1f} ({width})':>17}"
            lines.append(f"  {name:20}{cells}")
        lines.append("")
    return "\n".join(lines)


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--members", default=20_000, show_default=True, type=click.IntRange(10_000), help="Of each board.")
@click.option("--runs", default=1000, show_default=True, type=click.IntRange(1), help="Samples of each size.")
def main(as_json: bool, members: int, runs: int) -> None:
    with own_server() as client:
        findings = measure(client, members, runs)
    if as_json:
        rows = [asdict(found) for found in findings]
        print(json.dumps({"members": members, "runs": runs, "confidence": estimate.CONFIDENCE, "rows": rows}, indent=2))
    else:
        print(f"{runs:,} samples of each size from boards of {members:,} members\n\n{table(findings)}")


if __name__ == "__main__":
    main()

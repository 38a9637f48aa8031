"""Rows are given when no event of their window can come, whichever partition is read first."""

import random
from datetime import UTC, datetime, timedelta

from events import EVENTS, time_of

DURATION, HOP = timedelta(hours=2), timedelta(hours=1)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
PARTITIONS = {"e1": 1, "e2": 2, "e3": 3}  # of four: see the first step


def ends(time):
    """Yield the ends of the windows (end - DURATION, end] that have this time: multiples of HOP."""
    end = BEGINNING - (BEGINNING - time) // HOP * HOP
    while end - DURATION < time:
        yield end
        end += HOP


def row(end, events):
    first = min(events, key=time_of)  # TopOne() OVER (ORDER BY EventEnqueuedUtcTime ASC)
    rewards = [event["reward"] for event in events if event.get("reward") is not None]
    names = ("actionname", "age", "gender", "weight")
    columns = {"eventid": first["eventid"]} | {name: first.get(name) for name in names}
    return end, columns | {"reward": max(rewards, default=None)}


class Windows:
    def __init__(self, partitions, watermark=min):
        self.reached = dict.fromkeys(range(partitions), BEGINNING)
        self.watermark = watermark
        self.groups = {}

    def feed(self, partition, event):
        for end in ends(time_of(event)):
            self.groups.setdefault((end, event["eventid"]), []).append(event)
        return self.reach(partition, time_of(event))

    def reach(self, partition, time):
        """A partition has been read up to a time. Return the rows that this makes final."""
        self.reached[partition] = time
        watermark = self.watermark(self.reached.values())
        final = sorted(key for key in self.groups if key[0] < watermark)
        return [row(key[0], self.groups.pop(key)) for key in final]


def read(windows, chance):
    """Read four partitions to their ends, at any pace: the next event is of any of them."""
    logs = {number: [] for number in range(4)}
    for event in EVENTS:
        logs[PARTITIONS[event["eventid"]]].append(event)
    found = []
    while logs:
        partition = chance.choice(list(logs))
        if logs[partition]:
            found += windows.feed(partition, logs[partition].pop(0))
        else:
            del logs[partition]
            found += windows.reach(partition, END)
    return found


if __name__ == "__main__":
    for name, watermark in (("min", min), ("max", max)):
        runs = [read(Windows(4, watermark), random.Random(seed)) for seed in range(1000)]
        print(f"a thousand readers, by {name}: different results {len({str(run) for run in runs})}")

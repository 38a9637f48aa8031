"""The query of the notes on this service's engine, over the same events.

PYTHONPATH=. python docs/event/07_engine.py
"""

from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta

from pipeline.windows.language.ticks import isoformat
from pipeline.windows.local.files import EventFile
from pipeline.windows.local.run import LocalJob, run

from events import EVENTS, FILE, JOB, time_of

DURATION, HOP = timedelta(hours=2), timedelta(hours=1)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


def ends(time):
    """Yield the ends of the windows (end - DURATION, end] that have this time: multiples of HOP."""
    end = BEGINNING - (BEGINNING - time) // HOP * HOP
    while end - DURATION < time:
        yield end
        end += HOP


def partial(event):
    """Return what is known of a group after one event: its first event, and the greatest reward."""
    return event, event.get("reward")


def merge(one, other):
    first = min(one[0], other[0], key=time_of)
    rewards = [reward for _, reward in (one, other) if reward is not None]
    return first, max(rewards, default=None)


def result(known):
    first, reward = known
    columns = {name: first.get(name) for name in ("actionname", "age", "gender", "weight")}
    return {"eventid": first["eventid"]} | columns | {"reward": reward}


def panes(events):
    """Return what one partition knows of each hour and eventid: each event is looked at once."""
    found = {}
    for event in events:
        key = next(ends(time_of(event))), event["eventid"]
        found[key] = merge(found[key], partial(event)) if key in found else partial(event)
    return found


def windows(parts):
    """Put the panes of all partitions together: those of an hour are in each window that has it."""
    groups = defaultdict(list)
    for found in parts:
        for (hour, eventid), known in found.items():
            for end in ends(hour):
                groups[end, eventid].append(known)
    for (end, _), (known, *others) in sorted(groups.items(), key=lambda group: group[0]):
        for other in others:
            known = merge(known, other)
        yield end, result(known)


def engine_rows():
    """Run the job, and return the rows of its output, each with the end of its window."""
    given = []
    with closing(EventFile(FILE)) as file:
        run(LocalJob.read(JOB), {"Input": file}, {}, given.append)
    found = [row for row in given if row.output == "OutputWindow"]
    return [(datetime.fromisoformat(isoformat(row.time)), row.columns) for row in found]


if __name__ == "__main__":
    own = list(windows([panes(EVENTS[number::3]) for number in range(3)]))
    by_engine = sorted(engine_rows(), key=lambda row: (row[0], row[1]["eventid"]))
    print(f"rows of the engine: {len(by_engine)}, the same as those of step 6: {by_engine == own}")

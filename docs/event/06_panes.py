"""Two stages: each partition makes panes of an hour, and one more task puts them together."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from events import EVENTS, time_of

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


def show(rows):
    for end, columns in rows:
        print(f"{end:%H:%M}", *(columns[name] for name in ("eventid", "actionname", "reward")))


if __name__ == "__main__":
    parts = [panes(EVENTS[number::3]) for number in range(3)]  # no key: any partition has any event
    print("panes:", *(len(found) for found in parts))
    show(windows(parts))

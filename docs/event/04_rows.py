"""The rows of the query: for each window and eventid the first event, and the greatest reward."""

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


def row(end, events):
    first = min(events, key=time_of)  # TopOne() OVER (ORDER BY EventEnqueuedUtcTime ASC)
    rewards = [event["reward"] for event in events if event.get("reward") is not None]
    names = ("actionname", "age", "gender", "weight")
    columns = {"eventid": first["eventid"]} | {name: first.get(name) for name in names}
    return end, columns | {"reward": max(rewards, default=None)}


def rows(events):
    groups = {}
    for event in events:
        for end in ends(time_of(event)):
            groups.setdefault((end, event["eventid"]), []).append(event)
    return [row(end, groups[end, eventid]) for end, eventid in sorted(groups)]


def show(rows):
    for end, columns in rows:
        print(f"{end:%H:%M}", *(columns[name] for name in ("eventid", "actionname", "reward")))


if __name__ == "__main__":
    show(rows(EVENTS))

"""Which windows an event is in: HoppingWindow(Duration(hour, 2), Hop(hour, 1))."""

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


if __name__ == "__main__":
    for event in EVENTS:
        print(f"{time_of(event):%H:%M}", *(f"{end:%H:%M}" for end in ends(time_of(event))))

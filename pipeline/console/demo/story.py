"""The demo's events: people who are shown an offer, by day more than by night, and what some of them do then.

They are the same each time, but for the day on which they begin.
"""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ...hub.event import RELAY_ID, Event

_SEED = 20240501

#: Seconds from the first event to the last, and to the one that closes all windows: two hours later, which is how long
#: one is.
DURATION, END = 48 * 3600, 50 * 3600

_CONTEXTS = 7200
_LATEST_REWARD = 90 * 60  # seconds after its context

#: Action -> how likely it is to earn something, how much then, and the age that likes it best.
_ACTIONS = {
    "offer_a": (0.45, 1.0, 30),
    "offer_b": (0.38, 0.8, 45),
    "offer_c": (0.30, 0.7, 60),
    "banner_top": (0.28, 0.5, 25),
    "banner_foot": (0.15, 0.4, 35),
    "mail_noon": (0.22, 0.9, 50),
    "push_eve": (0.18, 0.6, 20),
    "video_6s": (0.25, 0.3, 18),
}

_encode = msgspec.json.Encoder().encode


class Told(NamedTuple):
    """An event of the story: seconds since its begin, the event id, which is the key, and what the event says."""

    second: int
    eventid: str
    said: dict[str, str | int | float]


@lru_cache(maxsize=1)
def story() -> list[Told]:
    """Return all events, in the order of their times. Some 8,600, which take 0.2 s and some MB."""
    chance = random.Random(_SEED)
    found = []
    for number, second in enumerate(sorted(_moment(chance) for _ in range(_CONTEXTS))):
        eventid, action = f"demo-{number:05}", chance.choice(list(_ACTIONS))
        age = min(90, max(16, round(chance.gauss(38, 14))))
        weight = round(chance.gauss(72, 11), 1)
        context: dict[str, str | int | float]
        context = {"actionname": action, "age": age, "gender": chance.choice("FM"), "weight": weight}
        found.append(Told(second, eventid, context))
        likely, worth, best_age = _ACTIONS[action]
        if chance.random() < likely * math.exp(-abs(age - best_age) / 40):
            later = second + int(chance.triangular(20, _LATEST_REWARD, 300))
            reward = round(worth * chance.uniform(0.5, 1.5), 2)
            found.append(Told(min(later, DURATION), eventid, {"reward": reward}))
    return sorted(found, key=lambda told: (told.second, told.eventid, "reward" in told.said))


def _moment(chance: random.Random) -> int:
    """A second of the two days: those of the afternoon come three times as often as those of the night."""
    while True:
        second = chance.randrange(DURATION)
        if chance.random() < 0.5 - 0.25 * math.cos((second / 3600 - 3) * math.pi / 12):
            return second


def event_of(number: int, told: Told, begin: datetime) -> Event:
    """Return the event with this number in the story, which begins at a time in UTC.

    It has the id by which a hub leaves out what it has taken before: two workers may send it, or one may send it twice.
    """
    properties = {RELAY_ID: f"demo/0/{number}"}
    body = _encode({"eventid": told.eventid, "at": _time(begin, told.second), **told.said})
    return Event(body, partition_key=told.eventid, content_type="application/json", properties=properties)


def end_event(begin: datetime) -> Event:
    """Return the event that closes all windows of the partition that takes it."""
    return Event(_encode({"eventid": "end", "at": _time(begin, END)}), content_type="application/json")


def _time(begin: datetime, second: int) -> str:
    return f"{begin + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}"

"""The demo: two days of made-up contexts and rewards, played on a hub and a job of its own, into a board of its own.

`story.py` makes the events up, `player.py` is the worker's task that sends them, `demo.py` begins, stops and deletes.
"""

from .demo import NAME as NAME
from .demo import ROWS as ROWS
from .demo import SPEED as SPEED
from .demo import Demo as Demo
from .demo import DemoBusy as DemoBusy
from .demo import DemoPlays as DemoPlays
from .demo import DemoTaken as DemoTaken
from .demo import NoDemo as NoDemo
from .demo import Progress as Progress
from .demo import State as State
from .player import Player as Player

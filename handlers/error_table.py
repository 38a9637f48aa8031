"""Which HTTP status stands for which error of the domain, whose text then says the rest.

Some need more than a status: a sender's errors (BatchTooLarge, HubFull, KeyOfAnother, PublisherRevoked, Throttled,
WrongHops) are answered in the words of Event Hubs by hub/xml_errors.py, Unauthorized with its header by that file and
by app.py, TooManyReaders by following.py, RedisUnavailable, EnvironmentClash, BoardChanged and StaleBoard by outage.py.
An error that is answered nowhere is a 500.
"""

from __future__ import annotations

from pipeline.boards import (
    BoardExists,
    NoSample,
    SettingsChanged,
    UnknownBoard,
    UnknownMember,
    UnknownSegment,
    WrongPlaces,
)
from pipeline.boards.features import FeaturesChanged
from pipeline.boards.shards import ScoreChanged
from pipeline.errors import InvalidValue
from pipeline.hub.group_registry import GroupExists, GroupInUse, UnknownGroup
from pipeline.hub.namespace import HubBusy, HubExists, UnknownHub
from pipeline.hub.stored_hub import UnknownPartition
from pipeline.reference import ReferenceChanged, UnknownReference
from pipeline.reference.text import InvalidReference
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.outputs import OutputInUse, OutputTaken, UnknownOutput
from pipeline.windows.jobs.registry import JobExists, JobInUse, ReferenceInUse, UnknownJob
from pipeline.work.tasks import TaskEnded, TooManyTasks, UnknownTask

PROBLEMS: dict[type[Exception], int] = {
    InvalidValue: 422,
    InvalidJob: 422,
    InvalidReference: 422,
    UnknownBoard: 404,
    UnknownGroup: 404,
    UnknownHub: 404,
    UnknownJob: 404,
    UnknownMember: 404,
    UnknownOutput: 404,
    UnknownPartition: 404,
    UnknownReference: 404,
    UnknownSegment: 404,
    UnknownTask: 404,
    BoardExists: 409,
    GroupExists: 409,
    GroupInUse: 409,
    HubBusy: 409,
    HubExists: 409,
    JobExists: 409,
    JobInUse: 409,
    NoSample: 409,
    OutputInUse: 409,
    OutputTaken: 409,
    ReferenceInUse: 409,
    TaskEnded: 409,
    WrongPlaces: 409,
    FeaturesChanged: 412,
    ReferenceChanged: 412,
    ScoreChanged: 412,
    SettingsChanged: 412,
    TooManyTasks: 503,
}

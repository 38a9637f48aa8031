"""Window jobs as JSON. The fields are those of job.toml; job_toml.py reads both and reports what is wrong."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from pipeline.names import NAME
from pipeline.store import Redis
from pipeline.windows.engine.bodies import Delimiter
from pipeline.windows.engine.bodies import Format as BodyFormat
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.fault_examples import FaultExample, fault_examples
from pipeline.windows.jobs.job_toml import (
    SNAPSHOT,
    START,
    BoardTable,
    OutputConfig,
    Reference,
    Seconds,
    Time,
    WebhookConfig,
)
from pipeline.windows.jobs.outputs import DeliveryStatus
from pipeline.windows.jobs.record import JobRecord
from pipeline.windows.jobs.reports import JobStatus
from pipeline.windows.jobs.states import MEANINGS, State
from pipeline.windows.language.warned import Warned
from pipeline.windows.operators.faults import KINDS

#: What an answer has in the place of a webhook's headers and its URL's query, which may be secrets.
HIDDEN = "(hidden)"


class InputTable(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A `hub`, or a `reference`, which is joined without a window. Only jobs in folders can read files.

    `partition_key` names the column that is to hold each event's partition key, if one is. The job reads the hub as its
    own consumer group unless another is named. Bodies of events are JSON, or CSV whose values `delimiter` divides.
    """

    hub: str | None = None
    consumer_group: str | None = None
    partition_key: str | None = None
    format: BodyFormat = "json"
    delimiter: Delimiter = ","
    reference: Reference | None = None
    file: str | None = None


_EXAMPLE = """\
SELECT key, COUNT(*) AS events
INTO PerMinute
FROM Input
GROUP BY key, TumblingWindow(minute, 1)"""


class JobBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A job: a query, and where its inputs come from and its outputs go, by the names that it uses.

    `functions` are in JavaScript, and the query calls them as UDF.name. `start` is where a job begins that has not run
    yet, or not with this start: `last`, `now` or a UTC time. `snapshot` is how often its state is saved. `faults` names
    one more of `outputs`, which gets a row for each fault.
    """

    query: Annotated[str, msgspec.Meta(max_length=100_000, examples=[_EXAMPLE])]
    inputs: Annotated[dict[str, InputTable], msgspec.Meta(examples=[{"Input": {"hub": "events"}}])]
    outputs: Annotated[dict[str, OutputConfig], msgspec.Meta(examples=[{"PerMinute": {"type": "stream"}}])]
    functions: Annotated[
        dict[str, Annotated[str, msgspec.Meta(max_length=100_000)]],
        msgspec.Meta(examples=[{"triple": "function main(x) { return 3 * x }"}]),
    ] = {}
    boards: list[BoardTable] = []
    time: Time | None = None
    start: str = START
    snapshot: Seconds = SNAPSHOT
    faults: str | None = None

    def definition(self) -> Definition:
        document = msgspec.to_builtins(self)
        return Definition(document.pop("query"), document)


JobState = Annotated[
    State, msgspec.Meta(description="\n".join(f"- `{state}`: {meaning}" for state, meaning in MEANINGS.items()))
]


class JobSummary(msgspec.Struct):
    """`reason` says why the job is in this state, null if it just runs. `folder`: it is a worker's folder.

    `lag` is how many events wait for it; null before it has run.
    """

    name: str
    state: JobState
    reason: str | None
    folder: bool
    watermark: str | None
    lag: int | None


class JobList(msgspec.Struct):
    jobs: list[JobSummary]


class JobDocument(msgspec.Struct):
    """`status` is null until a worker has begun it; `deliveries` are those of outputs that are not in Redis.

    `reason` says why it is in this state, null if it just runs. `stopped_time` is when it was stopped, null if workers
    are to run it. `definition` is null for a worker's folder that can't be read. `warnings` are what the query may not
    mean: it runs all the same. When it is put, the hubs' last events are looked at, too.
    """

    name: str
    state: JobState
    reason: str | None
    folder: bool
    updated_time: str
    stopped_time: str | None
    definition: JobBody | None
    status: JobStatus | None
    deliveries: list[DeliveryStatus]
    warnings: list[Warned]


class FaultKind(msgspec.Struct):
    """`kind` is one of a job's status; `examples` are the last, newest first.

    `azure_metric` is the metric of Stream Analytics that counts such, "" if none does.
    """

    kind: str
    title: str
    meaning: str
    azure_metric: str
    count: int
    examples: list[FaultExample]


class JobFaults(msgspec.Struct):
    """All kinds, also those of which there were none."""

    job: str
    faults: list[FaultKind]


class WantedState(msgspec.Struct, forbid_unknown_fields=True):
    """`stopped`: workers leave the job alone, and its hubs keep the events that it has not read."""

    state: Literal["running", "stopped"]


class RestartBody(msgspec.Struct, forbid_unknown_fields=True, rename={"start": "from"}):
    """The time of the first row: a UTC time; `now`; or `last`, after the last row that was written."""

    start: Annotated[str, msgspec.Meta(examples=["2024-05-01T11:00:00Z"])]


class CopyBody(msgspec.Struct, forbid_unknown_fields=True):
    """`to` is the copy's name. A `definition` is needed if the job writes to boards, hubs, files or webhooks."""

    to: Annotated[str, msgspec.Meta(pattern=f"^{NAME}$", examples=["per-minute-2"])]
    definition: JobBody | None = None


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"
    DOT = "dot"


class ExplainQuery(msgspec.Struct, forbid_unknown_fields=True):
    format: Annotated[Format, msgspec.Meta(description="`mermaid` and `dot` are drawings, as text")] = Format.TEXT


def job_faults(client: Redis, name: str, status: JobStatus | None) -> JobFaults:
    """Return the faults of a job with examples: one round trip."""
    counts = {} if status is None else status.faults
    found = fault_examples(client, name)
    return JobFaults(
        name,
        [
            FaultKind(kind, about.title, about.meaning, about.azure, counts.get(kind, 0), found[kind])
            for kind, about in KINDS.items()
        ],
    )


def job_body(job: JobRecord) -> JobBody | None:
    """Return a job's definition without its secrets; None for a folder's that could never be read."""
    if not job.definition.document:
        return None
    body = _body(job.definition)
    body.outputs = {name: _without_secrets(table) for name, table in body.outputs.items()}
    return body


def with_secrets(body: JobBody, job: JobRecord) -> JobBody:
    """Return a definition with the secrets that `job_body` hid in it, if it came from there, put back."""
    old = _body(job.definition)
    outputs = {name: _with_secrets(table, old.outputs.get(name)) for name, table in body.outputs.items()}
    return msgspec.structs.replace(body, outputs=outputs)


def _body(definition: Definition) -> JobBody:
    """Return a definition whose texts may be longer than those that can be put: a folder's have no limit."""
    body = msgspec.convert({**definition.document, "query": "", "functions": {}}, JobBody)
    body.query, body.functions = definition.query, definition.document.get("functions", {})
    return body


def _with_secrets(table: OutputConfig, old: OutputConfig | None) -> OutputConfig:
    if not isinstance(table, WebhookConfig) or not isinstance(old, WebhookConfig):
        return table
    hidden = _without_secrets(old)
    assert isinstance(hidden, WebhookConfig)
    if table.url.partition("?")[0] != hidden.url.partition("?")[0]:  # secrets are for whom they were given to
        return table
    headers = {name: old.headers.get(name, text) if text == HIDDEN else text for name, text in table.headers.items()}
    return msgspec.structs.replace(table, url=old.url if table.url == hidden.url else table.url, headers=headers)


def _without_secrets(table: OutputConfig) -> OutputConfig:
    if not isinstance(table, WebhookConfig):
        return table
    url, mark, _ = table.url.partition("?")
    hidden_url = f"{url}?{HIDDEN}" if mark else url
    return msgspec.structs.replace(table, url=hidden_url, headers=dict.fromkeys(table.headers, HIDDEN))

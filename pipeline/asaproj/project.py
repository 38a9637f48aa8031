"""Reads a project, and returns it as the definition of a job, with all that can't be done here as warnings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..windows.jobs.definition import FUNCTIONS, Definition
from ..windows.jobs.job_toml import InvalidJob
from ..windows.jobs.prepare import prepare
from ..windows.language.excerpt import excerpt
from ..windows.language.parser import parse
from ..windows.language.syntax import Query, Source, Step
from ..windows.language.tokens import At, QueryError
from ..windows.language.tree import walk
from ..windows.language.values import lookup
from ..windows.local.files import EventFile, Found
from ..windows.local.run import LocalJob
from .forms import FUNCTION, INPUT, JOB, MOCK, OLD_FUNCTION, OUTPUT, PROJECT, Form, InvalidProject, at, read_text

#: What Azure does without these keys: the page on JobConfig.json has the first, job templates the second.
_LATE, _OUT_OF_ORDER = -1, 0

_EVENT_HUB = "Event Hub"  # the DataSourceType of inputs and outputs that are hubs here
_ENQUEUED = "EventEnqueuedUtcTime"


@dataclass
class Project:
    """A project as a job. `document` is as in `Definition`, with the paths of files from `folder` on.

    `data` are the local files of inputs, by the names of the inputs; `hubs` the Event Hubs that they are in Azure.
    `arrivals` are the UTC times at which events of inputs without TIMESTAMP BY arrive that do not tell it themselves.
    """

    folder: Path
    name: str = ""
    query: str = ""
    query_path: Path = Path()
    document: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Path] = field(default_factory=dict)
    hubs: dict[str, str] = field(default_factory=dict)
    arrivals: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def definition(self) -> Definition:
        return Definition(self.query, self.document)

    def local_job(self) -> LocalJob:
        """Return the job to be run over files. Raises `InvalidJob`, or `InvalidProject` if the query is wrong."""
        try:
            prepared = prepare(self.definition, self.folder)
        except InvalidJob as exc:
            if exc.field != "query":
                raise
            error = InvalidProject(self.query_path, str(exc).removeprefix(f"{exc.path}: "))
            for note in getattr(exc, "__notes__", []):
                error.add_note(note)
            raise error from exc
        return LocalJob(self.folder, prepared)

    def event_file(self, name: str, path: Path) -> EventFile:
        """Open the events of an input. Raises `InvalidFile`."""
        return EventFile(path) if name not in self.arrivals else _Arriving(path, self.arrivals[name])

    def warn(self, form: Form, key: str, message: str) -> None:
        self.warnings.append(f"{os.path.relpath(form.path, self.folder)}: {key}: {message}")


def read_project(path: Path) -> Project:
    """Read the project of an asaproj.json. Raises `InvalidProject`."""
    project = Project(path.parent)
    main = Form(path, PROJECT)
    project.query_path = at(path.parent, path.parent, main.text("startFile"))
    project.query = read_text(project.query_path)
    project.name = main.text("name", default=project.query_path.stem)
    forms = list(_forms(project, main))
    try:
        names = _Names(parse(project.query))
    except QueryError as exc:
        error = InvalidProject(project.query_path, str(exc))
        if shown := excerpt(project.query, At(exc.line, exc.column)):
            error.add_note(shown)
        raise error from exc
    project.document = {"time": _time(project, forms), "inputs": {}, "outputs": {}, FUNCTIONS: {}}
    _inputs(project, forms, names)
    _outputs(project, forms, names)
    for form in forms:
        if form.kind == FUNCTION:
            _function(project, form)
        if form.kind != OUTPUT or form.text("DataSourceType") == _EVENT_HUB:  # of others, nothing is used
            for key in form.unknown():
                project.warn(form, key, "it is not known here, and not used")
    return project


class _Arriving(EventFile):
    """A file whose events arrive at one time, unless they tell another."""

    def __init__(self, path: Path, arrival: str) -> None:
        super().__init__(path)
        self._arrival = arrival

    def __iter__(self) -> Iterator[Found]:
        for number, found in super().__iter__():
            if isinstance(found, dict) and lookup(found, _ENQUEUED) is None:
                found = {**found, _ENQUEUED: self._arrival}
            yield number, found


class _Names:
    """The names that a query uses: of inputs that are no steps, and of outputs. `by_arrival` have no TIMESTAMP BY."""

    def __init__(self, query: Query) -> None:
        steps = {part.name.lower() for part in walk(query.statements) if isinstance(part, Step)}
        self.inputs: dict[str, str] = {}
        self.by_arrival: set[str] = set()
        for part in walk(query.statements):
            if isinstance(part, Source) and part.name.lower() not in steps:
                self.inputs.setdefault(part.name.lower(), part.name)
                if part.timestamp is None:
                    self.by_arrival.add(part.name.lower())
        self.outputs = {statement.into.lower(): statement.into for statement in query.statements}


def _forms(project: Project, main: Form) -> Iterator[Form]:
    listed = main.document.get("configurations") or []
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise InvalidProject(main.path, "configurations must be an array of objects")
    for entry in listed:
        written, kind = entry.get("filePath"), entry.get("subType")
        if not isinstance(written, str) or not isinstance(kind, str):
            raise InvalidProject(main.path, "each of configurations needs filePath and subType")
        kind = FUNCTION if kind == OLD_FUNCTION else kind
        if kind in (JOB, INPUT, MOCK, OUTPUT, FUNCTION):
            yield Form(at(project.folder, project.folder, written), kind)
        else:
            project.warn(main, kind, f"{written} is not used: there is no such thing here")
    for key in main.unknown():
        project.warn(main, key, "it is not known here, and not used")


def _time(project: Project, forms: list[Form]) -> dict[str, Any]:
    found = [form for form in forms if form.kind == JOB]
    if not found:
        raise InvalidProject(project.folder / PROJECT, f"its configurations have no {JOB}")
    form = found[0]
    policy = form.text("EventsOutOfOrderPolicy", default="Adjust")
    if policy.lower() not in ("adjust", "drop"):
        raise InvalidProject(form.path, f"EventsOutOfOrderPolicy must be Adjust or Drop, and is {policy!r}")
    if (level := form.text("CompatibilityLevel", default="1.2")) != "1.2":
        project.warn(form, "CompatibilityLevel", f"the query is run as by level 1.2, not {level}")
    if (on_error := form.text("OutputErrorPolicy", default="Retry")) == "Drop":
        project.warn(form, "OutputErrorPolicy", f"{on_error}: an output here never drops a row that it can't write")
    if (locale := form.text("DataLocale", default="en-US")) != "en-US":
        project.warn(form, "DataLocale", f"{locale}: numbers and times are always read as in en-US")
    return {
        "late_arrival": form.seconds("EventsLateArrivalMaxDelayInSeconds", _LATE),
        "out_of_order": form.seconds("EventsOutOfOrderMaxDelayInSeconds", _OUT_OF_ORDER),
        "action": policy.lower(),
    }


def _inputs(project: Project, forms: list[Form], names: _Names) -> None:
    tables: dict[str, dict[str, Any]] = project.document["inputs"]
    is_reference: dict[str, bool] = {}
    for form in (form for form in forms if form.kind == INPUT):
        name = names.inputs.get(form.text("Name").lower())
        if name is None:
            project.warn(form, "Name", f"{form.text('Name')} is not in the query, and not used")
            continue
        is_reference[name] = _is_reference(form)
        _serialization(project, form)
        if is_reference[name]:
            tables[name] = {"reference": {"hash": f"reference:{name}"}}
            continue
        hub = form.text("EventHubProperties", "EventHubName", default=name.lower())
        if (source := form.text("DataSourceType", default=_EVENT_HUB)) != _EVENT_HUB:
            project.warn(form, "DataSourceType", f"{source}: read here as the hub {hub}")
        project.hubs[name] = hub
        key = form.text("PartitionKey", default="")
        tables[name] = {"hub": hub} | ({"partition_key": key} if key else {})
        if (packed := form.text("CompressionType", default="None")) != "None":
            project.warn(form, "CompressionType", f"{packed}: bodies of events are not unpacked here")
    for form in (form for form in forms if form.kind == MOCK):
        written = form.text("InputAlias", default="") or form.text("Name")
        name = names.inputs.get(written.lower())
        if name is None or name in project.data:
            why = "is not in the query" if name is None else "has a local file already"
            project.warn(form, "InputAlias", f"{written} {why}: this one is not used")
            continue
        _serialization(project, form)
        path = at(project.folder, form.path.parent, form.text("FilePath"))
        if not path.is_file():
            raise InvalidProject(form.path, f"FilePath: there is no file {path}")
        project.data[name] = path
        relative = os.path.relpath(path, project.folder)
        if is_reference.get(name, _is_reference(form)):
            tables[name] = {"reference": {"file": relative}}
            continue
        tables[name] = {"file": relative, **tables.get(name, {})}
        tables[name].pop("hub", None)
        if name.lower() in names.by_arrival:
            project.arrivals[name] = _changed(path)
    for name, table in tables.items():
        if "reference" in table and name not in project.data:
            project.warnings.append(
                f"{PROJECT}: {name}: no local file has this reference data: it is looked for in the Redis hash "
                f"{table['reference']['hash']}"
            )


def _is_reference(form: Form) -> bool:
    return form.text("Type", default="Data Stream").lower() == "reference data"


def _serialization(project: Project, form: Form) -> None:
    kind = form.text("Format", default="") or form.text("Serialization", "Type", default="Json")
    if kind not in ("Json", "Csv"):
        project.warn(form, "Serialization", f"{kind} can't be read here, only Json and Csv")
    if (encoding := form.text("Serialization", "Encoding", default="UTF8")) != "UTF8":
        project.warn(form, "Serialization", f"{encoding}: all text is read as UTF-8")
    if kind == "Csv" and (sign := form.text("Serialization", "FieldDelimiter", default=",")) not in (",", "Comma"):
        project.warn(form, "Serialization", f"FieldDelimiter {sign!r}: values are separated by commas here")


def _changed(path: Path) -> str:
    """Return when a file was last changed, to the second: when its events arrive that do not say so."""
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC).replace(tzinfo=None).isoformat() + "Z"


def _outputs(project: Project, forms: list[Form], names: _Names) -> None:
    tables: dict[str, dict[str, Any]] = project.document["outputs"]
    for form in (form for form in forms if form.kind == OUTPUT):
        name = names.outputs.get(form.text("Name").lower())
        if name is None:
            project.warn(form, "Name", f"{form.text('Name')} is not in the query, and not used")
            continue
        if (target := form.text("DataSourceType")) != _EVENT_HUB:
            project.warn(form, "DataSourceType", f"{target}: rows go to the stream {name} instead")
            tables[name] = {"type": "stream"}
            continue
        key = form.text("EventHubProperties", "PartitionKey", default="")
        hub = form.text("EventHubProperties", "EventHubName")
        tables[name] = {"type": "hub", "hub": hub} | ({"partition_key": key} if key else {})
    for name in names.outputs.values():
        if name not in tables:
            project.warnings.append(f"{PROJECT}: {name}: it has no file in Outputs: rows go to the stream {name}")
            tables[name] = {"type": "stream"}


def _function(project: Project, form: Form) -> None:
    name = form.text("Name")
    if (kind := form.text("Type", default="Scalar")) != "Scalar":
        project.warn(form, "Type", f"{kind}: only scalar functions can be run here")
        return
    project.document[FUNCTIONS][name] = read_text(form.path.with_suffix(""))  # NAME.js.json is beside NAME.js

"""Makes a project of a job's folder, with an Event Hub for each input and output. What only Azure knows is null."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..windows.expressions.user_functions import UDF
from ..windows.jobs.definition import read_definition
from ..windows.jobs.job_toml import FileInput, HubConfig, HubInput, JobConfig, ReferenceInput
from ..windows.jobs.prepare import Prepared, prepare
from ..windows.language.syntax import Call
from ..windows.language.ticks import TICKS_PER_SECOND
from ..windows.language.tree import walk
from ..windows.local.files import find_file
from ..windows.planning.topology import topology
from .differences import differences
from .folder import new_folder
from .forms import FUNCTION, INPUT, JOB, JOB_CONFIG, MOCK, OUTPUT, PROJECT, check_file_names

#: The most streaming units that a job can have, by the page on JobConfig.json and that on streaming units.
_MOST_UNITS = 66

_FORMATS = {".json": "Json", ".ndjson": "Json", ".jsonl": "Json", ".csv": "Csv"}


def export_project(folder: Path, to: Path, partitions: int = 1) -> tuple[list[str], list[str]]:
    """Write the project of a job's folder to `to`, whole or not at all.

    `partitions` are those of each Event Hub. Returns what is left to do, by file, and what Azure would do otherwise.
    Raises `InvalidJob`, and `InvalidProject` if there is something at `to`.
    """
    definition = read_definition(folder)
    prepared = prepare(definition, folder)
    plan = prepared.plan
    check_file_names(to, (*plan.inputs, *plan.references, *plan.outputs, *prepared.config.functions))
    with new_folder(to) as made:
        export = _Export(folder, made, prepared, to.name)
        export.write(partitions)
        (made / f"{to.name}.asaql").write_text(definition.query)
    return export.notes, list(differences(prepared.query))


class _Export:
    def __init__(self, job: Path, to: Path, prepared: Prepared, name: str) -> None:
        self.job, self.to, self.name = job, to, name
        self.plan, self.query = prepared.plan, prepared.query
        self.config: JobConfig = prepared.config
        self.notes: list[str] = []
        self._listed: list[Mapping[str, str]] = []

    def write(self, partitions: int) -> None:
        self._file(JOB_CONFIG, JOB, self._job_config(partitions))
        for name in self.plan.inputs:
            self._input(name)
        for name in self.plan.references:
            self._reference(name)
        for name in self.plan.outputs:
            self._output(name)
        self.notes.append(
            "Inputs, Outputs: write the namespaces of the Event Hubs, and policies or AuthenticationMode Msi"
        )
        for output, board in self.config.boards:
            self.notes.append(f"board {board.board}: Azure has none: its scores are in the rows of {output}")
        for name, source in self.config.functions.items():
            self._function(name, source)
        main = {"name": self.name, "startFile": f"{self.name}.asaql", "configurations": self._listed}
        self._write(PROJECT, main)

    def _file(self, path: str, kind: str, document: Mapping[str, Any]) -> None:
        self._write(path, {**document, "ScriptType": kind})
        self._listed.append({"filePath": path, "subType": kind})

    def _write(self, path: str, document: Mapping[str, Any]) -> None:
        file = self.to / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=4) + b"\n")

    def _job_config(self, partitions: int) -> Mapping[str, Any]:
        policies = self.config.policies
        late = -1 if policies.late is None else self._seconds("EventsLateArrivalMaxDelayInSeconds", policies.late)
        return {
            "DataLocale": "en-US",
            "OutputErrorPolicy": "Retry",
            "EventsLateArrivalMaxDelayInSeconds": late,
            "EventsOutOfOrderMaxDelayInSeconds": self._seconds(
                "EventsOutOfOrderMaxDelayInSeconds", policies.out_of_order
            ),
            "EventsOutOfOrderPolicy": policies.action.capitalize(),
            "Sku": {"Name": "StandardV2", "StreamingUnits": str(self._units(partitions))},
            "CompatibilityLevel": "1.2",
            "UseSystemAssignedIdentity": False,
            "GlobalStorage": {"AccountName": None, "AccountKey": None, "AuthenticationMode": "ConnectionString"},
            "ContentStoragePolicy": "SystemAccount",
            "CustomCodeStorage": {"AccountName": None, "AccountKey": None, "ContainerName": None, "Path": None},
            "VirtualNetworkConfiguration": {"VirtualNetworkName": None, "SubnetResourceId": None},
            "DataSourceCredentialDomain": None,
            "Tags": {},
        }

    def _seconds(self, key: str, ticks: int) -> int:
        """Return ticks as Azure takes them, in whole seconds; a part of one is rounded up, with a note."""
        seconds = -(-ticks // TICKS_PER_SECOND)
        if seconds * TICKS_PER_SECOND != ticks:
            self.notes.append(f"{JOB_CONFIG}: {key}: {seconds}, as it must be whole; here it is less")
        return seconds

    def _units(self, partitions: int) -> int:
        """Return the most units of which each has something to do: one for a partition, and one for what merges."""
        layout = topology(self.plan, self.config.partition_keys, dict.fromkeys(self.plan.inputs, partitions))
        wanted = (partitions if layout.partitioned else 0) + (1 if layout.merging else 0)
        units = min(wanted, _MOST_UNITS)
        merging = ", one of them for the step that merges partitions" if layout.merging and layout.partitioned else ""
        self.notes.append(
            f"{JOB_CONFIG}: StreamingUnits: {units}, the most that the query can use over {partitions} "
            f"partition{'s' * (partitions > 1)}{merging}; measure with fewer first"
        )
        return units

    def _input(self, name: str) -> None:
        table = self.config.inputs[name]
        assert isinstance(table, HubInput | FileInput)
        hub = table.hub if isinstance(table, HubInput) else name.lower()
        document = {
            "Name": name,
            "Type": "Data Stream",
            "DataSourceType": "Event Hub",
            "EventHubProperties": {**_event_hub(hub), "ConsumerGroupName": "$Default"},
            "DataSourceCredentialDomain": None,
            "Serialization": {"Type": "Json", "Encoding": "UTF8"},
            "PartitionKey": table.partition_key,
            "CompressionType": "None",
        }
        self._file(f"Inputs/{name}.json", INPUT, document)
        data = self.job / table.file if isinstance(table, FileInput) else self._of_first_case(name)
        self._mock(name, "Data Stream", data)

    def _of_first_case(self, name: str) -> Path | None:
        """Return the events of the input in the first test case that has some."""
        cases = self.job / "tests"
        folders = sorted(path for path in cases.iterdir() if path.is_dir()) if cases.is_dir() else []
        return next(filter(None, (find_file(case, name) for case in folders)), None)

    def _reference(self, name: str) -> None:
        table = self.config.inputs[name]
        assert isinstance(table, ReferenceInput)
        path = self.job / table.reference.file if table.reference.file else self._of_first_case(name)
        document = {
            "Name": name,
            "Type": "Reference data",
            "DataSourceType": "Blob Storage",
            "BlobReferenceProperties": {
                "Container": None,
                "PathPattern": path.name if path else None,
                "DateFormat": "yyyy/MM/dd",
                "TimeFormat": "HH",
                "StorageAccounts": [{"AccountName": None, "AccountKey": None}],
            },
            "DataSourceCredentialDomain": None,
            "Serialization": {"Type": _FORMATS.get(path.suffix if path else "", "Json"), "Encoding": "UTF8"},
        }
        self._file(f"Inputs/{name}.json", INPUT, document)
        what = f"the file {table.reference.file}" if table.reference.file else f"the hash {table.reference.hash}"
        self.notes.append(f"Inputs/{name}.json: put {what} into a container of Blob Storage, and name both in it")
        self._mock(name, "Reference data", path)

    def _mock(self, name: str, kind: str, data: Path | None) -> None:
        path = f"Inputs/Local_{name}.json"
        if data is None:
            self.notes.append(f"{path}: there is none, as the job has no file of {name}")
            return
        suffix = Path(data.stem if data.suffix == ".gz" else data.name).suffix.lower()
        if suffix not in _FORMATS or not data.is_file():
            self.notes.append(f"{path}: there is none: a local file must be one file of JSON or CSV, not {data.name}")
            return
        file = f"{name}.{_FORMATS[suffix].lower()}"
        (self.to / "Data").mkdir(exist_ok=True)
        opened = gzip.open if data.suffix == ".gz" else open
        with opened(data, "rb") as read, (self.to / "Data" / file).open("wb") as written:
            shutil.copyfileobj(read, written)
        document = {"InputAlias": name, "Type": kind, "Format": _FORMATS[suffix], "FilePath": f"../Data/{file}"}
        self._file(path, MOCK, document)

    def _output(self, name: str) -> None:
        table = self.config.outputs[name]
        path = f"Outputs/{name}.json"
        hub = table.hub if isinstance(table, HubConfig) else name.lower()
        key = table.partition_key if isinstance(table, HubConfig) else None
        if not isinstance(table, HubConfig):
            kind = table.__struct_config__.tag
            self.notes.append(f"{path}: an Event Hub {hub} in the place of the {kind} {name}: choose what is meant")
        document = {
            "Name": name,
            "DataSourceType": "Event Hub",
            "EventHubProperties": {**_event_hub(hub), "PartitionKey": key or "", "PropertyColumns": []},
            "DataSourceCredentialDomain": None,
            "Serialization": {"Type": "Json", "Encoding": "UTF8", "Format": "LineSeparated"},
        }
        self._file(path, OUTPUT, document)

    def _function(self, name: str, source: str) -> None:
        calls = [
            part
            for part in walk(self.query.statements)
            if isinstance(part, Call) and part.function == f"{UDF}{name}".upper()
        ]
        taken = max((len(call.arguments) for call in calls), default=0)
        document = {
            "Name": name,
            "Type": "Scalar",
            "FunctionInputs": [{"DataType": "any", "IsConfigurationParameter": None}] * taken,
            "OutputType": "any",
        }
        self._file(f"Functions/{name}.js.json", FUNCTION, document)
        (self.to / "Functions" / f"{name}.js").write_text(source)


def _event_hub(hub: str) -> dict[str, Any]:
    return {
        "ServiceBusNamespace": None,
        "EventHubName": hub,
        "SharedAccessPolicyName": None,
        "SharedAccessPolicyKey": None,
        "AuthenticationMode": "ConnectionString",
    }

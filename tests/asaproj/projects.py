"""Writes projects in the form of the published ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

QUERY = """\
SELECT i.device, UDF.twice(COUNT(*)) AS n, r.name INTO Out
FROM Input i TIMESTAMP BY t JOIN Devices r ON i.device = r.device
GROUP BY i.device, r.name, TumblingWindow(second, 10)
"""

JOB_CONFIG: dict[str, Any] = {
    "ScriptType": "JobConfig",
    "DataLocale": "en-US",
    "OutputErrorPolicy": "Retry",
    "EventsLateArrivalMaxDelayInSeconds": 60,
    "EventsOutOfOrderMaxDelayInSeconds": 5,
    "EventsOutOfOrderPolicy": "Drop",
    "StreamingUnits": 3,
    "CompatibilityLevel": "1.2",
    "UseSystemAssignedIdentity": False,
    "GlobalStorage": {"AccountName": "mine", "AccountKey": None, "AuthenticationMode": "ConnectionString"},
    "Tags": {},
}

EVENT_HUB: dict[str, Any] = {
    "Name": "Input",
    "Type": "Data Stream",
    "DataSourceType": "Event Hub",
    "EventHubProperties": {"ServiceBusNamespace": "ns", "EventHubName": "telemetry", "ConsumerGroupName": "$Default"},
    "Serialization": {"Type": "Json", "Encoding": "UTF8"},
    "PartitionKey": "device",
    "CompressionType": "None",
    "ScriptType": "Input",
}

OUTPUT: dict[str, Any] = {
    "Name": "Out",
    "DataSourceType": "Event Hub",
    "EventHubProperties": {"ServiceBusNamespace": "ns", "EventHubName": "counts", "PartitionKey": "device"},
    "Serialization": {"Type": "Json", "Encoding": "UTF8", "Format": "LineSeparated"},
    "ScriptType": "Output",
}


def local(name: str, file: str, kind: str = "Data Stream", format: str = "Json") -> dict[str, Any]:
    return {"InputAlias": name, "Type": kind, "Format": format, "FilePath": file, "ScriptType": "InputMock"}


#: (path, subType) of each file that is listed, and what it holds.
FILES: dict[tuple[str, str], Any] = {
    ("JobConfig.json", "JobConfig"): JOB_CONFIG,
    ("Inputs/Input.json", "Input"): EVENT_HUB,
    ("Inputs/Local_Input.json", "InputMock"): local("input", "sample.json"),
    ("Inputs\\Local_Devices.json", "InputMock"): local("Devices", "..\\Data\\devices.csv", "Reference data", "Csv"),
    ("Outputs/Out.json", "Output"): OUTPUT,
    ("Functions/twice.js.json", "JSFunction"): {
        "Name": "twice",
        "Type": "Scalar",
        "ScriptType": "JSFunction",
        "FunctionInputs": [{"DataType": "any", "IsConfigurationParameter": None}],
        "OutputType": "any",
    },
}

EVENTS = [
    {"t": "2024-05-01T10:00:01Z", "device": "a"},
    {"t": "2024-05-01T10:00:02Z", "device": "a"},
    {"t": "2024-05-01T10:00:03Z", "device": "b"},
]

ROWS = ['{"device":"a","n":4,"name":"first"}', '{"device":"b","n":2,"name":"second"}']


def write_project(folder: Path, files: Mapping[tuple[str, str], Any] = FILES, query: str = QUERY, **main: Any) -> Path:
    """Write a project whose listed files are `files`; return its asaproj.json."""
    listed = [{"filePath": path, "subType": kind} for path, kind in files]
    texts = {
        "asaproj.json": {"name": "Counts", "startFile": "Counts.asaql", "configurations": listed, **main},
        "Counts.asaql": query,
        "Inputs/sample.json": EVENTS,
        "Data/devices.csv": "device,name\na,first\nb,second\n",
        "Functions/twice.js": "// Twice.\nfunction main(x) {\n    return 2 * x;\n}",
        **{path: content for (path, _), content in files.items()},
    }
    for path, content in texts.items():
        file = folder / path.replace("\\", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content, indent=4)
        file.write_text("\ufeff" + text if file.suffix == ".json" else text)  # as Visual Studio writes them
    return folder / "asaproj.json"


def changed(path: str, kind: str, **keys: Any) -> dict[tuple[str, str], Any]:
    """Return `FILES` with other values of some keys of one file."""
    return {**FILES, (path, kind): {**FILES.get((path, kind), {}), **keys}}

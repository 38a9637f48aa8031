"""The JSON files of a project: how they are read, and which keys each of them has.

The keys are those of the page on JobConfig.json, and of these public projects, which the tools themselves wrote:
Azure/azure-stream-analytics (Samples/OnnxExample), Fleid/asa.adfCustomDeserializer, aessam01/asa-tadtaplt-resort-dev,
sandervandevelde/ASA-Inactive-Devices-Notifications, sandervandevelde/ASATestJSonArrray,
AndreasHassing/ASAVsCodeReferenceDataIssueRepro, JoaoGama-dev/EventHubAsaCaminhoesSA.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..errors import PipelineError
from ..windows.language.values import lookup

PROJECT = "asaproj.json"
JOB_CONFIG = "JobConfig.json"

#: What asaproj.json says that a file is. Two versions of the tools wrote the last two (azure-stream-analytics#108).
JOB, INPUT, MOCK, OUTPUT = "JobConfig", "Input", "InputMock", "Output"
FUNCTION, OLD_FUNCTION = "JSFunction", "JSFunctionConfig"

#: The keys of each kind of file that are known. What is not read of them tells nothing of rows: accounts, passwords.
KNOWN: Mapping[str, frozenset[str]] = {
    kind: frozenset(keys.split())
    for kind, keys in {
        PROJECT: "name startFile configurations",
        JOB: """
            ScriptType DataLocale OutputErrorPolicy EventsLateArrivalMaxDelayInSeconds EventsOutOfOrderMaxDelayInSeconds
            EventsOutOfOrderPolicy StreamingUnits Sku CompatibilityLevel UseSystemAssignedIdentity GlobalStorage
            ContentStoragePolicy CustomCodeStorage VirtualNetworkConfiguration DataSourceCredentialDomain Tags
        """,
        INPUT: """
            ScriptType Name Type DataSourceType EventHubProperties BlobReferenceProperties BlobStorageProperties
            IoTHubProperties SqlReferenceInputInfo DataSourceCredentialDomain Serialization PartitionKey InputPartionKey
            CompressionType CompresssionType Sample
        """,
        MOCK: """
            ScriptType InputAlias Name Type DataSourceType Format FilePath Serialization Sample SerializationProjectPath
            SerializationClassName SerializationDllPath SerializationDllPathInLocal
        """,
        OUTPUT: "ScriptType Name DataSourceType EventHubProperties DataSourceCredentialDomain Serialization",
        FUNCTION: "ScriptType Name Type FunctionInputs OutputType",
    }.items()
}


class InvalidProject(PipelineError):
    """A project can't be read or written. The message starts with the file."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class Form:
    """A JSON file of a project. Names of keys ignore case, as the tools have written both."""

    def __init__(self, path: Path, kind: str) -> None:
        """Read the file. Raises `InvalidProject`."""
        self.path = path
        self.kind = kind
        try:
            self.document = msgspec.json.decode(read_text(path))
        except (ValueError, RecursionError) as exc:
            raise InvalidProject(path, f"is not JSON: {exc}") from exc
        if not isinstance(self.document, dict):
            raise InvalidProject(path, "is not an object of JSON")

    def text(self, *keys: str, default: str | None = None) -> str:
        """Return the text at the first of `keys` that is there, or inside of it at the next, as Serialization, Type.

        Raises `InvalidProject` if it is no text, or missing without a default.
        """
        value: Any = self.document
        for key in keys:
            value = lookup(value, key)
        if value in (None, "") and default is not None:
            return default
        if not isinstance(value, str) or not value:
            raise InvalidProject(self.path, f"{'.'.join(keys)} must be a text, and is {value!r}")
        return value

    def seconds(self, key: str, default: int) -> int:
        """Return a number of seconds. Raises `InvalidProject` if it is none."""
        value = lookup(self.document, key)
        if value is None:
            return default
        if type(value) is not int:
            raise InvalidProject(self.path, f"{key} must be a whole number of seconds, and is {value!r}")
        return value

    def unknown(self) -> Sequence[str]:
        """Return the keys that say something, and of which nothing is known here."""
        known = {key.lower() for key in KNOWN[self.kind]}
        empty: tuple[Any, ...] = (None, "", [], {}, False)
        return [key for key, value in self.document.items() if key.lower() not in known and value not in empty]


def read_text(path: Path) -> str:
    """Read a file that may begin with a byte-order mark, as Visual Studio writes them. Raises `InvalidProject`."""
    try:
        return path.read_text("utf-8-sig")
    except (OSError, ValueError) as exc:
        raise InvalidProject(path, f"can't be read: {getattr(exc, 'strerror', None) or exc}") from exc


def at(project: Path, folder: Path, written: str) -> Path:
    """Return the path that a file in `folder` names. The tools write it with / or with Windows' separator.

    Raises `InvalidProject` if it leads out of the project's folder, also by a link: a project is often somebody else's.
    """
    path = folder / written.replace("\\", "/")
    try:
        is_inside = path.resolve().is_relative_to(project.resolve())
    except (OSError, RuntimeError, ValueError) as exc:  # a link in a circle, a NUL
        raise InvalidProject(project / PROJECT, f"the path {written!r} can't be read: {exc}") from exc
    if not is_inside:
        raise InvalidProject(project / PROJECT, f"{written!r} is outside of the project's folder: copy it there")
    return path


def check_file_names(to: Path, names: Iterable[str]) -> None:
    """Raise `InvalidProject` if one of the names, which a query may choose as it likes, can't be that of a file."""
    for name in names:
        if set(name) & {"/", "\\", "\0"}:
            raise InvalidProject(to, f"{name!r} can't be the name of a file there: give it another name in the query")

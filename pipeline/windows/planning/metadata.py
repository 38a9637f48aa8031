"""GetMetadataPropertyValue(input, 'name'): what an event says of itself beside its body.

https://learn.microsoft.com/stream-analytics-query/getmetadatapropertyvalue
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from ...hub.event import StoredEvent
from ..functions import METADATA
from ..language.refusals import check_arguments
from ..language.syntax import Call, Column, Constant
from ..language.tokens import QueryError
from ..language.values import BIGINT_LEAST, BIGINT_MOST, RowError, lookup
from ..row import Evaluate, Row

_HUB: Mapping[str, Callable[[StoredEvent], Any]] = {
    "Offset": lambda stored: stored.offset or None,
    "SequenceNumber": lambda stored: None if stored.sequence_number < 0 else stored.sequence_number,
    "PartitionKey": lambda stored: stored.event.partition_key,
    "Publisher": lambda stored: stored.event.publisher,
}
_COLUMNS = ("EventEnqueuedUtcTime", "EventProcessedUtcTime", "PartitionId")  # that each row has

#: What IoT Hub says of a message, and the name by which it hands it on. Here, that is the name of a user property.
_IOT = {
    "ConnectionDeviceId": "iothub-connection-device-id",
    "ConnectionModuleId": "iothub-connection-module-id",
    "ConnectionDeviceGenerationId": "iothub-connection-auth-generation-id",
    "AuthMethod": "iothub-connection-auth-method",
    "EnqueuedTime": "iothub-enqueuedtime",
    "MessageSource": "iothub-message-source",
    "InterfaceName": "iothub-interface-name",
    "MessageId": "message-id",
    "CorrelationId": "correlation-id",
}

#: [Group].[name], of which each may be without its brackets; [Group] alone is a record of all that is in it.
_NAME = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\].]+))(?:\.(?:\[([^\[\]]+)\]|([^\[\]]+)))?")


def source_of(call: Call) -> str:
    """Return the name of the source that a call is about. Raises `QueryError` if its arguments are of other kinds."""
    check_arguments(call)
    match call.arguments:
        case (Column(names=(name,)), Constant(value=str())) if not call.distinct and call.over is None:
            return name
    raise QueryError(
        f"{METADATA} takes an input and a name in quotes: GetMetadataPropertyValue(Input, '[User].[name]')", call.at
    )


def metadata(call: Call, input_name: str) -> Evaluate:
    """Return what computes a call from a row that has its event; without one it gives NULL. Raises `QueryError`."""
    _, name = call.arguments
    assert isinstance(name, Constant)
    match = _NAME.fullmatch(str(name.value))
    group, member = (match[1] or match[2], match[3] or match[4]) if match else ("", None)
    value = _value(group.lower(), member, input_name)
    if value is None:
        known = [f"[EventHub].[{each}]" for each in (*_COLUMNS, *_HUB)]
        known += ["[User].[NAME]", "[EventHub]", "[User]", "EventId", *(f"IoTHub.{each}" for each in _IOT)]
        raise QueryError(f"an event has no {name.value!r}: there are {', '.join(known)}", name.at)
    return value


def _value(group: str, member: str | None, input_name: str) -> Evaluate | None:
    if group == "eventid" and member is None:
        return lambda row: None if row.event is None or not row.event.offset else _event_id(input_name, row)
    if group == "user":
        return lambda row: _user(row, member)
    names = {"eventhub": (*_COLUMNS, *_HUB), "iothub": tuple(_IOT)}.get(group, ())
    if member is None:
        return (lambda row: {name: _of_hub(row, name) for name in names}) if names else None
    if group == "eventhub" and member.lower().startswith("iot"):  # as IoT Hub routes its messages to an Event Hub
        names, member = tuple(_IOT), member[3:]
    found = {name.lower(): name for name in names}.get(member.lower())
    return None if found is None else lambda row: _of_hub(row, found)


def _of_hub(row: Row, name: str) -> Any:
    if name in _COLUMNS:
        return row.columns[name]
    if row.event is None:
        return None
    if name == "MessageId" and row.event.event.message_id is not None:
        return row.event.event.message_id
    return _HUB[name](row.event) if name in _HUB else _user(row, _IOT[name])


def _user(row: Row, name: str | None) -> Any:
    properties = None if row.event is None else dict(row.event.event.properties)
    value = properties if name is None else lookup(properties, name)
    for each in (properties or {}).values() if name is None else (value,):
        if type(each) is int and not BIGINT_LEAST <= each <= BIGINT_MOST:
            raise RowError("a property of the event is an integer of more than 64 bits")
    return value


def _event_id(input_name: str, row: Row) -> str:
    """Return an id that is the same whenever the event is read again, and that no other record of the input has."""
    return str(uuid5(NAMESPACE_OID, f"{input_name}/{row.event.partition}/{row.event.offset}/{row.arrival[2]}".lower()))

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

#: [group].[member], of which each may be without its brackets; [group] alone is a record of all its members.
_NAME = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\].]+))(?:\.(?:\[([^\[\]]+)\]|([^\[\]]+)))?")


def _column(name: str) -> Evaluate:
    return lambda row: row.columns[name]


def _of_event(value: Callable[[StoredEvent], Any]) -> Evaluate:
    return lambda row: None if row.event is None else value(row.event)


def _of_user(name: str) -> Evaluate:
    return _of_event(lambda stored: _in_range(lookup(stored.event.properties, name)))


def _in_range(value: Any) -> Any:
    if type(value) is int and not BIGINT_LEAST <= value <= BIGINT_MOST:
        raise RowError("a property of the event is an integer of more than 64 bits")
    return value


_HUB: Mapping[str, Evaluate] = {
    "EventEnqueuedUtcTime": _column("EventEnqueuedUtcTime"),
    "EventProcessedUtcTime": _column("EventProcessedUtcTime"),
    "PartitionId": _column("PartitionId"),
    "Offset": _of_event(lambda stored: stored.offset or None),
    "SequenceNumber": _of_event(lambda stored: None if stored.sequence_number < 0 else stored.sequence_number),
    "PartitionKey": _of_event(lambda stored: stored.event.partition_key),
    "Publisher": _of_event(lambda stored: stored.event.publisher),
}

#: What IoT Hub adds to a message. Here, these are user properties by the names with which it hands them on.
_IOT: Mapping[str, Evaluate] = {
    "ConnectionDeviceId": _of_user("iothub-connection-device-id"),
    "ConnectionModuleId": _of_user("iothub-connection-module-id"),
    "ConnectionDeviceGenerationId": _of_user("iothub-connection-auth-generation-id"),
    "AuthMethod": _of_user("iothub-connection-auth-method"),
    "EnqueuedTime": _of_user("iothub-enqueuedtime"),
    "MessageSource": _of_user("iothub-message-source"),
    "InterfaceName": _of_user("iothub-interface-name"),
    "CorrelationId": _of_user("correlation-id"),
    "MessageId": _of_event(lambda stored: stored.event.message_id),
}

_ROUTED = {f"IoT{name}": value for name, value in _IOT.items()}  # as IoT Hub routes its messages to an Event Hub


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
    value = _value(match[1] or match[2], match[3] or match[4], input_name) if match else None
    if value is None:
        known = [*(f"[EventHub].[{each}]" for each in _HUB), *(f"IoTHub.{each}" for each in _IOT)]
        known += ["[EventHub]", "IoTHub", "[User].[NAME]", "[User]", "EventId"]
        raise QueryError(f"an event has no {name.value!r}: there are {', '.join(known)}", name.at)
    return value


def _value(group: str, member: str | None, input_name: str) -> Evaluate | None:
    match group.lower(), member:
        case "eventid", None:
            return lambda row: _event_id(input_name, row)
        case "user", None:
            return _of_event(lambda stored: {name: _in_range(it) for name, it in stored.event.properties.items()})
        case "user", str():
            return _of_user(member)
        case ("eventhub" | "iothub") as known, _:
            values = _HUB if known == "eventhub" else _IOT
            if member is None:
                return lambda row: {name: value(row) for name, value in values.items()}
            named = {**values, **_ROUTED} if known == "eventhub" else values
            return lookup(named, member)  # type: ignore[no-any-return]
    return None


def _event_id(input_name: str, row: Row) -> str | None:
    """Return an id that is the same whenever the event is read again, and that no other record of the input has."""
    if row.event is None or not row.event.offset:
        return None
    return str(uuid5(NAMESPACE_OID, f"{input_name.lower()}/{row.event.partition}/{row.event.offset}/{row.arrival[2]}"))

"""A trace as OpenTelemetry has it: spans with ids, parents and attributes; and the same as OTLP's JSON.

Attributes follow OpenTelemetry's semantic conventions where there is one; the others begin with `wz.`.
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from typing import Any, NamedTuple

from . import traceparent
from .spans import Span, Trace
from .waterfall import rows

#: What OTLP calls a span's kind, and a status that is an error.
INTERNAL, SERVER, CLIENT = 1, 2, 3
ERROR = 2

Attributes = dict[str, str | int]


class Node(NamedTuple):
    """One span: ids are hex, times nanoseconds since the Unix epoch. `parent_id` is empty if nobody called."""

    span_id: str
    parent_id: str
    name: str
    kind: int
    begin: int
    end: int
    attributes: Attributes
    is_error: bool


def nodes(trace: Trace) -> list[Node]:
    """Return the trace's spans, each after its parent; the first's parent is the span that called the service."""
    caller = traceparent.parse(trace.parent)
    above: list[tuple[int, str]] = []  # depth and id of the spans around the next one
    found = []
    for number, row in enumerate(rows(trace), 1):
        if row.span.step == "rest" and not row.depth:
            continue  # the row around all others is none of the trace's spans
        while above and above[-1][0] >= row.depth:
            above.pop()
        is_call = row.span.step == "wsgi"
        span_id = traceparent.span_id(trace.id, 0 if is_call else number)
        parent_id = above[-1][1] if above else caller.span_id if caller else ""
        above.append((row.depth, span_id))
        is_request = is_call or row.span.step == "nginx"
        kind = SERVER if is_request else CLIENT if row.span.who == "redis" else INTERNAL
        name = f"{trace.method} {trace.rule}".rstrip() if is_request else f"{row.span.step} {row.span.name}"
        begin = row.span.begin
        attributes = _attributes(row.span) | (_of_request(trace) if is_request else {})
        is_error = is_request and (trace.status >= 500 or not trace.status)
        found.append(Node(span_id, parent_id, name, kind, begin, begin + row.took, attributes, is_error))
    return found


def document(trace: Trace, service: str = "wz") -> dict[str, Any]:
    """Return the trace as OTLP's JSON, an `ExportTraceServiceRequest`."""
    trace_id = traceparent.trace_id(trace.parent, trace.id)
    spans = [
        {
            "traceId": trace_id,
            "spanId": node.span_id,
            **({"parentSpanId": node.parent_id} if node.parent_id else {}),
            "name": node.name,
            "kind": node.kind,
            "startTimeUnixNano": str(node.begin),
            "endTimeUnixNano": str(node.end),
            "attributes": [_pair(name, value) for name, value in node.attributes.items()],
            "status": {"code": ERROR} if node.is_error else {},
        }
        for node in nodes(trace)
    ]
    resource = {"attributes": [_pair("service.name", service), _pair("process.pid", trace.process)]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "wz"}, "spans": spans}]}]}


def _attributes(span: Span) -> Attributes:
    file, _, line = span.where.rpartition(":")
    attributes: Attributes = {"wz.step": span.step, "wz.whose": span.who}
    if line.isdecimal():
        attributes |= {"code.file.path": file, "code.line.number": int(line)}
    if span.detail:
        attributes["wz.detail"] = span.detail
    if span.unsure:
        attributes["wz.unsure_ns"] = span.unsure
    if span.who == "redis":
        attributes |= {"db.system.name": "redis", "db.query.summary": span.name}
    for change in span.changes:
        name = f"wz.{change.kind}.{change.name}" if change.name else f"wz.{change.kind}"
        attributes[name] = "removed" if change.after is None else change.after
    return attributes


def _of_request(trace: Trace) -> Attributes:
    path, _, query = trace.path.partition("?")
    attributes: Attributes = {"http.request.method": trace.method, "url.path": path}
    if query:
        attributes["url.query"] = query
    if trace.rule:
        attributes["http.route"] = trace.rule
    if trace.status:
        attributes["http.response.status_code"] = trace.status
    return attributes | {"thread.name": trace.thread, "wz.request_id": trace.id}


def _pair(name: str, value: str | int) -> dict[str, Any]:
    kind = {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}
    return {"key": name, "value": kind}

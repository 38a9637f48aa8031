"""Sending traces to an OpenTelemetry collector, by OTLP over HTTP. It needs the extra `tracing`.

Where the collector is, and all else, is said by OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_MAX_QUEUE_SIZE and their like.
"""

from __future__ import annotations

from . import traceparent
from .otlp import CLIENT, SERVER, Node, nodes
from .spans import Trace

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "wz.tracing.collector needs two packages: pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http",
        name=exc.name,
    ) from exc

_KINDS = {SERVER: SpanKind.SERVER, CLIENT: SpanKind.CLIENT}
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SCOPE = InstrumentationScope("wz")


class Collector:
    """`send` puts a trace's spans into a bounded queue, which a thread of OpenTelemetry's empties, batch by batch.

    While the collector is away, the queue fills, and what comes then is dropped. Make it after a fork, since the thread
    is made with it. `service` is the service's name unless OpenTelemetry's variables say another.
    """

    def __init__(self, service: str = "wz") -> None:
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):  # OpenTelemetry's default
            resource = resource.merge(Resource({SERVICE_NAME: service}))
        self._resource = resource
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def send(self, trace: Trace) -> None:
        """Queue a trace. Takes some hundred microseconds, and never waits for the collector."""
        trace_id = int(traceparent.trace_id(trace.parent, trace.id), 16)
        for node in nodes(trace):
            self._processor.on_end(self._span(trace_id, node))

    def close(self) -> None:
        """Send what is queued, and end the thread. This may take as long as the collector lets it wait, 10 s or so."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _span(self, trace_id: int, node: Node) -> ReadableSpan:
        def context(span_id: str) -> SpanContext:
            return SpanContext(trace_id, int(span_id, 16), is_remote=False, trace_flags=_SAMPLED)

        return ReadableSpan(
            node.name,
            context(node.span_id),
            context(node.parent_id) if node.parent_id else None,
            resource=self._resource,
            attributes=node.attributes,
            kind=_KINDS.get(node.kind, SpanKind.INTERNAL),
            instrumentation_scope=_SCOPE,
            status=Status(StatusCode.ERROR) if node.is_error else Status(),
            start_time=node.begin,
            end_time=node.end,
        )

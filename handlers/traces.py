"""Traces of requests: the service's part and nginx's as one, and the list of the newest.

nginx's times are milliseconds, and its clock stands still while it handles what has come: they may be wrong by one.
Where they disagree with those of a worker, who reads the same clock finely, the worker is right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from pipeline.console.traces import MAX_TRACE, Part, Stored, Traces
from wz import Request
from wz.tracing.spans import Span, Trace, Who
from wz.tracing.waterfall import rows, shares

from .services import services

#: A client asks by it to be traced. On the way to the app, nginx then replaces its value by two times: when it asked
#: gunicorn, in seconds since the Unix epoch, and for how many seconds it had had the request until then.
HEADER = "X-Wz-Trace"

_UNSURE = 1_000_000  # ns
_LONGEST = 3600 * 10**9  # between two times of one request; more is no time, but what a client has made up
_SINCE = re.compile(r"(\d{1,12}\.\d{3}) (\d{1,6}\.\d{3})")
_ROOM = 8 * 1024  # bytes for a summary

_pack, _packed = msgspec.msgpack.encode, msgspec.msgpack.Decoder(Trace)


class Line(msgspec.Struct):
    """What nginx says at a request's end, all in its own words: see `log_format trace` in deploy/nginx.conf."""

    id: str
    sent_on: str
    ended: str
    seconds: str
    connect: str
    header: str
    response: str
    status: str
    protocol: str
    request_bytes: str
    bytes: str
    connection: str
    requests: str
    upstream: str
    process: str


class Summary(msgspec.Struct):
    """A line of the list. Times are nanoseconds, `began` since the Unix epoch. `shares` is whose time it was.

    `took` is of the whole; without nginx's part, which `has_nginx` says, of what the service knows.
    """

    id: str
    method: str
    path: str
    rule: str
    status: int
    began: int
    took: int
    has_nginx: bool = False
    shares: dict[Who, int] = {}


#: What the list knows of a trace: its summary and nginx's part, as they are stored.
_Known = tuple[bytes, bytes | None]

#: `Summary.shares` of traces that a list has had: a trace does not change, and to read it whole takes long.
_shares: dict[_Known, dict[Who, int]] = {}
_MOST_SHARES = 10_000

_line, _summary = msgspec.json.Decoder(Line), msgspec.msgpack.Decoder(Summary)


def line_id(data: bytes) -> str:
    """Return the id of the request that a line of nginx is about; empty if it is none."""
    try:
        return _line.decode(data).id
    except msgspec.MsgspecError:
        return ""


def part_of(trace: Trace) -> Part:
    """Return what is stored of a trace. If it is too large, the shortest steps are left out: outer ones say so."""
    summary = Summary(
        trace.id, trace.method, trace.path, trace.rule, trace.status, trace.began, _end(trace.spans) - trace.began
    )
    app = _pack(trace)
    if len(app) > MAX_TRACE - _ROOM:
        app = _pack(_shortened(trace, len(app)))
    return Part(trace.id, _pack(summary), app)


def _shortened(trace: Trace, size: int) -> Trace:
    trace = msgspec.structs.replace(trace, request_headers=[], response_headers=[])
    longest = sorted(trace.spans, key=lambda span: span.begin - span.end)
    keep = len(longest)
    while keep and len(_pack(trace)) > MAX_TRACE - _ROOM:
        keep = keep * 3 // 4
        ids = {id(span) for span in longest[:keep]}
        trace.spans = [span for span in trace.spans if id(span) in ids]
    left_out = len(longest) - keep
    if trace.spans:
        outer = longest[0]
        outer.detail += f"; {left_out} short steps and the headers are left out: all had {size:,} bytes"
    return trace


def _end(spans: Sequence[Span]) -> int:
    return max((span.end for span in spans), default=0)


# -- what is found -----------------------------------------------------------------------------------------------------


def find(request: Request, id: str) -> Trace | None:
    """Return the trace of the request with this id. One round trip."""
    stored = _traces(request).find(id)
    return None if stored is None else _unpacked(stored)


def latest(request: Request, limit: int = 100, *, route: str = "", status: int = 0, at_least: int = 0) -> list[Summary]:
    """Return the newest traces, of a rule of the Map, of a status, or that took at least so many ns.

    Two round trips, and one for those whose `shares` this process has not worked out yet, at some 0.5 ms each.
    `status` may be a class of them: 4 is 400 to 499.
    """
    traces = _traces(request)
    found: list[tuple[_Known, Summary]] = []
    for data, nginx in traces.summaries():
        summary = _summary.decode(data)
        line = _read(nginx)
        if line is not None:
            begin, _, end = _times_of(line)
            if 0 <= end - begin < _LONGEST:
                summary.has_nginx = True
                summary.began, summary.took = begin, max(end, summary.began + summary.took) - begin
        if (
            route in ("", summary.rule)
            and (not status or status in (summary.status, summary.status // 100))
            and summary.took >= at_least
        ):
            found.append(((data, nginx), summary))
        if len(found) == limit:
            break
    _work_out_shares(traces, found)
    return [summary for _, summary in found]


def _work_out_shares(traces: Traces, found: Sequence[tuple[_Known, Summary]]) -> None:
    missing = [(known, summary) for known, summary in found if known not in _shares]
    if len(_shares) + len(missing) > _MOST_SHARES:
        _shares.clear()
        missing = list(found)
    if missing:
        for (known, summary), stored in zip(missing, traces.read([one.id for _, one in missing]), strict=True):
            if stored is not None:
                summary.shares = shares(rows(_unpacked(stored)))
                if stored.nginx == known[1]:  # or nginx has told its part since
                    _shares[known] = summary.shares
    for known, summary in found:
        summary.shares = _shares.get(known, summary.shares)


def _traces(request: Request) -> Traces:
    found = services(request)
    return Traces(found.redis, found.settings.traces)


# -- the two parts as one ----------------------------------------------------------------------------------------------


def whole(trace: Trace, line: bytes | None) -> Trace:
    """Return a trace with what nginx has said of it, if it has."""
    return joined(trace, _read(line))


def _unpacked(stored: Stored) -> Trace:
    return whole(_packed.decode(stored.app), stored.nginx)


def _read(data: bytes | None) -> Line | None:
    if data is not None:
        with suppress(msgspec.MsgspecError):
            return _line.decode(data)
    return None


def joined(trace: Trace, line: Line | None) -> Trace:
    """Return a trace with the steps of nginx, and of the socket to gunicorn, as far as they are known.

    Without `line`, what nginx said in the request's header is known of a request that asked to be traced.
    """
    seen = min((span.begin for span in trace.spans), default=trace.began)
    left = _end(trace.spans)
    begin, sent, end = _times_of(line) if line else _since(dict(trace.request_headers).get(HEADER, ""))
    if not begin or not 2 <= seen - begin < _LONGEST:
        return trace
    sent = min(max(sent, begin + 1), seen - 1)  # a step of no time would lie within the next
    conf = "deploy/nginx.conf"
    added = [
        Span("nginx.receive", "receives head and body", "nginx", begin, sent, conf, unsure=_UNSURE),
        Span("socket", "on the socket to gunicorn", "socket", sent, seen, conf, unsure=_UNSURE),
    ]
    if line:
        end = max(end, left + 1)
        added[1].detail = line.upstream
        added.append(Span("nginx.send", "sends the answer", "nginx", left, end, conf, unsure=_UNSURE))
        added.insert(0, Span("nginx", "nginx", "nginx", begin, end, conf, _said(line), unsure=_UNSURE))
    return msgspec.structs.replace(trace, began=begin, spans=[*trace.spans, *reversed(added)])


def _said(line: Line) -> str:
    return (
        f"{line.protocol} {line.status}; {line.request_bytes} bytes in, {line.bytes} out; request {line.requests} of "
        f"connection {line.connection}; process {line.process}; gunicorn connected after {line.connect} s, its first "
        f"byte after {line.header} s, its last after {line.response} s"
    )


def _times_of(line: Line) -> tuple[int, int, int]:
    """Return when nginx had the first byte, had asked gunicorn, and had done; zeros if that can't be read."""
    begin, sent, _ = _since(line.sent_on)
    return begin, sent, _nanoseconds(line.ended)


def _since(told: str) -> tuple[int, int, int]:
    found = _SINCE.fullmatch(told)
    if found is None:
        return 0, 0, 0
    sent = _nanoseconds(found[1])
    return sent - _nanoseconds(found[2]), sent, 0


def _nanoseconds(seconds: str) -> int:
    whole, _, thousandths = seconds.partition(".")
    return (int(whole) * 1000 + int(thousandths)) * 1_000_000 if whole.isdecimal() and thousandths.isdecimal() else 0

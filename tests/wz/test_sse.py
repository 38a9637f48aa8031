from __future__ import annotations

from collections.abc import Iterator

import pytest

from wz import App, Response
from wz.sse import ServerSentEvent, event_stream

from ..client import validated


@pytest.mark.parametrize(
    ("event", "encoded"),
    [
        pytest.param(ServerSentEvent("x"), b"data: x\n\n", id="data alone"),
        pytest.param(ServerSentEvent("x", id="7-0"), b"id: 7-0\ndata: x\n\n", id="with an id"),
        pytest.param(ServerSentEvent("x", event="row"), b"event: row\ndata: x\n\n", id="of a kind"),
        pytest.param(ServerSentEvent("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n", id="several lines"),
        pytest.param(ServerSentEvent("a\u2028b"), "data: a\u2028b\n\n".encode(), id="what ends no line"),
        pytest.param(ServerSentEvent(""), b"data: \n\n", id="empty"),
    ],
)
def test_events_as_the_standard_writes_them(event: ServerSentEvent, encoded: bytes) -> None:
    assert event.encode() == encoded


@pytest.mark.parametrize("name", ["id", "event"])
@pytest.mark.parametrize("value", ["a\nb", "a\r", "a\0"])
def test_an_id_or_kind_cannot_bring_lines_of_its_own(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        ServerSentEvent("x", **{name: value}).encode()


def test_a_stream_is_answered_piece_by_piece_and_closed() -> None:
    closed = []

    def events() -> Iterator[ServerSentEvent | None]:
        try:
            yield ServerSentEvent("1")
            yield None
            yield ServerSentEvent("2")
        finally:
            closed.append(True)

    app = App(__name__)

    @app.get("/")
    def index() -> Response:
        return event_stream(events(), retry=1000)

    answer = validated(app).get("/")

    assert answer.data == b"retry: 1000\n\ndata: 1\n\n:\n\ndata: 2\n\n"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/event-stream", "no-store")
    assert closed == [True]


def test_a_client_that_goes_closes_the_events() -> None:
    closed = []

    def events() -> Iterator[ServerSentEvent | None]:
        try:
            while True:
                yield None
        finally:
            closed.append(True)

    response = event_stream(events())
    stream = response.iter_encoded()
    assert [next(stream), next(stream)] == [b":\n\n", b":\n\n"]
    response.close()
    stream.close()  # type: ignore[attr-defined]

    assert closed == [True]

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.operators.ordered import Ordered
from pipeline.windows.row import Row

# What happens to a buffer: rows come (each so far after the watermark), the watermark moves, a snapshot is restored.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.integers(1, 6), max_size=5)),
        st.tuples(st.just("take"), st.integers(0, 5)),
        st.tuples(st.just("snapshot"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=30,
)


def row(time: int, number: int = 0) -> Row:
    return Row({"n": number}, time, (number % 3, number))


def save(buffer: Ordered, fields: dict[str, bytes]) -> None:
    for name, value in buffer.snapshot():
        if value is None:
            del fields[name]
        else:
            assert name not in fields  # nothing is written twice
            fields[name] = value


@given(steps)
def test_rows_come_out_by_time_then_arrival_whatever_happens_between(steps: list[tuple[str, object]]) -> None:
    buffer, fields, closed, number = Ordered(), dict[str, bytes](), 0, 0
    given_rows, taken = [], []
    for step, value in steps:
        if step == "add":
            assert isinstance(value, list)
            new = [row(closed + after, number + i) for i, after in enumerate(value)]
            number += len(new)
            given_rows += new
            buffer.add(new)
        elif step == "take":
            assert isinstance(value, int)
            closed += value
            taken += buffer.take_until(closed)
        else:
            save(buffer, fields)
            if step == "restart":
                buffer = Ordered()
                buffer.restore(fields, closed)

        waiting = [row.time for row in given_rows if row.time > closed]
        assert buffer.due() == min(waiting, default=None)

    assert taken + buffer.take_until(closed + 10) == sorted(given_rows, key=lambda row: (row.time, row.arrival))
    save(buffer, fields)
    assert fields == {}


def test_a_buffer_that_is_never_written_forgets_what_was_taken() -> None:
    buffer = Ordered()
    for time in range(1, 10_001):
        buffer.add([row(time)])
        buffer.take_until(time)

    assert len(buffer._changelog._new) < 2_048


def test_chunks_go_when_their_rows_are_taken_and_one_far_ahead_keeps_only_its_own() -> None:
    buffer, fields = Ordered(), dict[str, bytes]()
    times = [*range(1, 2_001), 1_000_000]
    random.Random(0).shuffle(times)
    buffer.add(row(time) for time in times)
    save(buffer, fields)
    buffer.take_until(2_000)
    save(buffer, fields)

    assert len(fields) == 1


def test_two_buffers_share_fields_by_their_names() -> None:
    left, right, fields = Ordered("left"), Ordered("right"), dict[str, bytes]()
    left.add([row(1, 1)])
    right.add([row(2, 2)])
    save(left, fields)
    save(right, fields)
    again = Ordered("right")
    again.restore(fields, closed=0)

    assert again.take_until(9) == [row(2, 2)]

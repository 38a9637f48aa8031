"""Where hopping windows begin and end, and the slices of time between these borders.

Windows and slices are (start, end]: a time exactly on a border belongs to what ends there. A slice goes from a border
of any window to the next border of any window. There are one or two slices in a hop: two if the duration is not a
multiple of it (Krishnamurthy, Wu, Franklin: On-the-fly sharing for streamed aggregation, SIGMOD 2006: paired windows).

        slices      1   2     3   4     5   6         duration 5, hop 3: slices of 2 and 1
                 |  ] | ]  |  ] | ]  |  ] | ]
        window      (---------]                       a time exactly here -> slice 2
                          (---------]                   ^
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Slices:
    """All values are in ticks. Windows end at multiples of `hop`, plus `offset`; if tumbling, `hop` is `duration`."""

    duration: int
    hop: int
    offset: int = 0

    @property
    def most(self) -> int:
        """The number of slices in a window."""
        hops, rest = divmod(self.duration, self.hop)
        return 2 * hops + 1 if rest else hops

    @property
    def has_gaps(self) -> bool:
        return self.hop > self.duration

    def is_in_a_window(self, time: int) -> bool:
        return self.first_end(time) - self.duration < time

    def around(self, time: int) -> tuple[int, int]:
        """Return the borders of the slice that `time` is in."""
        at = time - self.offset
        since = max(_down(at - 1, self.hop), _down(at - 1 + self.duration, self.hop) - self.duration)
        until = min(_up(at, self.hop), _up(at + self.duration, self.hop) - self.duration)
        return since + self.offset, until + self.offset

    def first_end(self, slice_end: int) -> int:
        """Return the end of the first window that ends with this slice, or after it."""
        return _up(slice_end - self.offset, self.hop) + self.offset

    def last_end(self, slice_end: int) -> int:
        """Return the end of the last window that contains this slice.

        A hop longer than the duration leaves gaps. A slice in a gap is in no window; for it this is before `slice_end`.
        """
        return _down(slice_end - self.offset + self.duration - 1, self.hop) + self.offset

    def end_after(self, time: int) -> int:
        """Return the end of the first window that ends after `time`."""
        return _down(time - self.offset, self.hop) + self.hop + self.offset

    def contains(self, end: int, slice_end: int) -> bool:
        """Return whether the window that ends at `end` contains this slice."""
        return end - self.duration < slice_end <= end


def _down(value: int, step: int) -> int:
    return value // step * step


def _up(value: int, step: int) -> int:
    return -_down(-value, step)

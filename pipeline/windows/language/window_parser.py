"""The windows of GROUP BY."""

from __future__ import annotations

from collections.abc import Callable

from ..functions import FUNCTIONS, TIMESTAMP, kind_of
from .durations import checked_duration, integer, unit
from .expression_parser import ExpressionParser
from .refusals import unknown_window
from .syntax import Expression, Hopping, NamedWindow, Session, Sliding, Snapshot, Window
from .time_units import WINDOW_UNITS
from .token_reader import TokenReader
from .tokens import At, QueryError


class WindowParser:
    """Reads the item of GROUP BY that is a window, or several windows."""

    def __init__(self, tokens: TokenReader, expressions: ExpressionParser) -> None:
        self._tokens = tokens
        self._expressions = expressions

    def is_next(self) -> bool:
        """Return whether a window comes next."""
        return kind_of(self._tokens.next.keyword) == "window" and self._tokens.is_sign("(", 1)

    def is_unknown(self) -> bool:
        """Return whether a call of an unknown function comes next. It may be a misspelt window."""
        if not self._tokens.is_name() or not self._tokens.is_sign("(", 1):
            return False
        name = self._tokens.next.keyword
        return name != "" and kind_of(name) in (None, "foreign")

    def windows(self) -> tuple[NamedWindow, ...]:
        """Read one window, or Windows() of several."""
        at = self._tokens.next.at
        if not self._tokens.accept("WINDOWS"):
            if self._tokens.is_next("WINDOW"):
                raise QueryError("Window() is allowed only in Windows()", at)
            return (NamedWindow(None, self._window()),)
        self._tokens.expect("(")
        windows = tuple(self._tokens.separated(self._member))
        self._tokens.expect(")", "a comma or )")
        ids = [window.id.casefold() for window in windows if window.id is not None]
        if ids and len(ids) < len(windows):
            raise QueryError("either all members of Windows() have an id, as in Window('id', ...), or none has one", at)
        if len(set(ids)) < len(ids):
            raise QueryError("the ids in Windows() must differ in more than their case", at)
        return windows

    def _member(self) -> NamedWindow:
        if self._tokens.is_next("WINDOWS", "("):
            raise QueryError("Windows() is not allowed inside Windows()", self._tokens.next.at)
        if not self._tokens.accept("WINDOW"):
            return NamedWindow(None, self._window_or_snapshot())
        self._tokens.expect("(")
        if self._tokens.next.kind != "text":
            raise self._tokens.unexpected("an id, as a 'text'")
        id = self._tokens.text()
        self._tokens.expect(",", "a comma")
        window = self._window_or_snapshot()
        self._tokens.expect(")")
        return NamedWindow(id, window)

    def _window_or_snapshot(self) -> Window:
        at = self._tokens.next.at
        if self._tokens.accept(*TIMESTAMP.partition(".")):
            if self._tokens.accept("("):
                self._tokens.expect(")")
            return Snapshot(at)
        return self._window()

    def _window(self) -> Window:
        function = self._tokens.next
        if self.is_unknown():
            raise unknown_window(function.text, function.at)
        if not self.is_next():
            raise self._tokens.unexpected("a window, such as TumblingWindow(minute, 5)")
        read = WINDOWS.get(FUNCTIONS[function.keyword].name.upper())
        if read is None:
            raise QueryError(f"{function.text}() is not allowed here", function.at)
        self._tokens.advance()
        self._tokens.expect("(")
        return read(self, function.at)

    def _tumbling(self, at: At) -> Window:
        (duration,), offset = self._lengths("Duration", has_offset=True)
        return Hopping(duration, duration, offset % duration, at)

    def _hopping(self, at: At) -> Window:
        (duration, hop), offset = self._lengths("Duration", "Hop", has_offset=True)
        return Hopping(duration, hop, offset % hop, at)

    def _sliding(self, at: At) -> Window:
        (duration,), _ = self._lengths("Duration")
        return Sliding(duration, at)

    def _session(self, at: At) -> Window:
        (timeout, max_duration), _ = self._lengths("Timeout", "MaxDuration")
        return Session(timeout, max_duration, self._session_keys(), at)

    def _session_keys(self) -> tuple[Expression, ...]:
        if not self._tokens.accept("OVER"):
            return ()
        self._tokens.expect("(")
        if not self._tokens.accept("PARTITION", "BY"):
            raise self._tokens.unexpected("PARTITION BY")
        keys = self._expressions.several()
        self._tokens.expect(")", "an operator, a comma or )")
        return keys

    def _lengths(self, *names: str, has_offset: bool = False) -> tuple[list[int], int]:
        """Read what follows the parenthesis: the durations, and the offset, which is 0 if it is left out.

        They are written as (unit, number, number) or as (Duration(unit, number), Hop(unit, number)).
        """
        is_long = self._tokens.is_sign("(", 1)
        length = 0 if is_long else WINDOW_UNITS[unit(self._tokens, WINDOW_UNITS)]
        durations = []
        for i, name in enumerate(names):
            if i or not is_long:
                self._tokens.expect(",", "a comma")
            at = self._tokens.next.at
            durations.append(checked_duration(self._length(name) if is_long else length * integer(self._tokens), at))
        if not has_offset or not self._tokens.accept(","):
            self._tokens.expect(")", "a comma or )" if has_offset else ")")
            return durations, 0
        offset = self._length("Offset") if is_long else length * integer(self._tokens)
        self._tokens.expect(")")
        return durations, offset

    def _length(self, name: str) -> int:
        self._tokens.expect(name.upper(), f"{name}(unit, number)")
        self._tokens.expect("(")
        length = WINDOW_UNITS[unit(self._tokens, WINDOW_UNITS)]
        self._tokens.expect(",", "a comma")
        ticks = length * integer(self._tokens)
        self._tokens.expect(")")
        return ticks


WINDOWS: dict[str, Callable[[WindowParser, At], Window]] = {
    "TUMBLINGWINDOW": WindowParser._tumbling,
    "HOPPINGWINDOW": WindowParser._hopping,
    "SLIDINGWINDOW": WindowParser._sliding,
    "SESSIONWINDOW": WindowParser._session,
}
"""The method that reads a window, called after its opening parenthesis, by the window's long name in upper case."""

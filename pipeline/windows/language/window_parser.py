"""The windows of GROUP BY."""

from __future__ import annotations

from .duration_parser import checked_duration
from .expression_parser import WINDOW_FUNCTIONS, ExpressionParser
from .syntax import Expression, Hopping, NamedWindow, Session, Sliding, Snapshot, Window
from .time_units import WINDOW_UNITS
from .tokens import QueryError


class WindowParser(ExpressionParser):
    def _is_window(self) -> bool:
        return self._next.keyword in WINDOW_FUNCTIONS and self._is_sign("(", 1)

    def _windows(self) -> tuple[NamedWindow, ...]:
        """Read one window, or Windows() of several."""
        at = self._next.at
        if not self._take("WINDOWS"):
            if self._is("WINDOW"):
                raise QueryError("Window() can stand only in Windows()", at)
            return (NamedWindow(None, self._window()),)
        self._expect("(")
        windows = tuple(self._separated(self._member))
        self._expect(")", "a comma or )")
        ids = [window.id.casefold() for window in windows if window.id is not None]
        if ids and len(ids) < len(windows):
            raise QueryError("either all members of Windows() have an id, as Window('id', ...), or none", at)
        if len(set(ids)) < len(ids):
            raise QueryError("the ids in Windows() must differ, and their case makes no difference", at)
        return windows

    def _member(self) -> NamedWindow:
        if self._is("WINDOWS", "("):
            raise QueryError("Windows() can't stand in Windows()", self._next.at)
        if not self._take("WINDOW"):
            return NamedWindow(None, self._window_or_snapshot())
        self._expect("(")
        if self._next.kind != "text":
            raise self._unexpected("an id, as a 'text'")
        id = self._text()
        self._expect(",", "a comma")
        window = self._window_or_snapshot()
        self._expect(")")
        return NamedWindow(id, window)

    def _window_or_snapshot(self) -> Window:
        at = self._next.at
        if self._take("SYSTEM", ".", "TIMESTAMP"):
            if self._take("("):
                self._expect(")")
            return Snapshot(at)
        return self._window()

    def _window(self) -> Window:
        if not self._is_window():
            raise self._unexpected("a window, such as TumblingWindow(minute, 5)")
        function = self._advance()
        at = function.at
        self._expect("(")
        match function.keyword.removesuffix("WINDOW"):
            case "TUMBLING":
                (duration,), offset = self._lengths("Duration", has_offset=True)
                return Hopping(duration, duration, offset % duration, at)
            case "HOPPING":
                (duration, hop), offset = self._lengths("Duration", "Hop", has_offset=True)
                return Hopping(duration, hop, offset % hop, at)
            case "SLIDING":
                (duration,), _ = self._lengths("Duration")
                return Sliding(duration, at)
            case "SESSION":
                (timeout, max_duration), _ = self._lengths("Timeout", "MaxDuration")
                return Session(timeout, max_duration, self._session_keys(), at)
        raise QueryError(f"{function.text}() can't stand here", at)

    def _session_keys(self) -> tuple[Expression, ...]:
        if not self._take("OVER"):
            return ()
        self._expect("(")
        if not self._take("PARTITION", "BY"):
            raise self._unexpected("PARTITION BY")
        keys = self._separated(self._whole_expression)
        self._expect(")", "an operator, a comma or )")
        return tuple(keys)

    def _lengths(self, *names: str, has_offset: bool = False) -> tuple[list[int], int]:
        """Read what follows the parenthesis: the durations, and the offset, which is 0 if it is left out.

        They stand as (unit, number, number) or as (Duration(unit, number), Hop(unit, number)).
        """
        is_long = self._is(names[0].upper())
        unit = 0 if is_long else WINDOW_UNITS[self._unit(WINDOW_UNITS)]
        durations = []
        for i, name in enumerate(names):
            if i or not is_long:
                self._expect(",", "a comma")
            at = self._next.at
            durations.append(checked_duration(self._length(name) if is_long else unit * self._integer(), at))
        if not has_offset or not self._take(","):
            self._expect(")", "a comma or )" if has_offset else ")")
            return durations, 0
        offset = self._length("Offset") if is_long else unit * self._integer()
        self._expect(")")
        return durations, offset

    def _length(self, name: str) -> int:
        self._expect(name.upper(), f"{name}(unit, number)")
        self._expect("(")
        unit = WINDOW_UNITS[self._unit(WINDOW_UNITS)]
        self._expect(",", "a comma")
        length = unit * self._integer()
        self._expect(")")
        return length

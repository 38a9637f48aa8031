"""A compiled expression that is constant: its value is known before there is a row."""

from __future__ import annotations

from typing import Any

from ..row import Row


class Fixed:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, row: Row) -> Any:
        return self.value

"""Functions of records, arrays, types and NULL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...language.values import lookup, type_name
from ...row import Evaluate, Row
from ..casts import parse_record, to_array, to_bigint, to_record, to_text
from ..comparison import equal
from .binding import Bind, anything, nullable, strict


def _element(array: Sequence[Any], index: int) -> Any:
    """Return an element, counted from 0; NULL for an index that the array doesn't have."""
    return array[index] if 0 <= index < len(array) else None


def _json_parse(value: Any) -> Any:
    return parse_record(value) if type(value) is str else None


def _nullif(a: Any, b: Any) -> Any:
    return None if equal(a, b) else a


def _coalesce(operands: Sequence[Evaluate], unit: str) -> Evaluate:
    """Return COALESCE. It does not compute the operands after the first one that is not NULL."""

    def evaluate(row: Row) -> Any:
        for operand in operands:
            value = operand(row)
            if value is not None:
                return value
        return None

    return evaluate


FUNCTIONS: dict[str, Bind] = {
    "COALESCE": _coalesce,
    "GETARRAYELEMENT": strict(_element, to_array, to_bigint),
    "GETARRAYLENGTH": strict(len, to_array),
    "GETRECORDPROPERTYVALUE": strict(lookup, to_record, to_text),
    "GETTYPE": strict(type_name, anything),
    "JSON_PARSE": strict(_json_parse, anything),
    "NULLIF": nullable(_nullif, anything),
}

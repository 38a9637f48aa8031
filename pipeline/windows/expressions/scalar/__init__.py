"""The code of the scalar functions, one file for each family. windows/functions.py has all else about them."""

from __future__ import annotations

from . import dates, numbers, records, strings
from .binding import Bind

SCALAR_FUNCTIONS: dict[str, Bind] = {
    **strings.FUNCTIONS,
    **numbers.FUNCTIONS,
    **dates.FUNCTIONS,
    **records.FUNCTIONS,
}
"""What makes a call of each function, by its name in upper case."""

"""The code of the scalar functions, a file for each family of them; the table of functions knows the rest."""

from __future__ import annotations

from . import dates, numbers, records, strings
from .binding import Bind

SCALAR_FUNCTIONS: dict[str, Bind] = {
    **strings.FUNCTIONS,
    **numbers.FUNCTIONS,
    **dates.FUNCTIONS,
    **records.FUNCTIONS,
}
"""By name, in upper case."""

"""The aggregate functions."""

from .base import Aggregate, Holistic, Partials, SideBySide
from .calls import aggregate

__all__ = ["Aggregate", "Holistic", "Partials", "SideBySide", "aggregate"]

"""The aggregate functions."""

from .base import Aggregate, Holistic, Partials, SideBySide
from .calls import AGGREGATES, aggregate

__all__ = ["AGGREGATES", "Aggregate", "Holistic", "Partials", "SideBySide", "aggregate"]

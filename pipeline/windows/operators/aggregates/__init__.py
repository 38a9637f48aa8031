"""The aggregate functions."""

from .base import Aggregate, Holistic, Partials, SideBySide
from .calls import aggregate
from .top import TopOne

__all__ = ["Aggregate", "Holistic", "Partials", "SideBySide", "TopOne", "aggregate"]

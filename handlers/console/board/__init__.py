"""The pages of boards: the list, and one board."""

from . import boards

__all__ = ["blueprints"]

blueprints = (boards.blueprint,)

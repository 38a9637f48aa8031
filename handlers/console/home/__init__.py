"""The home page: the way of the data, what needs somebody, and a form to send an event with."""

from . import home, send

__all__ = ["blueprints"]

blueprints = (home.blueprint, send.blueprint)

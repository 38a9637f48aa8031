"""Boards over HTTP."""

from . import boards, bulk, features, members, ranks

__all__ = ["blueprints"]

blueprints = (boards.blueprint, ranks.blueprint, members.blueprint, bulk.blueprint, features.blueprint)

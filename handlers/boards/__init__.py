"""Boards over HTTP."""

from . import bulk, features, members, ranks, tasks, whole

__all__ = ["blueprints"]

blueprints = (whole.blueprint, ranks.blueprint, members.blueprint, bulk.blueprint, features.blueprint, tasks.blueprint)

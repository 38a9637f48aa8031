"""Boards over HTTP."""

from wz.encoded_slash import restore_names

from . import boards, bulk, changes, features, members, ranks, tasks, transfer, trim, whole

__all__ = ["blueprints"]

blueprints = (
    boards.blueprint,
    whole.blueprint,
    ranks.blueprint,
    members.blueprint,
    bulk.blueprint,
    features.blueprint,
    tasks.blueprint,
    transfer.blueprint,
    trim.blueprint,
    changes.blueprint,
)

for blueprint in blueprints:
    blueprint.before_request(restore_names)

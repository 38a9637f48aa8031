"""Hubs over HTTP: the Event Hubs REST dialect, its management, and reading back."""

from . import deadletters, manage_groups, manage_hubs, manage_publishers, management, overview, read, relay, send
from .parameters import HubConverter

# The modules manage_* are imported for the routes that they add to the blueprints of `management`.
__all__ = ["blueprints", "converters", "manage_groups", "manage_hubs", "manage_publishers"]

#: The converters that the blueprints' paths need.
converters = {"hub": HubConverter}

blueprints = (
    read.blueprint,
    overview.blueprint,
    deadletters.blueprint,
    relay.looking,
    relay.changing,
    send.blueprint,
    management.managing,
    management.watching,
)

"""The pages of hubs: the list, one hub, its events, readers, relay, dead letters, settings and rules."""

from . import dead_letters, events, groups, hub, hubs, relays, rules, settings

__all__ = ["blueprints"]

blueprints = (
    hubs.blueprint,
    hub.blueprint,
    events.blueprint,
    groups.blueprint,
    relays.blueprint,
    settings.blueprint,
    dead_letters.blueprint,
    rules.blueprint,
)

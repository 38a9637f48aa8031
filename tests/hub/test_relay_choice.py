"""What an operator chooses for a relay, while another does so."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis as redis_py

from pipeline.connection_string import InvalidConnectionString
from pipeline.errors import InvalidValue
from pipeline.hub import Hub
from pipeline.hub.relay_choice import choose, forget
from pipeline.hub.relay_route import Route, Switch, change_route, note_state, relay_states, route
from pipeline.hub.upstream_answers import Action
from pipeline.settings import Settings

from .. import stack

pytestmark = pytest.mark.cluster

TO = "Endpoint=sb://up.example.com/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0"


@pytest.fixture
def hub(redis: redis_py.Redis) -> Hub:
    return Hub(redis, "orders", 2)


def test_parts_are_changed_and_taken_back_one_by_one(hub: Hub, settings: Settings) -> None:
    choose(settings, hub, to=TO, name="there", answers={404: Action.DROP, 400: Action.WAIT})
    choose(settings, hub, switch=Switch.PAUSED, answers={400: None})
    assert route(hub) == Route(Switch.PAUSED, TO, "there", {404: Action.DROP})

    assert choose(settings, hub, to="", name="", answers={404: None}) == Route(Switch.PAUSED)
    assert forget(settings, hub) == route(hub) == Route()
    assert not hub.redis.exists(hub.keys.upstream)


def test_none_of_two_changes_is_lost(hub: Hub, settings: Settings) -> None:
    def change(old: Route) -> Route:
        if not old.name:
            choose(settings, hub, name="from-another")
        return Route(Switch.PAUSED, name=old.name)

    assert change_route(hub, change) == route(hub) == Route(Switch.PAUSED, name="from-another")


def test_what_workers_made_of_the_old_route_goes_with_it(hub: Hub, settings: Settings) -> None:
    note_state(hub, to="up.example.com/orders", expires=1, error="why")
    choose(settings, hub, switch=Switch.ON)  # as it was
    assert relay_states([hub])[0].to == "up.example.com/orders"

    choose(settings, hub, name="there")
    (state,) = relay_states([hub])
    assert (state.to, state.expires, state.error) == (None, None, None)


def test_what_is_refused_changes_nothing(hub: Hub, settings: Settings) -> None:
    own = replace(stack.ROOT, key="c2VjcmV0", hub=None)
    with pytest.raises(InvalidConnectionString, match="Endpoint"):
        choose(settings, hub, to="SharedAccessKey=c2VjcmV0")
    with pytest.raises(InvalidValue, match="a hub's name is"):
        choose(settings, hub, name="a/b")
    with pytest.raises(InvalidValue, match="relayed to itself"):
        choose(settings, hub, to=str(own))
    assert route(hub) == Route()

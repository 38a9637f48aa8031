"""Shared access rules: kept in Redis, and read for each token."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest
import redis as redis_py

from pipeline.errors import InvalidValue
from pipeline.hub.rules import Right, Rule, RuleExists, Rules, UnknownRule
from pipeline.hub.sas import Audience, Token, Unauthorized, authorize, signature

from ..stack import ROOT

HOST = "ns.servicebus.windows.net"


def test_a_rule_does_not_show_its_keys() -> None:
    assert "key" not in repr(Rule("send", "primary-key", "secondary-key", frozenset({Right.SEND})))


@pytest.fixture
def rules(redis: redis_py.Redis) -> Rules:
    return Rules(redis, ROOT)


def signers(rules: Rules, name: str, key: str, hub: str | None) -> bool:
    """Say whether this key of a rule is valid for a send to the hub, or to the namespace."""
    audience = Audience(frozenset({HOST}), [hub, "messages"] if hub else ["boards"], any_case=hub is not None)
    token = Token(HOST, signature(HOST, key, 1), "1", name)
    try:
        authorize(token, rules.find(name, hub), Right.SEND, audience, now=0)
    except Unauthorized:
        return False
    return True


@pytest.mark.parametrize(("which", "other"), [("primary", "secondary"), ("secondary", "primary")])
def test_a_key_that_is_rotated_is_worth_nothing_at_once(
    rules: Rules, which: Literal["primary", "secondary"], other: str
) -> None:
    before = rules.add("app", frozenset({Right.SEND}))
    after = rules.rotate("app", which)

    assert not signers(rules, "app", getattr(before, which), "events")
    assert signers(rules, "app", getattr(after, which), "events")
    assert signers(rules, "app", getattr(before, other), "events")
    assert after.rights == before.rights


def test_a_rule_that_is_there_keeps_its_keys(rules: Rules) -> None:
    made = rules.add("app", frozenset({Right.SEND}), "Events", events_per_second=5)
    with pytest.raises(RuleExists, match=r"'events/app' already.*rotate.*delete"):
        rules.add("app", frozenset(Right), "events")

    assert rules.get("app") == made


def test_a_rule_s_limits_change_and_its_keys_stay(rules: Rules) -> None:
    made = rules.add("app", frozenset({Right.SEND}), events_per_second=5)
    assert rules.change("app", bytes_per_second=1024) == msgspec.structs.replace(made, bytes_per_second=1024)
    rules.rotate("app", "primary")
    assert rules.change("app", events_per_second=0).bytes_per_second == 1024

    for limit in (-1, 10**12 + 1):
        with pytest.raises(InvalidValue, match="0 for no limit"):
            rules.change("app", events_per_second=limit)
        with pytest.raises(InvalidValue):
            rules.add("other", frozenset({Right.SEND}), bytes_per_second=limit)
    with pytest.raises(InvalidValue, match="root rule"):
        rules.change(ROOT.key_name, events_per_second=1)
    with pytest.raises(UnknownRule):
        rules.change("other", events_per_second=1)


def test_a_rule_of_an_earlier_release_has_no_limit(rules: Rules) -> None:
    rules.redis.hset(Rules.KEY, "old", '{"name":"old","primary":"p","secondary":"s","rights":["Send"],"hub":null}')

    assert rules.get("old") == Rule("old", "p", "s", frozenset({Right.SEND}))


def test_the_root_rule_s_key_is_not_ours_to_rotate(rules: Rules) -> None:
    with pytest.raises(InvalidValue, match="connection string"):
        rules.rotate(ROOT.key_name, "primary")


def test_a_rule_that_is_not_there(rules: Rules) -> None:
    with pytest.raises(UnknownRule):
        rules.rotate("none", "primary")
    with pytest.raises(UnknownRule):
        rules.remove("none")
    with pytest.raises(UnknownRule):
        rules.get("none", "events")


def test_hubs_and_the_namespace_may_have_rules_of_one_name(rules: Rules) -> None:
    keys = {hub: rules.add("app", frozenset({Right.SEND}), hub).primary for hub in (None, "events", "clicks")}

    assert [signers(rules, "app", keys[None], hub) for hub in (None, "events", "clicks")] == [True, True, True]
    assert [signers(rules, "app", keys["events"], hub) for hub in (None, "events", "clicks")] == [False, True, False]
    assert [rule.hub for rule in rules] == [None, None, "clicks", "events"]

    rules.remove("app", "events")
    assert not signers(rules, "app", keys["events"], "events")


def test_a_rule_is_found_by_its_name_if_it_is_the_only_one(rules: Rules) -> None:
    made = rules.add("app", frozenset({Right.SEND}), "events")
    assert rules.get("app") == rules.get("app", "Events") == made

    rules.add("app", frozenset({Right.SEND}), "clicks")
    with pytest.raises(InvalidValue, match="clicks/app, events/app"):
        rules.get("app")

    of_namespace = rules.add("app", frozenset({Right.SEND}))
    assert rules.get("app") == of_namespace


def test_a_board_s_rule_is_another_than_that_of_a_hub_or_the_namespace(rules: Rules) -> None:
    made = rules.add("app", frozenset({Right.SEND}), board="points", events_per_second=3)
    rules.add("app", frozenset({Right.SEND}), "points")

    assert rules.find("app", None, ["points@day", "points"]) == [made]
    assert rules.get("app", board="points") == made
    with pytest.raises(InvalidValue, match="points/app, boards/points/app"):
        rules.get("app")
    with pytest.raises(UnknownRule, match="boards/Points/app"):  # names of boards have upper and lower case
        rules.get("app", board="Points")

    turned = rules.rotate("app", "primary", board="points")
    assert turned.primary != made.primary
    assert rules.change("app", board="points", events_per_second=0).primary == turned.primary
    assert [rule.id for rule in rules.of("points")] == ["points/app"]
    assert [rule.id for rule in rules.of(None)] == [ROOT.key_name]
    rules.remove("app", board="points")
    assert [rule.id for rule in rules] == [ROOT.key_name, "points/app"]


def test_a_hub_takes_no_rule_of_a_board_with_it(redis: redis_py.Redis, rules: Rules) -> None:
    made = rules.add("app", frozenset({Right.SEND}), board="events")

    assert redis.hkeys(Rules.KEY) == [b"boards/events/app"]  # what `Hubs.delete` takes begins with the hub's name
    assert rules.get("app") == made

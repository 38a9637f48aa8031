"""The Authorization header of a connection string."""

from __future__ import annotations

import pytest

from pipeline.connection_string import ConnectionString
from pipeline.hub.authorization import Authorization
from pipeline.hub.sas import Token

TARGET = ConnectionString("sb://ns.example.com/", "up", "a-key", hub="Orders")


@pytest.mark.parametrize(("hub", "resource"), [("Orders", "Orders"), ("", ""), (None, "")])
def test_a_token_is_made_out_to_the_hub_or_the_namespace(hub: str | None, resource: str) -> None:
    token = Token.parse(Authorization(TARGET, hub).header())

    assert token.resource == f"https%3A%2F%2Fns.example.com%2F{resource}"
    assert token.key_name == "up"


def test_a_token_is_kept_until_it_is_refused() -> None:
    authorization = Authorization(TARGET, None)
    first = authorization.header()
    assert authorization.header() is first

    assert authorization.renew()
    assert authorization.header() is not first


def test_a_signature_is_the_only_one() -> None:
    signature = Authorization(TARGET, None).header()
    authorization = Authorization(ConnectionString("sb://ns.example.com/", "", "", signature=signature), None)

    assert authorization.header() == signature
    assert not authorization.renew()

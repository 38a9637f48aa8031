"""Every page in a browser: no message in its console, no request to another host, nothing that axe finds."""

from __future__ import annotations

import pytest

from .browser import Watched

#: Pages by the name of their screenshots. `{...}` is what `things` has made.
PAGES = {
    "home": "/",
    "server": "/console/server",
    "sign-in": "/console/sign-in",
}


@pytest.mark.parametrize("name", PAGES)
def test_it_can_be_read_by_everybody(person: Watched, name: str) -> None:
    answer = person.page.goto(PAGES[name])

    assert answer is not None
    assert answer.status == 200
    assert person.look(name) == []

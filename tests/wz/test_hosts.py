"""The settings as they are at each request decide which hosts are served, also for a Host that was seen before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import create_environ

from wz import App, fast

from .conftest import Web

# Werkzeug warns of each Host that is not below SERVER_NAME.
pytestmark = pytest.mark.filterwarnings("ignore:Current server name:UserWarning")

Change = Callable[[App], Any]


def trust(*hosts: str) -> Change:
    return lambda app: app.config.update(TRUSTED_HOSTS=list(hosts))


def serve(name: str) -> Change:
    return lambda app: app.config.update(SERVER_NAME=name)


@pytest.mark.parametrize(
    ("before", "change", "statuses"),
    [
        pytest.param(None, trust("good.test"), (200, 400), id="TRUSTED_HOSTS is set"),
        pytest.param(trust("good.test"), trust("good.test", "evil.test"), (400, 200), id="it is another list"),
        pytest.param(
            trust("good.test", "evil.test"),
            lambda app: app.config["TRUSTED_HOSTS"].remove("evil.test"),
            (200, 400),
            id="its list is changed",
        ),
        pytest.param(
            trust("good.test"), lambda app: app.config.update(TRUSTED_HOSTS=None), (400, 200), id="it is taken away"
        ),
    ],
)
def test_trusted_hosts_count_for_a_host_that_was_seen(
    web: Web, before: Change | None, change: Change, statuses: tuple[int, int]
) -> None:
    app = web.app()
    app.add_url_rule("/", "index", lambda: "fine")
    if before:
        before(app)
    client = web.client(app)

    def ask() -> int:
        assert client.get("/", base_url="http://good.test").status_code == 200
        return {client.get("/", base_url="http://evil.test").status_code for _ in range(2)}.pop()

    first = ask()
    change(app)
    assert (first, ask()) == statuses


def test_server_name_counts_for_a_host_that_was_seen(web: Web) -> None:
    app = web.app(subdomain_matching=True)
    app.config["SERVER_NAME"] = "one.test"
    app.add_url_rule("/", "index", lambda: "the site")
    app.add_url_rule("/", "api", lambda: "the API", subdomain="api")
    client = web.client(app)

    def ask(host: str) -> tuple[int, str]:
        answer = client.get("/", base_url=f"http://{host}")
        return answer.status_code, answer.text if answer.status_code == 200 else ""

    assert (ask("api.one.test"), ask("api.two.test")[0]) == ((200, "the API"), 404)
    app.config["SERVER_NAME"] = "two.test"
    assert (ask("api.one.test")[0], ask("api.two.test")) == (404, (200, "the API"))


def test_subdomain_matching_counts_for_a_host_that_was_seen(web: Web) -> None:
    app = web.app()
    app.config["SERVER_NAME"] = "one.test"
    app.add_url_rule("/", "api", lambda: "the API", subdomain="api")
    client = web.client(app)
    assert client.get("/", base_url="http://api.one.test").status_code == 404

    app.subdomain_matching = True

    assert client.get("/", base_url="http://api.one.test").text == "the API"


def invent(app: App, count: int, **more: Any) -> None:
    """Send requests, each of another Host."""
    client = app.test_client()
    for number in range(count):
        assert client.get("/", base_url=f"http://h{number}.test", **more).status_code in (200, 404)


def takes_the_short_way(app: App, host: str) -> bool:
    environ = create_environ("/", f"http://{host}")
    return app.url_map.compiled.match(environ) is not None


@pytest.mark.parametrize("subdomains", [False, True], ids=["hosts", "subdomains"])
def test_invented_hosts_fill_no_memory_and_push_no_other_to_the_slow_way(subdomains: bool) -> None:
    app = App("test", subdomain_matching=subdomains, config={"SERVER_NAME": "real.test" if subdomains else None})
    app.add_url_rule("/", "index", lambda: "fine")
    client = app.test_client()
    assert client.get("/", base_url="http://real.test").status_code == 200

    invent(app, fast.HOSTS + 10)
    if subdomains:
        for number in range(fast.HOSTS + 10):
            assert client.get("/", base_url=f"http://h{number}.real.test").status_code == 404

    known = app.url_map.compiled._hosts
    assert sum(map(len, known.values())) <= fast.HOSTS
    assert list(app.url_map.compiled._trees or ()) == [""]
    assert client.get("/", base_url="http://real.test").status_code == 200
    assert takes_the_short_way(app, "real.test")


def test_invented_schemes_fill_no_memory() -> None:
    app = App("test")
    app.add_url_rule("/", "index", lambda: "fine")
    client = app.test_client()
    for number in range(fast.HOSTS + 10):
        client.get("/", environ_overrides={"wsgi.url_scheme": f"s{number}"})

    assert len(app.url_map.compiled._hosts) <= fast.HOSTS

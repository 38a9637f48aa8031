"""Signing in at the console: sessions, their rights and their end, and what a foreign page can't do with them."""

from __future__ import annotations

import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers import create_app
from handlers.console.access import access
from handlers.console.frame import Pages
from pipeline.connection_string import ConnectionString
from pipeline.console.sessions import new_code
from pipeline.hub.rules import Right, Rules
from pipeline.hub.sas import sign
from pipeline.settings import Settings
from wz import App, Request
from wz.testing import Client

from .. import stack

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN = {**HTML, "Origin": "http://localhost"}
#: A page that needs Listen in the whole namespace, one that needs it for a hub, and a form that needs Manage.
PATHS = ("/console/probe", "/console/probe/events")


@pytest.fixture(scope="module")
def app(server_settings: Settings) -> App:
    """The service, with pages that show nothing but the rule that was let in."""
    app = create_app(server_settings)
    probe = Pages("probe", "/console/probe")

    @probe.get("")
    def everything(request: Request) -> str:
        return access(request).need(Right.LISTEN).name

    @probe.get("/<hub>")
    def one(request: Request, hub: str) -> str:
        return access(request).need(Right.LISTEN, hub, hub=True).name

    @probe.post("")
    def change(request: Request) -> str:
        return access(request).need(Right.MANAGE).name

    app.register(probe)
    return app


@pytest.fixture
def client(app: App, redis: redis_py.Redis) -> Client:
    """A browser without a session."""
    return Client(app)


def sign_in(client: Client, secret: str, target: str = "/console/probe", **headers: str) -> TestResponse:
    form = {"secret": secret, "next": target}
    return client.post("/console/sign-in", data=form, headers={**OWN, **headers})


def rule(redis: redis_py.Redis, *rights: Right, hub: str | None = None) -> ConnectionString:
    made = Rules(redis, stack.ROOT).add("viewer", frozenset(rights), hub)
    return ConnectionString(stack.ROOT.endpoint, made.name, made.primary, hub)


# -- by a link ---------------------------------------------------------------------------------------------------------


def test_a_link_signs_in_once(client: Client, app: App, redis: redis_py.Redis) -> None:
    link = f"/console/sign-in?code={new_code(redis, stack.token())}&next=/console/probe"
    entered = client.get(link, headers=HTML)

    assert (entered.status_code, entered.location) == (303, "/console/probe")
    assert client.get("/console/probe", headers=HTML).text == stack.ROOT.key_name
    again = Client(app).get(link, headers=HTML)
    assert again.status_code == 410
    assert "wz console" in again.text
    assert "Set-Cookie" not in again.headers


def test_what_looks_where_a_link_leads_does_not_use_it(client: Client, redis: redis_py.Redis) -> None:
    link = f"/console/sign-in?code={new_code(redis, stack.token())}"

    assert client.head(link, headers=HTML).status_code == 200
    assert client.get(link, headers=HTML).status_code == 303


def test_a_made_up_code_signs_nobody_in(client: Client) -> None:
    assert client.get("/console/sign-in?code=abc", headers=HTML).status_code == 410
    assert client.get("/console/probe", headers=HTML).status_code == 303


def test_redis_has_neither_code_nor_session_in_the_names_of_keys(client: Client, redis: redis_py.Redis) -> None:
    code = new_code(redis, stack.token())
    assert redis.ttl(redis.keys("console:code:*")[0]) in range(1, 3601)
    client.get(f"/console/sign-in?code={code}", headers=HTML)
    (key,) = redis.keys("console:*")

    assert key.decode().startswith("console:session:")
    assert redis.ttl(key) in range(1, 601)  # as long as the token
    assert code not in key.decode()


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example/", "\\/evil.example", "javascript:alert(1)", "/\t/x"],
)
def test_no_sign_in_leads_to_another_host(client: Client, redis: redis_py.Redis, target: str) -> None:
    query = {"code": new_code(redis, stack.token()), "next": target}

    assert client.get("/console/sign-in", query_string=query, headers=HTML).location == "/"
    assert sign_in(client, stack.token(), target).location == "/"


# -- by a secret -------------------------------------------------------------------------------------------------------


def test_each_kind_of_secret(client: Client, app: App) -> None:
    for secret in (str(stack.ROOT), f"  {stack.ROOT}\n", stack.token(), f"Authorization: {stack.token()}"):
        browser = Client(app)
        assert sign_in(browser, secret).location == "/console/probe"
        assert browser.get("/console/probe", headers=HTML).text == stack.ROOT.key_name


@pytest.mark.parametrize(
    ("secret", "status", "says"),
    [
        ("", 422, "nothing in the field"),
        ("hello", 422, "SharedAccessSignature"),
        ("Endpoint=sb://here/;SharedAccessKeyName=x", 422, "SharedAccessKey is missing"),
        ("Endpoint=sb://here/;SharedAccessKeyName=x;SharedAccessKey=c2VjcmV0", 403, "neither of its two keys"),
        ("SharedAccessSignature sr=x&sig=c2VjcmV0&se=9999999999&skn=x", 403, "neither of its two keys"),
    ],
)
def test_a_wrong_secret_says_why_and_is_not_repeated(client: Client, secret: str, status: int, says: str) -> None:
    refused = sign_in(client, secret)

    assert refused.status_code == status
    assert says in refused.text
    assert "c2VjcmV0" not in refused.text
    assert "Set-Cookie" not in refused.headers
    assert 'value="/console/probe"' in refused.text  # the next try leads there, too


def test_a_token_that_is_expired_or_of_another_host(client: Client) -> None:
    assert "expired" in sign_in(client, stack.token(lifetime=-1)).text
    foreign = sign("https://fabrikam.servicebus.windows.net/", stack.ROOT.key_name, stack.ROOT.key, 9999999999)
    assert "another host" in sign_in(client, foreign).text


# -- what a session may ------------------------------------------------------------------------------------------------


def test_a_session_has_the_rights_of_its_rule(client: Client, redis: redis_py.Redis) -> None:
    sign_in(client, str(rule(redis, Right.LISTEN)))

    assert client.get("/console/probe", headers=HTML).text == "viewer"
    refused = client.post("/console/probe", headers=OWN)
    assert refused.status_code == 403
    assert "&#39;viewer&#39; does not grant Manage" in refused.text
    assert "Sign in with another" in refused.text


def test_a_session_of_a_hub_s_rule_sees_that_hub_alone(client: Client, redis: redis_py.Redis) -> None:
    sign_in(client, str(rule(redis, Right.LISTEN, hub="events")))

    assert client.get("/console/probe/Events", headers=HTML).text == "viewer"
    assert client.get("/console/probe/other", headers=HTML).status_code == 403
    assert client.get("/console/probe", headers=HTML).status_code == 403  # and not the way to sign in: it is signed in


def test_reading_the_api_takes_the_cookie_and_writing_does_not(client: Client) -> None:
    sign_in(client, str(stack.ROOT))

    assert client.get("/boards?member=ann&board=b").status_code == 200
    assert client.get("/hubs/events/partitions/0/events").status_code == 200
    assert client.put("/boards/b/members/ann", json={"score": 1}, headers=OWN).status_code == 401
    assert client.post("/events/messages", data="x", headers=OWN).status_code == 401
    assert client.put("/boards/b/members/ann", json={"score": 1}, headers={"Authorization": "x"}).status_code == 401


def test_an_event_source_is_let_in_by_its_cookie(client: Client) -> None:
    path, accept = "/hubs/events/partitions/0/tail", {"Accept": "text/event-stream"}
    assert client.get(path, headers=accept).status_code == 401
    sign_in(client, str(stack.ROOT))

    with client.get(path, headers=accept) as stream:
        assert stream.status_code == 200
        assert stream.mimetype == "text/event-stream"


def test_an_own_header_comes_before_the_cookie(client: Client) -> None:
    sign_in(client, str(stack.ROOT))

    assert client.get("/boards", headers={"Authorization": stack.token(lifetime=-1)}).status_code == 401


# -- without a session -------------------------------------------------------------------------------------------------


def test_without_a_session_a_page_leads_to_the_sign_in_page_and_back(client: Client) -> None:
    turned = client.get("/console/probe/a%20b?x=1&y=%20", headers=HTML)
    assert turned.status_code == 303
    form = client.get(turned.location, headers=HTML)
    assert form.status_code == 200
    assert 'name="next" value="/console/probe/a%20b?x=1&amp;y=%20"' in form.text


def test_without_a_session_a_script_and_a_form_are_401(client: Client) -> None:
    for answer in (
        client.get("/console/probe", headers={"Accept": "*/*"}),
        client.get("/console/probe", headers={"Accept": "text/event-stream"}),
        client.post("/console/probe", headers=OWN),
    ):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "SharedAccessSignature"


def test_a_link_of_another_site_is_asked_for_again_with_the_cookie(client: Client) -> None:
    """The first request has no cookie, which is SameSite=Strict; the second is this site's own."""
    first = client.get("/console/probe", headers={**HTML, "Sec-Fetch-Site": "cross-site"})

    assert first.status_code == 200
    assert '<meta http-equiv="refresh" content="0">' in first.text


# -- the end -----------------------------------------------------------------------------------------------------------


def test_signing_out_ends_a_copy_of_the_cookie_as_well(client: Client, app: App) -> None:
    entered = sign_in(client, str(stack.ROOT))
    copy = {**HTML, "Cookie": entered.headers["Set-Cookie"].partition(";")[0]}
    assert Client(app, use_cookies=False).get("/console/probe", headers=copy).status_code == 200

    out = client.post("/console/sign-out", headers=OWN)

    assert (out.status_code, out.location) == (303, "/console/sign-in")
    assert out.headers["Set-Cookie"].startswith("wz=; Expires=Thu, 01 Jan 1970")
    assert Client(app, use_cookies=False).get("/console/probe", headers=copy).status_code == 303


def test_a_sign_in_begins_a_new_session_and_ends_the_old_one(client: Client, app: App) -> None:
    first = sign_in(client, str(stack.ROOT)).headers["Set-Cookie"].partition(";")[0]
    second = sign_in(client, str(stack.ROOT)).headers["Set-Cookie"].partition(";")[0]

    assert first != second
    assert Client(app, use_cookies=False).get("/console/probe", headers={**HTML, "Cookie": first}).status_code == 303
    assert Client(app, use_cookies=False).get("/console/probe", headers={**HTML, "Cookie": second}).status_code == 200


@pytest.mark.parametrize("change", ["delete", "rotate"])
def test_a_session_ends_with_its_rule_and_with_its_key(client: Client, redis: redis_py.Redis, change: str) -> None:
    sign_in(client, str(rule(redis, Right.LISTEN)))
    assert client.get("/console/probe", headers=HTML).status_code == 200
    rules = Rules(redis, stack.ROOT)
    if change == "delete":
        rules.remove("viewer")
    else:
        rules.rotate("viewer", "primary")

    assert client.get("/console/probe", headers=HTML).status_code == 303
    assert client.get("/boards").status_code == 401


def test_a_session_ends_with_its_token(client: Client, redis: redis_py.Redis) -> None:
    """Redis forgets it; and if it does not yet, the token itself is expired."""
    sign_in(client, stack.token(lifetime=600))
    (key,) = redis.keys("console:session:*")
    redis.set(key, stack.token(lifetime=-1))

    assert client.get("/console/probe", headers=HTML).status_code == 303
    redis.delete(key)
    assert client.get("/console/probe", headers=HTML).status_code == 303


def test_a_cookie_of_another_key_is_no_session(client: Client, app: App, server_settings: Settings) -> None:
    cookie = sign_in(client, str(stack.ROOT)).headers["Set-Cookie"].partition(";")[0]
    other = ConnectionString(stack.ROOT.endpoint, stack.ROOT.key_name, "another")
    settings = Settings(environment="test", redis_url=server_settings.redis_url, connection_string=other)

    answer = Client(create_app(settings), use_cookies=False).get("/boards", headers={"Cookie": cookie})

    assert answer.status_code == 401


# -- forms, cookies, headers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "https://localhost"}, 200),  # TLS ended at a balancer
        ({"Referer": "http://localhost/console/probe"}, 200),
        ({}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # another port of this machine
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://localhost:8081"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Referer": "http://evil.example/http://localhost/"}, 403),
    ],
)
def test_forms_of_other_pages_are_refused(client: Client, headers: dict[str, str], status: int) -> None:
    sign_in(client, str(stack.ROOT))

    assert client.post("/console/probe", headers={**HTML, **headers}).status_code == status


def test_nobody_is_signed_in_or_out_by_a_foreign_form(client: Client, redis: redis_py.Redis) -> None:
    sign_in(client, str(stack.ROOT))
    before = redis.keys("console:*")

    for path in ("/console/sign-in", "/console/sign-out"):
        answer = client.post(path, data={"secret": stack.token()}, headers={**HTML, "Origin": "http://evil.example"})
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers
    assert redis.keys("console:*") == before


def test_the_cookie_is_no_scripts_and_over_tls_no_other_host_s(client: Client, app: App) -> None:
    plain = sign_in(client, str(stack.ROOT)).headers["Set-Cookie"]
    assert plain.partition("=")[0] == "wz"
    assert {part.strip() for part in plain.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Strict"}
    form = {"secret": str(stack.ROOT)}
    origin = {**HTML, "Origin": "https://localhost:8443"}
    secure = Client(app).post("/console/sign-in", base_url="https://localhost:8443", data=form, headers=origin)
    assert secure.headers["Set-Cookie"].startswith("__Host-wz-8443=")
    attributes = {part.strip() for part in secure.headers["Set-Cookie"].split(";")[1:]}
    assert attributes == {"HttpOnly", "Path=/", "SameSite=Strict", "Secure"}


def test_headers_of_pages(client: Client) -> None:
    for answer in (
        client.get("/console/sign-in", headers=HTML),
        client.get("/console/probe", headers=HTML),
        client.post("/console/probe", headers=HTML),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_no_answer_of_the_api_passes_the_hook_that_saves_sessions(app: App) -> None:
    """Answers without after hooks are sent the short way."""
    assert not app.after_hooks

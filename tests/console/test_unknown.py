"""What a browser is shown where there is nothing, or where something went wrong, and what a program gets there."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
import redis as redis_py

from handlers import create_app
from handlers.console.errors import OTHERS, nearest
from handlers.console.frame import PLACES, Pages
from pipeline.hub.description import RESERVED
from pipeline.settings import Settings
from wz import App, Request
from wz.testing import Client

from .. import stack

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def app(server_settings: Settings) -> App:
    """The service, with a page that fails."""
    app = create_app(server_settings)
    broken = Pages("broken", "/console/broken")

    @broken.get("")
    def fail(request: Request) -> str:
        raise ZeroDivisionError("what only the log may have")

    app.register(broken)
    return app


@pytest.fixture
def client(app: App, redis: redis_py.Redis) -> Client:
    return Client(app)


@pytest.mark.parametrize("path", re.findall(r"(?<!\w)/[a-z]+(?![\w/.])", " ".join(place.program for place in PLACES)))
def test_what_programs_are_told_to_ask_for_is_there(client: Client, path: str) -> None:
    assert client.get(path, headers={"Authorization": stack.token()}).status_code == 200


@pytest.mark.parametrize("path", ["/console/nothing", "/nowhere", "/no/such/place", "/job/context_reward", "/boards/"])
def test_a_browser_is_shown_what_there_is(client: Client, path: str) -> None:
    answer = client.get(path, headers=HTML)

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert f"There is nothing at {path}" in answer.text
    for place in (*PLACES, *OTHERS):
        assert f'<a href="{place.path}" class="mono">' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "mimetype", "status"),
    [
        ("/console/nothing", "application/problem+json", 404),
        ("/no/such/place", "application/xml", 400),
        ("/nowhere", "application/xml", 401),
    ],
)
@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/xml, */*"])
def test_a_program_gets_what_it_can_read(
    client: Client, path: str, mimetype: str, status: int, accept: str | None
) -> None:
    answer = client.get(path, headers={"Accept": accept} if accept else {})

    assert (answer.status_code, answer.mimetype) == (status, mimetype)


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/job/context_reward", "/console/jobs/context_reward"),
        ("/hub/events", "/console/hubs/events"),
        ("/console/hub/events/", "/console/hubs/events"),
        ("/consol/bords/a b", "/console/boards/a%20b"),
        ("/console", "/"),
        ("/console/servers", "/console/server"),
        ("/Layer", "/layers"),
        ("/dosc", "/docs"),
        ("/healthzz/x", "/healthz"),
        ("/zzz", None),
        ("/", None),
        ("/" + "z" * 100_000, None),
        ("/jobs/<script>", "/console/jobs/%3Cscript%3E"),
        ("/hubs//evil.example", "/console/hubs/evil.example"),
    ],
)
def test_the_nearest_that_there_is(path: str, near: str | None) -> None:
    assert nearest(path) == near


def test_a_path_is_shown_as_text_and_not_in_whole(client: Client) -> None:
    answer = client.get("/x/<script>alert(1)</script>/" + "y" * 5000, headers=HTML)

    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "y" * 200 not in answer.text


def test_every_first_segment_of_the_service_is_named() -> None:
    """The page says of all that there is; `favicon.ico` is for the pages themselves, `static` is of the future.

    The guide need not be there: it is named where WZ_GUIDE_URL says so (tests/handlers/test_error_help.py).
    """
    said = " ".join(f"{place.path} {place.program}" for place in (*PLACES, *OTHERS))
    missing = {segment for segment in RESERVED if f"/{segment}" not in said}

    assert missing == {"favicon.ico", "guide", "static"}, "say what is there in handlers/console/frame.py or errors.py"


def test_a_mistyped_hub_and_an_existing_one_look_the_same_without_a_session(client: Client) -> None:
    answers = [client.get(f"/{name}", headers=HTML) for name in ("events", "mistyp")]

    assert [answer.status_code for answer in answers] == [404, 404]
    texts = [re.sub("[0-9a-f]{32}", "", answer.text) for answer in answers]
    assert texts[0].replace(" at /events<", " at /mistyp<") == texts[1]


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [("DELETE", "/console/sign-in", "GET, HEAD, OPTIONS, POST"), ("POST", "/healthz", "GET, HEAD, OPTIONS")],
)
def test_another_method_says_which_there_are(client: Client, method: str, path: str, says: str) -> None:
    answer = client.open(path, method=method, headers={**HTML, "Origin": "http://localhost"})

    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert says in answer.text
    assert ", ".join(sorted(answer.headers["Allow"].split(", "))) == says


def test_an_error_of_the_service_says_nothing_of_its_inside(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/console/broken", headers=HTML)

    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "what only the log may have" not in answer.text
    assert "what only the log may have" in caplog.text
    (request_id,) = re.findall(r"Request ([0-9a-f]{32})\.", answer.text)
    assert answer.headers["X-Request-ID"] == request_id


def test_an_error_of_the_api_is_a_page_for_a_browser(client: Client) -> None:
    answer = client.get("/boards/none", headers={**HTML, "Authorization": stack.token()})

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "no board &#39;none&#39;" in answer.text


@pytest.fixture
def away(tmp_path: Path) -> Client:
    """A browser before a service whose Redis is away, and which has signed in earlier."""
    settings = Settings(environment="test", redis_url=f"unix://{tmp_path}/none.sock", connection_string=stack.ROOT)
    client = Client(create_app(settings))
    with client.session_transaction() as session:
        session["id"] = "x"
    return client


def test_without_redis_a_page_says_what_still_works(away: Client) -> None:
    answer = away.get("/hubs", headers=HTML)

    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert answer.headers["Retry-After"] == "1"
    assert 'href="/docs"' in answer.text
    assert "nothing was changed" in answer.text
    for path, status in (("/docs", 200), ("/healthz", 200), ("/console/sign-in", 200), ("/console/nothing", 404)):
        assert away.get(path, headers=HTML).status_code == status
    signing = away.post(
        "/console/sign-in", data={"secret": stack.token()}, headers={**HTML, "Origin": "http://localhost"}
    )
    assert (signing.status_code, signing.mimetype) == (503, "text/html")


# -- what browsers and people ask for beside pages ---------------------------------------------------------------------


def test_the_icon_that_browsers_look_for(client: Client) -> None:
    with client.get("/favicon.ico") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
        assert answer.cache_control.max_age == 86400


def test_docs_with_a_slash(client: Client) -> None:
    answers = [client.get(path, headers=HTML) for path in ("/docs", "/docs/")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].text == answers[1].text  # with whole paths of its files


@pytest.mark.parametrize("accept", [None, "*/*", "application/atom+xml"])
def test_the_root_is_a_feed_for_a_program(client: Client, accept: str | None) -> None:
    answer = client.get("/", headers={"Accept": accept} if accept else {})

    assert (answer.status_code, answer.mimetype) == (200, "application/atom+xml")
    assert fromstring(answer.data).findtext("{*}title") == "Publicly Listed Services"
    assert client.get("/", headers=HTML).status_code == 303  # the sign-in page

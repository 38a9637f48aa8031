"""WZ_CORS_ORIGINS: a page of another origin sends and reads with its token; without the setting its browser refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis as redis_py

from deploy.nginx import DEPLOY, render_nginx
from handlers import create_app
from pipeline.settings import InvalidSetting, Settings
from wz.live_server import LiveServer
from wz.testing import Client

from .. import stack
from ..client import validated
from ..stack import ROOT, token

PAGE = "http://127.0.0.1:5173"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture
def page(settings: Settings, redis: redis_py.Redis) -> Client:
    """The service, which pages of `PAGE` may call."""
    return validated(create_app(replace(settings, cors_origins=frozenset({PAGE}))))


def preflight(client: Client, path: str, method: str, origin: str = PAGE) -> str | None:
    names = "authorization,brokerproperties,content-type,device_id,alert"
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": names}
    answer = client.options(path, headers={"Origin": origin, **asked})
    if answer.headers.get(ALLOW) is None:
        return None
    assert answer.headers["Access-Control-Allow-Headers"] == names
    return str(answer.headers["Access-Control-Allow-Methods"])


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/events/messages", "POST"),
        ("/Events/Partitions/0/Messages/?timeout=60&api-version=2014-01", "POST"),
        ("/events/publishers/dev-1/messages", "POST"),
        ("/hubs/events/partitions/0/tail?after=0", "GET"),
        ("/boards/points/members/a", "PUT"),
        ("/jobs", "GET"),
        ("/outputs", "GET"),
    ],
)
def test_a_preflight_tells_the_methods_of_the_path(page: Client, path: str, method: str) -> None:
    assert method in (preflight(page, path, method) or "").split(", ")
    assert preflight(page, path, method, "http://127.0.0.1:5174") is None


@pytest.mark.parametrize(("with_token", "status"), [(True, 201), (False, 401)])
def test_a_page_sends_and_sees_the_answer(page: Client, with_token: bool, status: int) -> None:
    headers = {"Origin": PAGE, "device_id": "d1", "BrokerProperties": '{"PartitionKey":"k"}'}
    answer = page.post(
        "/events/messages", data="21.5", headers=headers | ({"Authorization": token()} if with_token else {})
    )

    assert (answer.status_code, answer.headers[ALLOW], answer.headers["Vary"]) == (status, PAGE, "Origin")
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


def test_what_the_browser_adds_is_no_property(page: Client) -> None:
    headers = {"Origin": PAGE, "Authorization": token(), "Alert": "Wind"}
    browser = {"Referer": f"{PAGE}/", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-site", "Accept-Language": "de"}
    page.post("/events/messages", data="x", headers=headers | browser)
    found = [page.get(f"/hubs/events/partitions/{number}/events", headers=headers).json for number in range(4)]

    assert [event["properties"] for part in found for event in part["events"]] == [{"Alert": "Wind"}]


@pytest.mark.parametrize("path", ["/console/hubs", "/metrics", "/healthz"])
def test_what_is_no_data_is_for_no_page(page: Client, path: str) -> None:
    answer = page.get(path, headers={"Origin": PAGE, "Authorization": token()})

    assert ALLOW not in answer.headers
    assert preflight(page, path, "GET") is None


def test_by_default_no_origin_gets_a_header(settings: Settings) -> None:
    client = validated(create_app(settings))
    answer = client.post("/events/messages", data="x", headers={"Origin": PAGE, "Authorization": token()})

    assert preflight(client, "/events/messages", "POST") is None
    assert (answer.status_code, answer.headers.getlist(ALLOW) + answer.headers.getlist("Vary")) == (201, [])


def test_the_document_of_the_api_is_the_same(page: Client, settings: Settings) -> None:
    assert page.get("/openapi.json").data == validated(create_app(settings)).get("/openapi.json").data


# -- the setting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", set()),
        ("*", {"*"}),
        ("https://shop.example, http://localhost:5173,null", {"https://shop.example", "http://localhost:5173", "null"}),
        ("http://[::1]:8000,chrome-extension://abc", {"http://[::1]:8000", "chrome-extension://abc"}),
    ],
)
def test_origins(text: str, origins: set[str]) -> None:
    found = Settings.from_environ({"WZ_CONNECTION_STRING": str(ROOT), "WZ_CORS_ORIGINS": text})

    assert found.cors_origins == origins


@pytest.mark.parametrize(
    "text",
    [
        *("https://shop.example/", "https://Shop.example", "shop.example", "https://shop.example:443", "http://a:80"),
        *(
            "*,https://shop.example",
            "https://*.example",
            "https://a;b",
            "https://a b",
            "https://ä.example",
            "https://a:",
        ),
    ],
)
def test_what_no_browser_sends_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^WZ_CORS_ORIGINS: .*(write scheme, host and port|write it alone)"):
        Settings.from_environ({"WZ_CONNECTION_STRING": str(ROOT), "WZ_CORS_ORIGINS": text})


# -- nginx ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[(PAGE, "https://shop.example"), ("*",), ()], ids=["two", "all", "none"])
def edge(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[LiveServer, tuple[str, ...]]]:
    """nginx without a gunicorn, and the origins that it was told."""
    with stack.nginx(tmp_path_factory.mktemp("run"), alone=True, origins=request.param) as server:
        yield server, request.param


@pytest.mark.parametrize(
    ("length", "status"),
    [pytest.param(1, 503, id="no gunicorn"), pytest.param(9_999_999, 413, id="too large")],
)
@pytest.mark.parametrize("origin", [PAGE, "http://127.0.0.1:51733", f"{PAGE} x", None])
def test_an_error_of_nginx_is_shown_to_the_page(
    edge: tuple[LiveServer, tuple[str, ...]], length: int, status: int, origin: str | None
) -> None:
    server, origins = edge
    headers = {"Authorization": "x", **({"Origin": origin} if origin else {})}
    body = b"x" if length == 1 else bytes(2 * 1024**2)
    answer = Client(server).post("/events/messages", data=body, headers=headers)
    allowed = origin if origin in origins else "*" if origin and "*" in origins else None

    assert (answer.status_code, answer.headers.get(ALLOW)) == (status, allowed)
    assert answer.headers.get("Access-Control-Expose-Headers") == ("Retry-After, X-Request-ID" if allowed else None)


def test_the_file_that_operators_copy_has_the_lines_of_wz_up(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in (DEPLOY / "nginx.d" / "cors.origins").read_text().splitlines()]
    written = [render_nginx(tmp_path, "127.0.0.1:1", origins=[one]) for one in ("https://shop.example", "*")]

    assert [
        line for line in lines if ";" in line and any(line.partition(";")[0] + ";" in text for text in written)
    ] == lines[-2:]

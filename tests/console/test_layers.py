"""The pages of /layers: the list, one trace, two side by side, what layers cost."""

from __future__ import annotations

import re
from html import unescape

import msgspec
import pytest
import redis as redis_py
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from handlers import create_app
from handlers.console.layers.compare import compare, matched
from handlers.console.layers.layers import CHOICES
from handlers.console.layers.measured import measured
from handlers.console.layers.source import excerpt
from handlers.console.layers.trace import trace_page
from handlers.console.layers.waterfall import MAX_ROWS, Scale, shares, steps, whole_microseconds
from handlers.traces import part_of
from pipeline.connection_string import ConnectionString
from pipeline.console.keys import TRACE
from pipeline.console.traces import Traces
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from wz import App
from wz.testing import Client
from wz.tracing.spans import Span, Trace

from .. import stack
from .browser import Watched
from .conftest import Site
from .traces import BEGAN, ID, hostile, reward

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
OTHER = "1f6a02bc5d20b9ce0c9e41aaab37f0e1"


@pytest.fixture(scope="module")
def app(server_settings: Settings) -> App:
    return create_app(server_settings)


class Visitor:
    """Somebody with all rights, and the traces that there are."""

    def __init__(self, app: App, redis: redis_py.Redis) -> None:
        self.client = Client(app)
        self.kept = Traces(redis, 100)

    def keep(self, *traces: Trace) -> None:
        self.kept.keep([part_of(trace) for trace in traces])

    def get(self, path: str, token: str = "", **options: object) -> TestResponse:
        headers = {"Authorization": token or stack.token(), "Accept": HTML}
        return self.client.get(path, headers=headers, **options)


@pytest.fixture
def visitor(app: App, redis: redis_py.Redis) -> Visitor:
    return Visitor(app, redis)


def text(html: str) -> str:
    """What is read, with one blank between any two words."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def rows(html: str) -> list[list[str]]:
    """The texts of the cells of the table's body, row by row."""
    return [
        [text(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for body in re.findall(r"<tbody>(.*?)</tbody>", html, re.DOTALL)
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    ]


# -- whose time --------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**9)))
def test_rounded_times_add_up(nanoseconds: list[int]) -> None:
    whole = whole_microseconds(nanoseconds)

    assert sum(whole) == round(sum(nanoseconds) / 1000)
    assert all(abs(us - ns / 1000) < 1 for us, ns in zip(whole, nanoseconds, strict=True))


def test_own_times_of_a_trace_add_up_to_the_whole() -> None:
    found = steps(reward())

    assert sum(step.own for step in found) == sum(shares(found).values()) == 3020
    assert shares(found)["redis"] == 227
    assert list(shares(found)) == ["nginx", "socket", "gunicorn", "wz", "handler", "redis"]
    assert [step for step in found if step.row.own == step.row.took and step.own != step.took] == []


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(-500, 2000), st.integers(0, 10**9)), max_size=30))
def test_bars_stay_within_their_chart(times: list[tuple[int, int, int]]) -> None:
    spans = [
        Span("view", str(number), "handler", BEGAN + at, BEGAN + at + took, unsure=unsure)
        for number, (at, took, unsure) in enumerate(times)
    ]
    found = steps(Trace("i", "GET", "/", 200, "/", BEGAN, 1, "t", spans=spans))
    scale = Scale.over(found)

    for step in found:
        for piece in (scale.whole(step), *scale.own(step), scale.unsure(step)):
            assert 0 <= piece.x <= piece.x + piece.width <= 100.0000001


# -- one trace ---------------------------------------------------------------------------------------------------------


def test_a_trace_is_a_waterfall_whose_own_times_are_the_whole(visitor: Visitor) -> None:
    visitor.keep(reward())

    page = visitor.get(f"/layers/{ID}")

    assert page.status_code == 200
    waterfall = [row for row in rows(page.text) if len(row) == 5]
    assert [row[0] for row in waterfall][:3] == ["nginx", "receives head and body", "on the socket to gunicorn"]
    assert "Redis EVALSHA fanout.UPDATE {board:actions}:scores" in [row[0] for row in waterfall]
    assert sum(int(row[3].replace(",", "")) for row in waterfall) == 3020
    assert "they sum to 3,020" in text(page.text)
    assert "≈ 3,020" in waterfall[0][2]


def test_the_first_layer_that_changes_something_is_open(visitor: Visitor) -> None:
    visitor.keep(reward())

    found = text(visitor.get(f"/layers/{ID}").text)

    assert f"environ wz.request_id was not there {ID}" in found
    assert f"header of the answer X-Request-ID was not there {ID}" in found
    assert "environ HTTP_X_REQUEST_ID given is gone" in found
    assert "wz/request_id.py:38" in found
    assert "environ[KEY] = request_id" in found
    assert "flask/app.py, Flask.wsgi_app, Flask 3.1" in found
    assert "Flask, as two hooks" in found
    assert "Measured by bench.layers on" in found


def test_any_step_can_be_opened(visitor: Visitor) -> None:
    visitor.keep(reward())
    page = visitor.get(f"/layers/{ID}").text
    links = re.findall(r'<a href="\?zoom=all&amp;step=(\d+)#bar">match</a>', page)
    assert len(links) == 1

    opened = visitor.get(f"/layers/{ID}?step={links[0]}").text

    assert '<tr class="on" aria-current="true"><th scope="row" class="d6">' in opened
    assert "The rule is found." in text(opened)
    assert "flask/ctx.py, RequestContext.match_request, Flask 3.1" in text(opened)
    assert "Reads: environ REQUEST_METHOD, PATH_INFO, HTTP_HOST" in text(opened)


@pytest.mark.parametrize("query", ["step=-1", "step=99999999999999999999", "step=x", "zoom=x", "zoom=wz&step=0"])
def test_what_is_not_there_is_the_first_choice(visitor: Visitor, query: str) -> None:
    visitor.keep(reward())

    page = visitor.get(f"/layers/{ID}?{query}")

    assert page.status_code == 200
    assert "layer request id" in text(page.text)


@pytest.mark.parametrize(
    ("zoom", "first", "begin"), [("all", "nginx", 0), ("gunicorn", "waits for a thread", 1796), ("wz", "WSGI", 2112)]
)
def test_a_part_has_a_scale_of_its_own(zoom: str, first: str, begin: int) -> None:
    page = trace_page(reward(), zoom)

    assert page.shown[0].span.name == first
    assert page.scale.begin == begin
    assert page.scale.marks()[0][0] >= 0
    assert [one.name for one in page.zooms] == ["all", "gunicorn", "wz"]
    assert sum(page.shares.values()) == page.took == 3020  # the strip is always of the whole


def test_what_is_missing_is_said() -> None:
    assert trace_page(reward()).missing == ""
    assert trace_page(reward(nginx=False)).missing.startswith("nginx's part is missing")
    alone = reward()
    alone.spans = [span for span in alone.spans if span.who in ("wz", "handler", "redis")]
    page = trace_page(alone)
    assert "neither nginx nor gunicorn" in page.missing
    assert [zoom.name for zoom in page.zooms] == ["all"]


def test_secrets_are_hidden_and_headers_have_a_source(visitor: Visitor) -> None:
    visitor.keep(reward())

    found = rows(visitor.get(f"/layers/{ID}").text)

    assert ["Authorization", "hidden, 163 characters", "client"] in found
    assert ["X-Request-ID", ID, "nginx"] in found
    assert ["X-Request-ID", ID, "layer request id"] in found
    assert ["Content-Type", "text/plain", "start_response"] in found


def test_a_trace_of_nothing_is_a_page() -> None:
    page = trace_page(Trace("i", "GET", "/", 0, "", 0, 0, ""))

    assert (page.shown, page.detail, page.took) == ([], None, 0)


# -- the code ----------------------------------------------------------------------------------------------------------


def test_the_code_is_the_function_with_its_telling_lines() -> None:
    code = excerpt("wz/request_id.py:38")

    assert code is not None
    assert "".join(piece for _, piece in code.lines[0].pieces).strip().startswith("def __call__")
    marked = {"".join(piece for _, piece in line.pieces).strip() for line in code.lines if line.marked}
    assert "environ[KEY] = request_id" in marked
    assert any("start_response(status" in line for line in marked)
    assert ("k", "def") in code.lines[0].pieces


def test_a_line_within_a_function_is_the_marked_one() -> None:
    code = excerpt("wz/request_id.py:40")

    assert code is not None
    assert [line.number for line in code.lines if line.marked] == [40]


def test_a_long_function_is_cut_around_its_line() -> None:
    code = excerpt("wz/app.py:34")

    assert code is not None
    assert len(code.lines) == 40
    assert [line.number for line in code.lines if line.marked] == [34]


@pytest.mark.parametrize(
    "place",
    [
        "/etc/passwd:1",
        "../wz/app.py:1",
        "wz/../../etc/x.py:1",
        "wz/../pyproject.toml:1",
        "os/path.py:1",
        "wz/app.py",
        "wz/app.py:0",
        "wz/app.py:999999",
        "wz/nothing.py:1",
        "deploy/nginx.conf",
        "tests/stack.py:1",
        "x.py:1",
        "",
    ],
)
def test_nothing_else_is_read(place: str) -> None:
    assert excerpt(place) is None


# -- two traces --------------------------------------------------------------------------------------------------------


def test_two_traces_are_explained_in_a_sentence(visitor: Visitor) -> None:
    late: dict[str, float] = {"waits for a thread": 4120, "EVALSHA fanout.UPDATE {board:actions}:scores": 1684}
    visitor.keep(reward(), reward(OTHER, {**late, "body": 31, "reads and parses": -12}))

    page = visitor.get(f"/layers/compare?a={ID}&b={OTHER}")

    found = text(page.text)
    assert (
        "B took 5,823 µs more. 4,120 µs more waiting for a thread, 1,684 µs more waiting for Redis; "
        "each other step differs by at most 31 µs." in found
    )
    bold = [
        row[0]
        for row in re.findall(r"<tr>(?:(?!</tr>).)*?<th[^>]*>([^<]*)</th>((?:(?!</tr>).)*<b>)", page.text, re.DOTALL)
    ]
    assert bold == ["waits for a thread", "Redis EVALSHA fanout.UPDATE {board:actions}:scores"]
    assert ["WSGI", "878", "2,593", "+1,715"] in rows(page.text)


def test_a_trace_is_like_itself() -> None:
    found = compare(reward(), reward())

    assert (found.headline, found.reasons) == ("Both took the same time.", "No step differs by 50\u00a0µs or more.")


def test_a_step_that_one_lacks_keeps_its_place() -> None:
    a, b = reward(), reward(OTHER, nginx=False)
    pairs = matched(steps(a), steps(b))

    assert [pair.either.span.name for pair in pairs] == [step.span.name for step in steps(a)]
    assert [pair.b is None for pair in pairs][:4] == [True, True, True, False]


def test_two_are_chosen_in_the_list(visitor: Visitor) -> None:
    visitor.keep(reward(), reward(OTHER))

    chosen = visitor.get(f"/layers/compare?chosen={OTHER}&chosen={ID}")
    one = visitor.get(f"/layers/compare?chosen={ID}")

    assert (chosen.status_code, chosen.location) == (303, f"/layers/compare?a={OTHER}&b={ID}")
    assert one.status_code == 422
    assert "Choose two requests to compare." in text(one.text)
    assert re.search(rf'value="{ID}"[^>]* checked', one.text)


# -- the list ----------------------------------------------------------------------------------------------------------


def test_the_newest_are_listed_first_and_can_be_filtered(visitor: Visitor) -> None:
    failed = reward(OTHER)
    failed.status, failed.rule = 503, "/boards"
    failed.spans = failed.spans[:1]
    failed.spans[0].end = BEGAN + 9_500_000
    visitor.keep(reward(), failed)

    def listed(query: str = "") -> list[str]:
        return [row[-1] for row in rows(visitor.get(f"/layers{query}").text)]

    assert listed() == [OTHER[:7] + "…", ID[:7] + "…"]
    assert listed("?status=5") == listed("?route=/boards") == listed("?ms=9.5") == [OTHER[:7] + "…"]
    assert listed("?status=2&ms=&route=&id=") == [ID[:7] + "…"]
    assert listed("?route=/nowhere") == []
    assert "No request that was traced in the last hour is like that." in visitor.get("/layers?route=/nowhere").text


def test_an_empty_list_says_how_to_fill_it(visitor: Visitor) -> None:
    page = visitor.get("/layers")

    assert page.status_code == 200
    assert "No request was traced in the last hour." in page.text
    assert "X-Wz-Trace: 1" in text(page.text)


@pytest.mark.parametrize("ms", ["x", "-1", "inf", "nan", "1e300"])
def test_a_wrong_number_is_told_and_kept(visitor: Visitor, ms: str) -> None:
    page = visitor.get("/layers", query_string={"ms": ms})

    assert page.status_code == 422
    assert "A number of milliseconds" in page.text
    assert f'value="{ms}"' in page.text


def test_a_request_is_found_by_its_id(visitor: Visitor) -> None:
    visitor.keep(reward())

    assert visitor.get(f"/layers?id=%20{ID}").location == f"/layers/{ID}"
    unknown = visitor.get("/layers/nobody")
    assert unknown.status_code == 404
    assert "There is no trace of the request &#39;nobody&#39;" in unknown.text


# -- the button --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CHOICES)
def test_each_choice_can_be_traced_without_a_script(visitor: Visitor, path: str) -> None:
    headers = {"Authorization": stack.token(), "Accept": HTML}
    made = visitor.client.post("/layers", data={"path": path}, headers=headers)

    assert made.status_code == 303
    page = text(visitor.get(made.location).text)
    assert f"GET {path}" in page
    assert "status 200" in page, page
    assert "neither nginx nor gunicorn has a part" in page


def test_only_a_choice_can_be_traced(visitor: Visitor) -> None:
    refused = visitor.client.post(
        "/layers", data={"path": "/events/messages"}, headers={"Authorization": stack.token(), "Accept": HTML}
    )

    assert refused.status_code == 422
    assert "Choose one of the requests in the list." in refused.text


# -- rights and strangers' texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/layers", f"/layers/{ID}", f"/layers/compare?a={ID}&b={ID}", "/layers/off"])
def test_all_need_the_right_to_manage(visitor: Visitor, redis: redis_py.Redis, path: str) -> None:
    visitor.keep(reward())
    made = Rules(redis, stack.ROOT).add("viewer", frozenset({Right.LISTEN, Right.SEND}), None)
    connection = ConnectionString(stack.ROOT.endpoint, made.name, made.primary, None)

    assert visitor.get(path).status_code == 200
    assert visitor.get(path, stack.token("", connection)).status_code == 403
    stranger = visitor.client.get(path, headers={"Accept": HTML})
    assert (stranger.status_code, stranger.location.partition("?")[0]) == (303, "/console/sign-in")


@pytest.mark.parametrize("path", ["", f"/{ID}", f"/{ID}?step=7&zoom=wz", f"/{ID}?step=1999", f"/compare?a={ID}&b={ID}"])
def test_a_hostile_trace_is_text_and_bounded(visitor: Visitor, redis: redis_py.Redis, path: str) -> None:
    trace = hostile()
    visitor.keep(trace)
    # What the service stores is smaller; the page must not rely on it.
    redis.hset(TRACE.named(ID=ID), "app", msgspec.msgpack.encode(trace))

    page = visitor.get(f"/layers{path}")

    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "{{7*7}}" in page.text
    assert "\u202e" not in page.text  # it would write what follows from right to left
    assert len(page.data) < 1_000_000
    assert len(rows(page.text)) <= 2 * MAX_ROWS + 400
    numbers = re.findall(r' (?:x|width|x1|x2)="(-?[\d.]+)%"', page.text)
    assert all(0 <= float(number) <= 100 for number in numbers)


# -- layers taken off --------------------------------------------------------------------------------------------------


def test_the_measured_run_is_shown_as_what_it_is(visitor: Visitor) -> None:
    page = visitor.get("/layers/off")
    run = measured()

    found = text(page.text)
    assert f"One run of python -m bench.layers on {run.date}" in found
    assert f"flask {run.versions['flask']}" in found
    bars = {row[0]: row for row in rows(page.text)}
    for bar in run.bars:
        assert bars[bar.name][6:8] == [f"{bar.total:.2f}", f"{bar.total / run.bars[-1].total:.2f}"]
    assert all(step in bars for step in run.steps)


# -- in a browser, through nginx and gunicorn --------------------------------------------------------------------------

TRACED = re.compile(r"/layers/[0-9a-f]{32}$")


def trace(person: Watched, path: str) -> str:
    """Press the button for a request, and return the address of its trace, which the browser then shows."""
    page = person.page
    page.goto("/layers")
    page.locator("select[name=path]").select_option(path)
    page.get_by_role("button", name="Trace this request").click()
    page.wait_for_url(TRACED)
    return page.url


def test_a_request_through_nginx_is_seen_within_a_click(person: Watched) -> None:
    trace(person, "/hubs")

    assert person.page.locator("h1").inner_text() == "GET /hubs"
    table = person.page.locator("table.fall tbody tr")
    names = table.locator("th").all_inner_texts()
    expected = [
        "nginx",
        "receives head and body",
        "on the socket to gunicorn",
        "waits for a thread",
        "reads and parses",
        "makes the environ",
        "WSGI",
        "layer metrics",
        "layer request id",
        "layer unread body",
        "layer canonical path",
        "app",
        "match",
        "before: check_token",
        "view hubs.hubs",
        "finalize",
        "start_response",
        "first to last byte",
        "sends the answer",
    ]
    assert [name for name in names if name in expected] == expected
    assert any(name.startswith("Redis ") for name in names)
    own = [int(text.replace(",", "")) for text in table.locator("td:nth-child(4)").all_inner_texts()]
    took = int(table.first.locator("td:nth-child(3)").inner_text().replace(",", "").lstrip("≈ "))
    assert sum(own) == took
    assert all(number >= 0 for number in own)


def test_a_step_is_opened_by_the_keyboard(person: Watched) -> None:
    page = person.page
    trace(person, "/healthz")

    step = page.get_by_role("link", name="match", exact=True)
    step.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"step=\d+"))

    assert page.locator("#what").inner_text() == "match"
    assert page.locator("tr[aria-current] th").inner_text() == "match"
    assert "wz/fast.py:" in page.locator("#bar").inner_text()
    assert page.locator("pre.code .mark").count() > 0


def test_all_works_without_a_script(site: Site, cookies: list[dict[str, object]]) -> None:
    one = Watched(site.browser, site.url, java_script_enabled=False)
    one.context.add_cookies(cookies)  # type: ignore[arg-type]
    try:
        trace(one, "/healthz")
        assert "neither nginx nor gunicorn" in one.page.locator(".note").inner_text()
        one.page.get_by_role("link", name="app", exact=True).click()
        assert one.page.locator("#what").inner_text() == "app"
        assert one.complaints == []
    finally:
        one.context.close()

"""The pages of jobs, in process: what they show, what they change, and to whom they show nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers import create_app
from pipeline.connection_string import ConnectionString
from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.outputs import list_outputs
from pipeline.windows.jobs.record import Restart
from pipeline.windows.jobs.registry import JobRegistry
from wz import App
from wz.testing import Client

from .. import stack
from ..windows.jobs.test_registry import round_trips
from ..windows.support.running_jobs import run

DAILY = (
    "SELECT k, COUNT(*) AS n INTO Daily FROM Input GROUP BY k, TumblingWindow(day, 1)\nSELECT k INTO Each FROM Input"
)
DOCUMENT: dict[str, Any] = {
    "inputs": {"Input": {"hub": "events"}},
    "outputs": {"Daily": {"type": "stream"}, "Each": {"type": "stream"}},
    "boards": [{"from": "Daily", "board": "best", "member": "k", "score": "n", "mode": "set"}],
}
#: What a cell has without a value: an en dash.
NONE = "\u2013"
SETTINGS = msgspec.json.encode(DOCUMENT).decode()


@pytest.fixture(scope="module")
def app(server_settings: Settings) -> App:
    return create_app(server_settings)


class Person:
    """Somebody with a token of all rights, or with that of a rule."""

    def __init__(self, app: App, token: str) -> None:
        self.client = Client(app)
        self.headers = {"Authorization": token, "Accept": "text/html"}

    def get(self, path: str, status: int = 200) -> str:
        return text_of(self.html(path, status))

    def html(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, status: int = 303, **form: str) -> str:
        """Send a form; returns where it leads, or the text of the page that it gives."""
        answer: TestResponse = self.client.post(path, data=form, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.headers["Location"] if status == 303 else text_of(answer.text)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


@pytest.fixture
def person(app: App, redis: redis_py.Redis) -> Person:
    return Person(app, stack.token())


@pytest.fixture
def registry(redis: redis_py.Redis, settings: Settings) -> JobRegistry:
    return JobRegistry(redis, Hubs(redis, settings.hubs))


Work = Callable[[], None]


@pytest.fixture
def work(registry: JobRegistry) -> Iterator[Work]:
    """Do what a worker does, until there is nothing more to do."""
    found: set[Job] = set()
    jobs = JobFinder(registry, beat=0.0)

    def work() -> None:
        for job in jobs.jobs():
            found.add(job)
            job.opened.reports._next.clear()
            run(job)

    yield work
    for job in found:
        job.stop()


@pytest.fixture
def daily(registry: JobRegistry, work: Work) -> str:
    """A job that has read three events in two groups, and one that it could not read."""
    registry.put("daily", Definition(DAILY, DOCUMENT))
    events = [Event(b'{"k": "a"}'), Event(b'{"k": "<b>"}'), Event(b'{"k": "a"}'), Event(b"<script>")]
    registry.hubs["events"].append(events, partition=0)
    work()
    return "daily"


def test_the_list_says_how_far_each_job_is(person: Person, registry: JobRegistry, daily: str) -> None:
    out = {"Other": {"type": "stream"}}
    registry.put("idle", Definition("SELECT k INTO Other FROM Input", {**DOCUMENT, "outputs": out, "boards": []}))
    registry.put("halted", Definition("SELECT k INTO Third FROM Input", {
        **DOCUMENT, "outputs": {"Third": {"type": "stream"}}, "boards": []}))  # fmt: skip
    registry.stop("halted")
    registry.redis.delete(keys.LOOKED)  # as time would
    text = person.get("/console/jobs")

    assert re.search(r"daily degraded 0 \S+ \S+ 00:00:00 3 \u2013 1 ", text)
    assert f"idle no worker {' '.join(6 * [NONE])}" in text
    assert "halted stopped" in text


def test_without_jobs_the_list_says_how_to_make_one(person: Person) -> None:
    assert "wz job put FOLDER" in person.get("/console/jobs")


def test_fifty_jobs_are_listed_in_as_few_round_trips_as_one(
    person: Person, registry: JobRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> int:
        with monkeypatch.context() as patch:
            trips = round_trips(patch)
            person.get("/console/jobs")
            return len(trips)

    def make(number: int) -> None:
        outputs = {f"Out{number}": {"type": "stream"}}
        definition = Definition(f"SELECT k INTO Out{number} FROM Input", {**DOCUMENT, "outputs": outputs, "boards": []})
        registry.put(f"job{number}", definition)

    make(0)
    one = count()
    for number in range(1, 50):
        make(number)

    assert count() == one <= 5


def test_a_job_s_page_says_what_waits_and_until_when(person: Person, daily: str) -> None:
    text = person.get("/console/jobs/daily")

    assert re.search(r"3 events in 2 groups wait until \S* ?00:00:00 ; their rows come in \d", text)
    assert "Nothing is wrong: no row can be final before its window has ended." in text
    assert "2 groups wait" in text


def test_a_job_that_waits_for_events_says_for_whose(person: Person, registry: JobRegistry, work: Work) -> None:
    query = "SELECT COUNT(*) AS n INTO Daily FROM Input TIMESTAMP BY at GROUP BY TumblingWindow(hour, 1)"
    document = {**DOCUMENT, "outputs": {"Daily": {"type": "stream"}}, "boards": [], "time": {"late_arrival": -1}}
    registry.put("recorded", Definition(query, document))
    for partition, at in ((0, "10:10"), (0, "12:00"), (1, "10:20")):
        registry.hubs["events"].append([Event(b'{"at": "2024-05-01T%s:00Z"}' % at.encode())], partition=partition)
    work()
    text = person.get("/console/jobs/recorded")

    assert "2 events wait until 2024-05-01 11:00:00 , in the time of the events." in text
    others = ", ".join(f"events/{number}" for number in range(1, registry.hubs["events"].partitions))
    assert f"it moves with the next events of {others}." in text


def test_the_query_has_the_colours_of_the_language_and_the_plan_is_drawn(person: Person, daily: str) -> None:
    html = person.html("/console/jobs/daily")

    assert '<span class="k">SELECT</span> k, <span class="k">COUNT</span>(*) <span class="k">AS</span> n' in html
    assert '<span class="k">GROUP</span> <span class="k">BY</span> k, ' in html
    assert '<span class="k">TumblingWindow</span>(day, <span class="l">1</span>)' in html
    assert "The job's plan" in html
    for title in ("Input", "Daily", "Each", "best"):
        assert re.search(rf'<text class="b" x="[^"]*" y="[^"]*">{title}</text>', html), title


def test_last_rows_are_escaped_and_lead_to_boards(person: Person, daily: str) -> None:
    html = person.html("/console/jobs/daily?output=Each")
    assert "&lt;b&gt;" in html
    assert "<b>&lt;" not in html
    assert "3 rows in all" in text_of(html)
    assert "No row yet. The next come when" in person.get("/console/jobs/daily?output=Daily")
    assert "Its rows are not kept here" in person.get("/console/jobs/daily?output=nothing")


def test_older_rows_are_a_page_of_their_own(person: Person, registry: JobRegistry, daily: str, work: Work) -> None:
    registry.hubs["events"].append([Event(b'{"k": "k%d"}' % number) for number in range(15)], partition=0)
    work()
    first = person.html("/console/jobs/daily?output=Each")
    assert "k14" in first
    assert "k0<" not in first
    (older,) = re.findall(r'href="(\?output=Each[^"]*before=[^"]*)#outputs">Older', first)

    assert "k0<" in person.html(f"/console/jobs/daily{unescape(older)}")


def test_faults_have_their_events_and_all_kinds_are_told(person: Person, daily: str) -> None:
    html = person.html("/console/jobs/daily")
    text = text_of(html)

    assert re.search(r"not readable 1 \S+ 0:3 the body is not JSON", text)
    assert f"late, adjusted 0 {NONE} {NONE} none; it arrived too long after its time" in text
    assert "<script>" not in html
    (link,) = set(re.findall(r'href="(/console/hubs/events/events/0/[^"]*)"', html))
    assert "<script>" in person.get(link)


def test_a_job_is_stopped_started_and_deleted(person: Person, registry: JobRegistry, daily: str) -> None:
    assert person.post("/console/jobs/daily/state", state="stopped") == "/console/jobs/daily"
    text = person.get("/console/jobs/daily")
    assert "It is stopped: its hubs keep the events" in text
    assert registry.get("daily").stopped is not None
    person.post("/console/jobs/daily/state", state="running")
    assert registry.get("daily").stopped is None

    assert "Its state: what it has taken of windows that are not over." in person.get("/console/jobs/daily/delete")
    assert person.post("/console/jobs/daily/delete") == "/console/jobs"
    assert registry.all() == {}
    person.get("/console/jobs/daily", 404)


def test_a_job_is_restarted(person: Person, registry: JobRegistry, daily: str) -> None:
    assert "Restart or copy" in person.get("/console/jobs/daily")
    assert "are added to boards again" in person.get("/console/jobs/daily/again")
    assert "'noon' is not" in person.post("/console/jobs/daily/restart", 422, start="noon")
    assert registry.get("daily").restart.number == 0
    assert person.post("/console/jobs/daily/restart", start="2024-05-01T11:00:00Z") == "/console/jobs/daily"
    assert registry.get("daily").restart == Restart(1, "2024-05-01T11:00:00.0000000Z")


def test_a_job_is_copied(person: Person, registry: JobRegistry, daily: str) -> None:
    text = person.post("/console/jobs/daily/copy", 422, to="new")
    assert "can't be written by two jobs: give the copy a definition of its own" in text
    registry.put("plain", Definition(DAILY.replace("INTO ", "INTO Plain"), {
        **DOCUMENT, "outputs": {f"Plain{name}": table for name, table in DOCUMENT["outputs"].items()}, "boards": []
    }))  # fmt: skip
    assert "there is already a job" in person.post("/console/jobs/plain/copy", 422, to="daily").lower()
    assert person.post("/console/jobs/plain/copy", to="new") == "/console/jobs/new"
    assert registry.get("new").tasks == registry.get("plain").tasks


def test_why_a_job_is_not_as_it_should_be_is_told(
    person: Person, registry: JobRegistry, daily: str, tmp_path: Path
) -> None:
    text = person.get("/console/jobs/daily")
    assert "It runs, but not as it should: 1 fault in a minute, at 4 events." in text
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "job.toml").write_text("x =")
    JobFinder(registry, tmp_path).jobs()
    text = person.get("/console/jobs/broken")
    assert "It has failed, and workers try it again and again: " in text
    assert "job.toml: can't be read: Invalid value" in text
    assert "failed" in person.get("/console/jobs")
    person.get("/")


def test_a_definition_is_tried_before_it_is_put(person: Person, registry: JobRegistry, daily: str) -> None:
    before = registry.get("daily")
    assert "COUNT(*) AS n" in person.get("/console/jobs/daily/edit")
    changed = DAILY.replace("COUNT(*)", "COUNT(*) + 1")
    answer = person.client.post(
        "/console/jobs/daily/edit", data={"query": changed, "settings": SETTINGS, "do": "try"}, headers=person.headers
    )
    text = text_of(answer.text)
    assert "over the last 4 events" in text
    assert "Each: 3 rows" in text
    assert re.search(r"Would wait .* Daily \S* ?00:00:00 3 2 ", text)
    assert "input_errors 1 the body is not JSON" in text
    assert registry.get("daily") == before

    (digest,) = re.findall(r'name="tried" value="(\w+)"', answer.text)
    other = person.post("/console/jobs/daily/edit", 200, query=DAILY, settings=SETTINGS, do="put", tried=digest)
    assert "This was not tried as it is now." in other
    assert registry.get("daily") == before
    person.post("/console/jobs/daily/edit", query=changed, settings=SETTINGS, do="put", tried=digest)
    assert registry.get("daily").definition.query == changed


def test_a_trial_warns_of_what_the_query_may_not_mean(person: Person, daily: str) -> None:
    query = "SELECT k, nosuch AS n, 1 + 1 AS two INTO Daily\nFROM Input WHERE two > 1 SELECT k INTO Each FROM Input"
    answer = person.client.post(
        "/console/jobs/daily/edit", data={"query": query, "settings": SETTINGS, "do": "try"}, headers=person.headers
    )

    text = text_of(answer.text)
    assert re.search(r"Line 1, column 11: none of \d events of Input has a column nosuch\.", text)
    assert "Line 2, column 18: two is here a column of Input, and not what SELECT calls two" in text


def test_an_error_in_the_query_has_its_caret(person: Person, daily: str) -> None:
    query = "SELECT TOP 3 k INTO Daily\nFROM Input"
    answer = person.client.post(
        "/console/jobs/daily/edit", data={"query": query, "settings": SETTINGS, "do": "try"}, headers=person.headers
    )

    assert answer.status_code == 422
    assert "Line 1, column 8: SELECT TOP is not supported" in text_of(answer.text)
    assert re.search(r'<span class="wrong">  SELECT TOP 3 k INTO Daily\n', answer.text)
    assert re.search(r'<b class="bad"> {9}\^</b>', answer.text)
    assert 'aria-invalid="true" aria-describedby="query-wrong"' in answer.text
    assert "SELECT TOP 3 k INTO Daily\nFROM Input</textarea>" in answer.text


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        pytest.param("{", "The settings can't be read", id="no JSON"),
        pytest.param("inputs = ", "The settings can't be read", id="no TOML"),
        pytest.param('{"inputs": {"Input": {"hub": "none"}}, "outputs": {}}', "[outputs.Daily] is missing", id="less"),
        pytest.param(SETTINGS.replace('"events"', '"none"'), "none", id="no hub"),
        pytest.param(SETTINGS.replace('"inputs"', '"input"'), "unknown field `input`", id="unknown"),
    ],
)
def test_an_error_in_the_settings_is_beside_them(person: Person, daily: str, typed: str, message: str) -> None:
    answer = person.client.post(
        "/console/jobs/daily/edit", data={"query": DAILY, "settings": typed, "do": "try"}, headers=person.headers
    )

    assert answer.status_code == 422
    (shown,) = re.findall(r'id="settings-wrong" role="alert"><p>(.*?)</p>', answer.text)
    assert message in unescape(shown)


def test_a_job_is_made_with_toml(person: Person, registry: JobRegistry) -> None:
    page = person.html("/console/jobs/-/new")
    query, settings = (unescape(text).strip() for text in re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S))
    form: dict[str, Any] = {"query": query, "settings": settings}
    assert "A job needs a name" in person.post("/console/jobs/-/new", 422, **form, do="try")
    assert "is not a job's name" in person.post("/console/jobs/-/new", 422, **form, name="a b", do="try")
    tried = person.client.post("/console/jobs/-/new", data={**form, "name": "ten", "do": "try"}, headers=person.headers)
    assert "The hub has no events" in text_of(tried.text)
    assert list_outputs(registry.redis) == []
    (digest,) = re.findall(r'name="tried" value="(\w+)"', tried.text)

    assert person.post("/console/jobs/-/new", **form, name="ten", do="put", tried=digest) == "/console/jobs/ten"
    assert registry.get("ten").definition.query == query
    assert "already a job" in person.post("/console/jobs/-/new", 422, **form, name="ten", do="try")


def test_secrets_are_not_shown_and_stay_when_it_is_edited(person: Person, registry: JobRegistry) -> None:
    hook = {"type": "webhook", "url": "http://127.0.0.1:9/x?key=secret", "headers": {"Token": "secret"}}
    document = {**DOCUMENT, "outputs": {"Posts": hook}, "boards": []}
    registry.put("posts", Definition("SELECT * INTO Posts FROM Input", document))
    page = person.html("/console/jobs/posts/edit")
    assert "secret" not in page
    query, settings = (unescape(text).strip() for text in re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S))
    tried = person.client.post(
        "/console/jobs/posts/edit", data={"query": query, "settings": settings, "do": "try"}, headers=person.headers
    )
    (digest,) = re.findall(r'name="tried" value="(\w+)"', tried.text)
    person.post("/console/jobs/posts/edit", query=query, settings=settings, do="put", tried=digest)
    assert registry.get("posts").definition.document["outputs"] == {"Posts": hook}

    elsewhere = settings.replace("127.0.0.1:9/x", "127.0.0.1:9/y")
    tried = person.client.post(
        "/console/jobs/posts/edit", data={"query": query, "settings": elsewhere, "do": "try"}, headers=person.headers
    )
    (digest,) = re.findall(r'name="tried" value="(\w+)"', tried.text)
    person.post("/console/jobs/posts/edit", query=query, settings=elsewhere, do="put", tried=digest)
    assert "secret" not in str(registry.get("posts").definition.document)


def test_who_may_only_look_changes_nothing(app: App, redis: redis_py.Redis, registry: JobRegistry, daily: str) -> None:
    rule = Rules(redis, stack.ROOT).add("reader", frozenset({Right.LISTEN}))
    reader = Person(app, stack.token(connection=ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)))
    text = reader.get("/console/jobs/daily")
    assert "3 events in 2 groups wait" in text
    assert "Delete" not in text
    for path in ("edit", "delete"):
        reader.get(f"/console/jobs/daily/{path}", 403)
        reader.post(f"/console/jobs/daily/{path}", 403)
    reader.post("/console/jobs/daily/state", 403, state="stopped")

    assert registry.get("daily").stopped is None


def test_nobody_sees_anything_without_signing_in(app: App, redis: redis_py.Redis, daily: str) -> None:
    for path in ("", "/daily", "/daily/edit", "/daily/delete", "/-/new"):
        answer = Client(app).get(f"/console/jobs{path}", headers={"Accept": "text/html"})
        assert answer.status_code == 303
        assert "/console/sign-in" in answer.headers["Location"]


def test_the_page_is_kept_current(person: Person, daily: str) -> None:
    answer = person.client.get("/console/jobs/daily/live", headers=person.headers, buffered=False)
    assert answer.content_type == "text/event-stream; charset=utf-8"
    found = ""
    for part in answer.iter_encoded():
        found += part.decode()
        if "event: tasks" in found:
            break
    answer.close()

    assert re.findall(r"event: (\w+)", found)[:7] == ["state", "facts", "waits", "rows", "faults", "minutes", "tasks"]
    assert "3 events" in found

"""Errors lead to where the guide explains them, if it is known where that is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from deploy.nginx import DEPLOY
from deploy.refusals import STATUSES, Refusal
from handlers import create_app
from handlers.error_help import EXPLAINED, PAGE, anchor
from handlers.error_table import PROBLEMS
from handlers.hub.xml_errors import _KINDS
from handlers.outage import ANSWERED
from pipeline.boards import UnknownBoard
from pipeline.errors import PipelineError
from pipeline.hub.sas import Unauthorized
from pipeline.settings import Settings
from wz.testing import Client

from ..stack import REPOSITORY, token

GUIDE = "https://wz.example/guide/"
ERRORS = (REPOSITORY / "docs" / "reference" / "errors.md").read_text()

#: What can be linked to on that page.
ANCHORS = set(re.findall(r'<a id="([a-z0-9-]+)"></a>', ERRORS))


@pytest.fixture
def client(settings: Settings) -> Client:
    return create_app(replace(settings, guide_url=GUIDE)).test_client()


ANSWERS = [
    pytest.param("GET", "/boards/none", {}, b"", 404, "unknown-board", id="the table"),
    pytest.param("GET", "/boards/none/nothing", {}, b"", 404, "404", id="no route"),
    pytest.param("GET", "/boards/none", {"Authorization": ""}, b"", 401, "missing-token", id="an error handler"),
    pytest.param("PUT", "/boards/b", {"Content-Type": "text/csv"}, b"x", 415, "415", id="the framework"),
    pytest.param("POST", "/none/messages", {}, b"x", 404, "unknown-hub", id="a hub's"),
    pytest.param("POST", "/events/messages", {"Authorization": ""}, b"x", 401, "missing-token", id="a hub's token"),
    pytest.param("PATCH", "/events/messages", {}, b"", 405, "405", id="a hub's, without a route"),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "name"), ANSWERS)
def test_an_error_leads_to_its_place(
    client: Client, method: str, path: str, headers: Mapping[str, str], body: bytes, status: int, name: str
) -> None:
    answer = client.open(path, method=method, data=body, headers={"Authorization": token(), **headers})

    see = f"{GUIDE}{PAGE}#{name}"
    assert (answer.status_code, answer.headers.getlist("Link")) == (status, [f'<{see}>; rel="help"'])
    if answer.mimetype == "application/problem+json":
        assert answer.json["see"] == see
    else:
        assert ElementTree.fromstring(answer.data).tag == "Error"
    assert name in ANCHORS


@pytest.mark.parametrize("path", ["/nothing/here", "/boards/none"])
def test_the_page_of_an_error_has_a_link(client: Client, path: str) -> None:
    answer = client.get(path, headers={"Authorization": token(), "Accept": "text/html"})

    assert f'<a href="{GUIDE}{PAGE}#' in answer.text
    assert len(answer.headers.getlist("Link")) == 1


@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "name"), ANSWERS)
def test_without_a_guide_nothing_leads_there(
    settings: Settings, method: str, path: str, headers: Mapping[str, str], body: bytes, status: int, name: str
) -> None:
    client = create_app(settings).test_client()
    answer = client.open(path, method=method, data=body, headers={"Authorization": token(), **headers})

    assert (answer.status_code, "Link" in answer.headers) == (status, False)
    assert "see" not in (answer.json or {} if answer.mimetype == "application/problem+json" else {})


@pytest.mark.parametrize(("guide", "there"), [(GUIDE, True), ("", False)])
def test_the_console_has_a_link_to_the_guide(settings: Settings, guide: str, there: bool) -> None:
    page = create_app(replace(settings, guide_url=guide)).test_client().get("/x", headers={"Accept": "text/html"})

    assert (f'<a href="{guide}">Guide</a>' in page.text) is there


@pytest.mark.parametrize(("guide", "there"), [(GUIDE, True), ("", False)])
def test_what_gunicorn_refuses_leads_there_too(monkeypatch: pytest.MonkeyPatch, guide: str, there: bool) -> None:
    monkeypatch.setenv("WZ_GUIDE_URL", guide)
    for path in ("/boards/a", "/events/messages"):
        answer = Refusal(431, "limit request headers", "GET", path, "-", "0" * 32).answer().decode()
        head, _, body = answer.partition("\r\n\r\n")

        assert (f'Link: <{GUIDE}{PAGE}#431>; rel="help"' in head) is there
        assert (f'"see": "{GUIDE}{PAGE}#431"' in body) is (there and path == "/boards/a")
        assert f"Content-Length: {len(body)}\r\n" in f"{head}\r\n"


# -- the page ---------------------------------------------------------------------------------------------------------


def test_every_error_that_is_answered_has_a_place() -> None:
    answered = {*PROBLEMS, *_KINDS, *ANSWERED}
    leaves = {leaf for kind in answered if issubclass(kind, PipelineError) for leaf in (kind, *kind.__subclasses__())}
    leaves -= {Unauthorized}  # which is raised as one of its subclasses

    assert {kind.__name__ for kind in leaves if anchor(kind, 0) == "0"} == set()
    assert {anchor(kind, 0) for kind in EXPLAINED} - ANCHORS == set()


def test_every_status_has_a_place() -> None:
    conf = (DEPLOY / "nginx.conf").read_text()
    titles = conf[conf.index("map $status $title {") :].partition("}")[0]
    statuses = set(re.findall(r"^\s+(\d{3}) ", titles, re.MULTILINE))
    for passed, shown in re.findall(r"error_page ([\d ]+?)(?: =(\d+))? \$refusal;", conf):
        statuses |= {shown} if shown else set(passed.split())
    statuses |= {str(status) for status in (*PROBLEMS.values(), *STATUSES.values())}

    assert len(statuses) > 15
    assert statuses - ANCHORS == set()


def test_no_place_is_about_what_is_not_answered() -> None:
    named = {name for name in ANCHORS if not name.isdecimal()}

    assert named == {anchor(kind, 0) for kind in EXPLAINED}


@pytest.mark.parametrize(("kind", "status"), PROBLEMS.items(), ids=lambda value: getattr(value, "__name__", None))
def test_a_place_is_below_the_status_that_is_answered(kind: type[Exception], status: int) -> None:
    before = ERRORS.partition(f'<a id="{anchor(kind, status)}"></a>')[0]

    assert re.findall(r'<a id="(\d{3})"></a>', before)[-1] == str(status)


def test_a_subclass_is_explained_where_its_base_is() -> None:
    class Gone(UnknownBoard):
        pass

    assert anchor(Gone, 404) == "unknown-board"
    assert anchor(ValueError, 404) == anchor(None, 404) == "404"

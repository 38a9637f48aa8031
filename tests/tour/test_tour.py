"""One suite over every step of the tour, and over the same program written with Flask.

The program changes from step to step, and the tests never do. What a step can't do yet is marked with the step in which
it is learnt (`since`), the reason, and how it fails until then; the mark of a step that can do it is a failure, too.
docs/tour/index.md has the table of what passes in which step, which `python -m tests.tour.progress` makes of the marks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from json import JSONDecodeError
from urllib.parse import unquote

import pytest

from .steps import Step, UnknownMember, in_process, since

NO_QUERY = "nobody reads the query string"
NO_TEXT = "a path arrives as bytes that look like Latin-1, and nobody decodes them"
NO_MOUNT = "the URL is made without the prefix and the scheme"
NO_HEAD = "nobody thought of HEAD"
NO_JSON = "nobody catches the JSON decoder's error"
NO_METHODS = "a wrong method is not told from a wrong path"
NO_ERRORS = "what is raised goes to the server"
NO_FORM = "errors are text or HTML"
NO_LAYERS = "nothing is around the application"
NO_TYPES = "nobody checks the types of what is in a request"

ANN = "/boards/points/members/ann"


def test_a_score_is_answered_with_the_standing(step: Step) -> None:
    response = step.put(ANN, json={"score": 12.5})

    assert (response.status_code, response.json) == (200, {"member": "ann", "score": 12.5, "rank": 0})
    assert response.mimetype == "application/json"
    assert int(response.headers["Content-Length"]) == len(response.data)


def test_a_better_member_takes_the_rank(step: Step) -> None:
    step.put(ANN, json={"score": 12.5})
    step.put("/boards/points/members/bob", json={"score": 20})

    assert step.get(ANN).json == {"member": "ann", "score": 12.5, "rank": 1}


def test_boards_are_apart(step: Step) -> None:
    step.put(ANN, json={"score": 12.5})

    assert step.get("/boards/other/top").json == {"board": "other", "members": []}


@since(2, NO_QUERY)
def test_the_top_is_as_long_as_asked_for(step: Step) -> None:
    for member, score in ("ann", 1), ("bob", 3), ("cid", 2):
        step.put(f"/boards/points/members/{member}", json={"score": score})

    assert [m["member"] for m in step.get("/boards/points/top").json["members"]] == ["bob", "cid", "ann"]
    assert [m["member"] for m in step.get("/boards/points/top?limit=2").json["members"]] == ["bob", "cid"]


@since(2, NO_TEXT)
def test_a_name_may_be_any_text(step: Step) -> None:
    response = step.put("/boards/points/members/Zo%C3%AB%20%E6%9D%8E", json={"score": 1})

    assert response.json["member"] == "Zoë 李"


@since(3, NO_HEAD)
def test_head_is_get_without_the_body(step: Step) -> None:
    step.put(ANN, json={"score": 12.5})

    head, get = step.head(ANN), step.get(ANN)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_an_unknown_path_is_a_404(step: Step) -> None:
    assert step.get("/nothing/here").status_code == 404


@since(5, NO_ERRORS, raises=UnknownMember)
def test_an_unknown_member_is_a_404(step: Step) -> None:
    assert step.get(ANN).status_code == 404


@since(4, NO_METHODS)
def test_a_wrong_method_is_told_the_right_ones(step: Step) -> None:
    response = step.delete(ANN)

    assert response.status_code == 405
    assert {"GET", "HEAD", "PUT"} <= set(response.headers["Allow"].split(", "))


@since(3, NO_JSON, raises=JSONDecodeError)
def test_a_body_that_is_not_json_is_a_400(step: Step) -> None:
    assert step.put(ANN, data="{", content_type="application/json").status_code == 400


@since(5, NO_ERRORS, raises=ValueError)
def test_a_score_that_is_no_number_is_refused(step: Step) -> None:
    assert step.put(ANN, json={"score": "many"}).status_code in (400, 422)
    assert step.get("/boards/points/top").json["members"] == []


@since(5, NO_ERRORS, raises=ValueError)
def test_a_body_without_a_score_is_refused(step: Step) -> None:
    assert step.put(ANN, json={}).status_code in (400, 422)


@since(12, NO_TYPES, raises=(AttributeError, AssertionError), flask="`get_json` returns any JSON")
def test_a_body_that_is_no_object_is_refused(step: Step) -> None:
    assert step.put(ANN, json=[1]).status_code in (400, 422)


@since(12, NO_TYPES, raises=(ValueError, AssertionError), flask="`args.get(type=int)` takes the default instead")
def test_a_limit_that_is_no_number_is_refused(step: Step) -> None:
    assert step.get("/boards/points/top?limit=many").status_code in (400, 422)


@since(5, NO_FORM)
def test_errors_are_json(step: Step) -> None:
    for method, path, status in ("GET", "/nothing/here", 404), ("GET", ANN, 404), ("DELETE", ANN, 405):
        response = step.open(path, method=method)
        assert (response.status_code, response.mimetype) == (status, "application/problem+json")
        assert json.loads(response.data)["status"] == status


@since(5, NO_ERRORS, raises=ZeroDivisionError)
def test_a_bug_is_a_500_and_one_record_in_the_log(
    step: Step, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(step.module["boards"], "standing", lambda board, member: 1 / 0)
    with caplog.at_level(logging.ERROR):
        response = step.get(ANN)

    assert response.status_code == 500
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    assert "division" not in response.text


def test_a_send_is_signed(step: Step) -> None:
    response = step.post("/events/messages", data=b"21.5", base_url="http://hub.test:8080")

    assert response.status_code == 201
    assert signed_url(response.json["authorization"]) == "http://hub.test:8080/events/messages"


@in_process
@since(2, NO_MOUNT)
def test_a_send_is_signed_below_a_prefix(step: Step) -> None:
    response = step.post("/events/messages", data=b"21.5", base_url="https://hub.test/v1")

    assert signed_url(response.json["authorization"]) == "https://hub.test/v1/events/messages"


@since(8, NO_LAYERS)
def test_a_send_is_signed_behind_a_proxy(step: Step) -> None:
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "hub.test", "X-Forwarded-For": "192.0.2.7"}
    response = step.post("/events/messages", data=b"21.5", headers=proxied)

    assert signed_url(response.json["authorization"]) == "https://hub.test/events/messages"


@since(8, NO_LAYERS, raises=KeyError)
def test_every_answer_has_the_request_s_id(step: Step) -> None:
    assert step.get("/nothing/here").headers["X-Request-ID"]
    given = step.get("/boards/points/top", headers={"X-Request-ID": "from-nginx"})
    assert given.headers["X-Request-ID"] == "from-nginx"


def signed_url(authorization: str) -> str:
    """Check a token by other means than those that wrote it, and return what it is good for."""
    fields = dict(part.split("=", 1) for part in authorization.removeprefix("SharedAccessSignature ").split("&"))
    text = f"{fields['sr']}\n{fields['se']}".encode()
    right = hmac.new(b"no secret, since it stands in the guide", text, hashlib.sha256).digest()
    assert base64.b64decode(unquote(fields["sig"])) == right
    return unquote(fields["sr"])

"""Idempotency-Key: draft-ietf-httpapi-idempotency-key-header-07."""

from __future__ import annotations

import io
import threading
from typing import Any

import msgspec
import pytest

import wz.idempotency
from wz import App, Request, Response, abort
from wz.idempotency import HEADER, REPLAYED, MemoryAnswers, idempotent
from wz.openapi import OpenAPI
from wz.testing import Client

from ..client import validated


class Payment(msgspec.Struct):
    amount: int


class Bank:
    """An app that counts how often it does what it is asked; a test opens `gate` to let a payment end."""

    def __init__(self, answers: MemoryAnswers) -> None:
        self.done = 0
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()
        self.app = app = App("bank")
        app.config["PROPAGATE_EXCEPTIONS"] = False

        @app.post("/payments/<account>")
        @idempotent(answers)
        def pay(request: Request, account: str, body: Payment) -> Response:
            if body.amount == 404:
                abort(404)
            self.done += 1
            self.begun.set()
            self.gate.wait(10)
            if body.amount == 500:
                raise ZeroDivisionError
            response = Response(f"{account} {self.done}", 201, headers={"Location": "/p/1", "X-Own": "ä"})
            response.set_cookie("a", "b")
            return response

        @app.post("/strict")
        @idempotent(lambda request: answers, required=True)
        def strict() -> str:
            return "done"

        @app.post("/forms")
        @idempotent(answers)
        def forms(request: Request) -> str:
            return str(request.files["file"].read())

        @app.post("/typed-forms")
        @idempotent(answers)
        def typed_forms(form: Payment) -> str:
            self.done += 1
            return str(self.done)

        @app.post("/streams")
        @idempotent(answers)
        def streams() -> Any:
            self.done += 1
            return iter(["x"])

        self.client: Client = validated(app)

    def pay(self, key: str | None, amount: int = 1, path: str = "/payments/ann", query: str = "") -> Any:
        headers = {} if key is None else {HEADER: key}
        return self.client.post(path + query, json={"amount": amount}, headers=headers)


@pytest.fixture
def bank() -> Bank:
    return Bank(MemoryAnswers())


def test_it_is_done_once_and_answered_again(bank: Bank) -> None:
    first, second = bank.pay('"k"'), bank.pay('"k"')

    assert bank.done == 1
    assert (first.status_code, first.text, first.headers.get(REPLAYED)) == (201, "ann 1", None)
    assert (second.status_code, second.text, second.headers[REPLAYED]) == (201, "ann 1", "true")
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["X-Own"] == first.headers["X-Own"]
    assert "Set-Cookie" not in second.headers


def test_quotes_may_be_left_out(bank: Bank) -> None:
    assert [bank.pay(key).text for key in ("k", '"k"')] == ["ann 1", "ann 1"]


@pytest.mark.parametrize(
    ("other", "status"),
    [
        pytest.param({"amount": 2}, 422, id="another body"),
        pytest.param({"query": "?x=1"}, 422, id="another query string"),
        pytest.param({"path": "/payments/bob"}, 201, id="another path has keys of its own"),
        pytest.param({"key": "l"}, 201, id="another key"),
        pytest.param({"key": None}, 201, id="no key"),
    ],
)
def test_a_key_is_of_one_request_on_one_path(bank: Bank, other: dict[str, Any], status: int) -> None:
    bank.pay("k")
    answer = bank.pay(**{"key": "k"} | other)

    assert answer.status_code == status
    assert bank.done == (2 if status == 201 else 1)
    assert status == 201 or answer.json["field"] == HEADER


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "\xe9", "a\tb"], ids=["", "quotes", "long", "not ASCII", "a tab"])
def test_a_text_that_is_no_key_is_refused_before_the_view(bank: Bank, key: str) -> None:
    answer = bank.pay(key)

    assert (answer.status_code, answer.json["field"]) == (422, HEADER)
    assert bank.done == 0


def test_a_key_may_be_required(bank: Bank) -> None:
    answer = bank.client.post("/strict")

    assert (answer.status_code, answer.json["field"]) == (400, HEADER)
    assert bank.client.post("/strict", headers={HEADER: "k"}).text == "done"


def test_a_request_that_is_being_carried_out(bank: Bank) -> None:
    bank.gate.clear()
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(bank.pay("k")))
    thread.start()
    assert bank.begun.wait(10)

    meanwhile, other = bank.pay("k"), bank.pay("k", amount=2)
    bank.gate.set()
    thread.join()

    assert (meanwhile.status_code, meanwhile.headers["Retry-After"]) == (409, "1")
    assert other.status_code == 422
    assert bank.pay("k").text == answers[0].text == "ann 1"


def test_a_refusal_does_not_use_up_the_key(bank: Bank) -> None:
    assert [bank.pay("k", amount=404).status_code for _ in range(2)] == [404, 404]
    assert bank.client.post("/payments/ann", json={"amount": "x"}, headers={HEADER: "k"}).status_code == 422
    assert bank.pay("k").status_code == 201


def test_after_a_failure_nobody_knows(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bank.pay("k", amount=500).status_code == 500
    assert bank.pay("k", amount=500).status_code == 409

    monkeypatch.setattr(wz.idempotency, "PATIENCE", 0)
    answer = bank.pay("k", amount=500)

    assert (answer.status_code, answer.headers.get("Retry-After")) == (409, None)
    assert "nobody knows whether it was carried out" in answer.json["detail"]
    assert bank.done == 1


def test_an_answer_that_cannot_be_kept_is_sent_and_not_done_again(bank: Bank, caplog: pytest.LogCaptureFixture) -> None:
    answers = [bank.client.post("/streams", headers={HEADER: "k"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 409]
    assert (answers[0].text, bank.done) == ("x", 1)
    assert "is not kept for its key" in caplog.text


def test_a_form_counts_with_its_files(bank: Bank) -> None:
    def send(text: bytes) -> Any:
        return bank.client.post("/forms", data={"file": (io.BytesIO(text), "f")}, headers={HEADER: "k"})

    assert [send(text).status_code for text in (b"one", b"one", b"two")] == [200, 200, 422]


def test_a_typed_form_counts_as_well(bank: Bank) -> None:
    def send(amount: str) -> Any:
        return bank.client.post("/typed-forms", data={"amount": amount}, headers={HEADER: "k"})

    assert [send(amount).status_code for amount in ("1", "1", "2")] == [200, 200, 422]
    assert bank.done == 1


def test_answers_in_memory_end_and_are_bounded() -> None:
    answers = MemoryAnswers(seconds=1000, most=2)
    for key in ("a", "b", "c"):
        assert answers.begin(key, b"mark") is None
    assert answers.begin("b", b"other") == b"mark"
    assert answers.begin("a", b"again") is None

    answers.seconds = 0
    assert answers.begin("a", b"new") is None


def test_many_threads_do_it_once() -> None:
    bank = Bank(MemoryAnswers())
    barrier = threading.Barrier(8)
    statuses: list[int] = []

    def send() -> None:
        barrier.wait()
        statuses.extend(bank.pay(str(number)).status_code for number in range(25))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert bank.done == 25
    assert {*statuses} <= {201, 409}


def test_openapi_shows_the_header_and_the_answers(bank: Bank) -> None:
    OpenAPI(bank.app, title="bank")
    paths = bank.client.get("/openapi.json").json["paths"]

    (pay,) = [one for one in paths["/payments/{account}"]["post"]["parameters"] if one["in"] == "header"]
    (strict,) = paths["/strict"]["post"]["parameters"]
    assert (pay["name"], pay.get("required"), strict["required"]) == (HEADER, None, True)
    assert {"400", "409", "422"} < paths["/strict"]["post"]["responses"].keys()

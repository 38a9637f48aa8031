"""Any operations on two boards over HTTP: status, answers, and what is kept, are those of a plain model."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from werkzeug.test import TestResponse

from handlers.error_table import PROBLEMS
from pipeline.boards import Order, RankKind, Ties
from pipeline.boards.changes import ANY, NONE, Code, Op
from pipeline.boards.features import Feature

from ...boards.model import Model, Models, Refused
from ...boards.stored import but_trees, stored
from ...cluster import SHARDS
from ..conftest import ServiceClient, numbers

BOARDS = ["a", "b"]
MEMBERS = {"ann": "ann", "a/features": "a%2Ffeatures", "éva": "%C3%A9va", **{f"m{n}": f"m{n}" for n in range(9)}}
SEGMENTS = ["red", "blue"]
STEPS = 80
SEEDS = range(int(os.environ.get("WZ_LONG", "1")))

T = TypeVar("T")


def encoded(value: object) -> str:
    """JSON with all digits of a Decimal."""
    marked = json.dumps(value, default=lambda number: f"\0{number:f}\0")
    return marked.replace('"\\u0000', "").replace('\\u0000"', "")


class Game:
    def __init__(self, client: ServiceClient, store: Any, shards: int, seed: int) -> None:
        self.client, self.store, self.rnd = client, store, random.Random(seed)
        self.models = Models({name: Model(shards) for name in BOARDS}, is_cluster=shards > 1)

    def send(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> TestResponse:
        if body is None:
            return self.client.open(f"/boards/{path}", method=method, headers=headers or {})
        return self.client.open(
            f"/boards/{path}", method=method, data=encoded(body), content_type="application/json", headers=headers or {}
        )

    def same(
        self, of_models: Callable[[Models], T], of_client: Callable[[], TestResponse], is_of_several: bool = False
    ) -> tuple[T, Any] | None:
        models = deepcopy(self.models)
        try:
            told = of_models(models)
        except Refused as refused:
            is_part = models.is_cluster and models.all != self.models.all
            before = {} if is_part else stored(self.store)
            answer = of_client()
            expected = next(PROBLEMS[kind] for kind in refused.error.__mro__ if kind in PROBLEMS)
            assert answer.status_code == expected, answer.data
            assert answer.mimetype == "application/problem+json"
            after = {} if is_part else stored(self.store)
            assert but_trees(after) == but_trees(before) if is_of_several else after == before
            self.models = models
            return None
        answer = of_client()
        assert answer.status_code in (200, 201, 204), answer.data
        self.models = models
        return told, numbers(answer.data) if answer.mimetype == "application/json" else answer

    def value(self, places: int) -> Decimal:
        units = self.rnd.choice([self.rnd.randrange(-3, 4), 2**53 - 1, self.rnd.randrange(10**6)])
        return self.rnd.choice([Decimal(self.rnd.randrange(-2, 5)), Decimal(units).scaleb(-places)])

    def give(self) -> None:
        rnd = self.rnd
        names, op, member = rnd.sample(BOARDS, rnd.choice([1, 1, 2])), rnd.choice([*Op][:4]), rnd.choice([*MEMBERS])
        model = self.models[names[0]]
        value, event, headers, score = self.value(model.places), "", {}, model.units.get(member)
        conditions = {"": {}, ANY: {"If-Match": "*"}, NONE: {"If-None-Match": "*"}, "3": {"If-Match": '"3.0.1.desc.6"'}}
        if score is not None:
            conditions[str(score)] = {"If-Match": f'"{score}.0.1.desc.6"'}
        expected = rnd.choice(["", "", *conditions])
        headers = conditions[expected]
        body: dict[str, object] = {"also": names[1:]} if names[1:] else {}
        if op is Op.ADD:
            event = rnd.choice(["", f"e{rnd.randrange(20)}"])
            body |= {"reward": value} | ({"event": event} if event else {})
        else:
            body |= {"score": value, "operator": op.value}
        method, rest = ("POST", "/rewards") if op is Op.ADD else ("PUT", "")
        path = f"{names[0]}/members/{MEMBERS[member]}{rest}"
        both = self.same(
            lambda m: m.give(names, op, member, value, event, expected),
            lambda: self.send(method, path, body, headers),
            len(names) > 1,
        )
        if both is None:
            return
        told, answer = both
        for name, (code, after), one in zip(names, told, [answer, *answer.get("also", {}).values()], strict=True):
            its = self.models[name]
            assert (one["member"], one["score"], one["order"]) == (member, its.decimal(after or 0), its.order)
            assert one["count"] == len(its.units)
            assert one.get("dropped", False) is (code is Code.DROPPED)
            assert one.get("repeated", False) is (code is Code.SAME)
            assert code is Code.DROPPED or one["rank"] == [other for other, _ in its.ranked()].index(member)

    def bulk(self) -> None:
        name = self.rnd.choice(BOARDS)
        model, records = self.models[name], list[dict[str, object]]()
        for _ in range(1 if model.ties is Ties.FIRST and model.shards > 1 else 20):
            event = self.rnd.choice(["", f"e{self.rnd.randrange(30)}"])
            record = {"member": self.rnd.choice([*MEMBERS]), "reward": self.value(model.places)}
            records.append(record | ({"event": event} if event else {}))
        records[0].setdefault("event", f"first-{self.rnd.randrange(10**9)}")
        data = "\n".join(map(encoded, records)).encode()
        answer = self.client.post(f"/boards/{name}/rewards", data=data, content_type="application/x-ndjson")
        *outcomes, end = [numbers(line) for line in answer.data.splitlines()]
        for record, outcome in zip(records, outcomes, strict=True):
            try:
                code, score = model.change(
                    Op.ADD, str(record["member"]), Decimal(str(record["reward"])), str(record.get("event", ""))
                )
            except Refused:
                assert "error" in outcome
                continue
            assert outcome.get("repeated", False) is (code is Code.SAME)
            assert outcome.get("score") == (None if score is None else model.decimal(score))
        assert (end["records"], end["complete"]) == (len(records), True)

    def belong(self) -> None:
        name, member, segment = self.rnd.choice(BOARDS), self.rnd.choice([*MEMBERS]), self.rnd.choice(SEGMENTS)
        path = f"{name}/members/{MEMBERS[member]}/segments/{segment}"
        if self.rnd.random() < 0.7:
            self.same(lambda m: m[name].join(member, segment), lambda: self.send("PUT", path))
        else:
            self.same(lambda m: m[name].leave(member, segment), lambda: self.send("DELETE", path))

    def features(self) -> None:
        name, member, replace = self.rnd.choice(BOARDS), self.rnd.choice([*MEMBERS]), self.rnd.random() < 0.5
        values: list[Feature] = [1, 10**30, "ö", True]
        changes: dict[str, Feature | None] = {feature: self.rnd.choice(values) for feature in ("age", "é")}
        if not replace:
            changes["é"] = None
        path = f"{name}/members/{MEMBERS[member]}/features"
        both = self.same(
            lambda m: m[name].set_features(member, changes, replace),
            lambda: self.client.open(
                f"/boards/{path}",
                method="PUT" if replace else "PATCH",
                data=encoded(changes),
                content_type="application/json" if replace else "application/merge-patch+json",
            ),
        )
        assert both is not None
        assert both[0] == both[1]

    def remove(self) -> None:
        name, member = self.rnd.choice(BOARDS), self.rnd.choice([*MEMBERS])
        self.same(lambda m: m[name].remove(member), lambda: self.send("DELETE", f"{name}/members/{MEMBERS[member]}"))

    def configure(self) -> None:
        name, rnd = self.rnd.choice(BOARDS), self.rnd
        places, order, ties = rnd.choice([None, 2]), rnd.choice([None, *Order]), rnd.choice([None, *Ties])
        most = rnd.choice([None, 0, 4])
        body = {"places": places, "order": order, "ties": ties, "most": most}
        was_there = self.models[name].is_there
        both = self.same(
            lambda m: m[name].configure(places, order, ties, None, most),
            lambda: self.send("PUT", name, {key: value for key, value in body.items() if value is not None}),
        )
        assert both is None or both[1]["created"] is not was_there

    def trim(self) -> None:
        name, keep = self.rnd.choice(BOARDS), self.rnd.randrange(9)
        both = self.same(
            lambda m: m[name].trim(keep, None, None), lambda: self.send("POST", f"{name}/trim", {"keep": keep})
        )
        assert both is None or both[0] == (both[1]["removed"], both[1]["count"])

    def whole(self) -> None:
        (name, to), replace = self.rnd.choice([("a", "b"), ("b", "a"), ("a", "a")]), self.rnd.random() < 0.7
        body, what = {"to": to, "replace": replace}, self.rnd.choice(["copy", "rename", "union", "import", "delete"])
        if what == "copy":
            self.same(lambda m: m.copy(name, to, replace), lambda: self.send("POST", f"{name}/copy", body))
        elif what == "rename":
            self.same(lambda m: m.rename(name, to, replace), lambda: self.send("POST", f"{name}/rename", body))
        elif what == "union":
            weight = self.rnd.choice([Decimal(2), Decimal("0.5"), Decimal("1e9")])
            self.same(
                lambda m: m.union(to, {name: weight}, replace),
                lambda: self.send("POST", f"{to}/union", {"sources": {name: weight}, "replace": replace}),
            )
            if self.models[to].ties is Ties.FIRST:
                self._learn(to)
        elif what == "import":
            lines = self.send("GET", f"{name}/export")
            if lines.status_code == 404:
                assert not self.models[name].is_there
                assert not self.models[name].features
                return
            query = "?replace=true" if replace else ""
            self.same(
                lambda m: m.import_(name, to, replace),
                lambda: self.client.post(
                    f"/boards/{to}/import{query}", data=lines.data, content_type="application/x-ndjson"
                ),
            )
        elif self.send("DELETE", name).status_code == 204:
            self.models.delete(name)
        else:
            assert self.models[name] == Model(self.models[name].shards, clock=self.models[name].clock)

    def _learn(self, name: str) -> None:
        """Of equal sums of a union, any may have come first."""
        model = self.models[name]
        if model.units:
            rows = self.rows(name, "")
            model.moments = {row["member"]: moment for moment, row in enumerate(rows)}
            model.clock = len(rows)

    def rows(self, name: str, query: str) -> list[Any]:
        rows: list[Any] = numbers(self.send("GET", f"{name}/members?limit=100{query}").data)["members"]
        return rows

    def step(self) -> None:
        often = [self.give] * 8 + [self.bulk] * 3 + [self.belong, self.features] * 2
        self.rnd.choice([*often, self.remove, self.configure, self.trim, self.whole, self.whole, self.whole])()
        for name in BOARDS:
            self.compare(name)

    def compare(self, name: str) -> None:
        model = self.models[name]
        whole = self.send("GET", name)
        assert whole.status_code == (200 if model.is_there else 404)
        if model.is_there:
            found = numbers(whole.data)
            assert (found["count"], found["sum"]) == (len(model.units), model.decimal(sum(model.units.values())))
            settings = (found["places"], found["order"], found["ties"], found["most"])
            assert settings == (model.places, model.order, model.ties, model.most)
        if model.units:
            order, kind = self.rnd.choice(list(Order)), self.rnd.choice(list(RankKind))
            ranks = model.ranks(order, kind)
            expected = [
                {"member": member, "score": score, "rank": ranks[member], "sum": sum_}
                for member, score, _, sum_ in model.rows(order)
            ]
            assert self.rows(name, f"&order={order}&ranks={kind}") == expected
        member = self.rnd.choice([*MEMBERS])
        answer = self.send("GET", f"{name}/members/{MEMBERS[member]}")
        assert answer.status_code == (200 if member in model.units else 404)
        features = numbers(self.send("GET", f"{name}/members/{MEMBERS[member]}/features").data)
        assert features == model.features.get(member, {})


@pytest.mark.cluster
@pytest.mark.parametrize("seed", SEEDS)
def test_all_operations_do_what_the_model_does(
    client: ServiceClient, place: str, request: pytest.FixtureRequest, seed: int
) -> None:
    store = request.getfixturevalue("cluster" if place == "cluster" else "redis")
    game = Game(client, store, SHARDS if place == "cluster" else 1, seed)
    for _ in range(STEPS):
        game.step()

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from pipeline.settings import DEFAULT_PARTITIONS

from .. import stack
from .conftest import ServiceClient

METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture
def document(client: ServiceClient) -> dict[str, Any]:
    answer = client.get("/openapi.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    return dict(answer.json or {})


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, item in document["paths"].items() for method, one in item.items()]


def test_its_version_is_the_project_s(document: dict[str, Any]) -> None:
    project = tomllib.loads((stack.REPOSITORY / "pyproject.toml").read_text())["project"]

    assert document["info"]["version"] == project["version"]


def test_the_default_of_a_new_hub_is_told(document: dict[str, Any]) -> None:
    put = document["paths"]["/{hub}"]["put"]

    assert f"by default {DEFAULT_PARTITIONS};" in put["description"]


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    found = operations(document)

    assert {method for _, method, _ in found} <= METHODS
    assert [one["operationId"] for _, _, one in found if "summary" not in one] == []


def test_the_document_tells_which_operations_need_a_token(client: ServiceClient, document: dict[str, Any]) -> None:
    said = {(path, method): "security" in one for path, method, one in operations(document)}
    asked = {
        (path, method): client.open(
            re.sub(r"{\w+}", "50", path),  # a value that every converter takes
            method=method.upper(),
            headers={"Authorization": ""},
        ).status_code
        == 401
        for path, method in said
    }

    assert said == asked
    assert document["components"]["securitySchemes"]["sas"]["name"] == "Authorization"


def test_a_batch_is_documented_beside_a_single_event_and_what_was_left_out(document: dict[str, Any]) -> None:
    send = document["paths"]["/{hub}/messages"]["post"]

    assert list(send["requestBody"]["content"]) == ["application/vnd.microsoft.servicebus.json", "*/*"]
    assert send["responses"]["201"]["description"].startswith("the event, or every event of the batch, is stored")
    assert list(send["responses"]["201"]["headers"]) == ["Idempotent-Replayed", "wz-events-repeated"]


@pytest.mark.core
def test_the_page_needs_no_token(client: ServiceClient) -> None:
    answer = client.get("/docs", headers={"Authorization": ""})

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert client.get("/docs/swagger-ui-bundle.js", headers={"Authorization": ""}).status_code == 200
    assert stack.ROOT.key not in answer.text

"""Every operation of the OpenAPI document, called as it says and otherwise: no 5xx, no undocumented answer.

WZ_EXAMPLES=1000 pytest tests/handlers/test_schemathesis.py    for a long run, with other cases each time
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py
import schemathesis
from hypothesis import HealthCheck, assume
from hypothesis import settings as hypothesis_settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from handlers import create_app
from handlers.services import Services
from pipeline.boards import Boards
from pipeline.hub import Event
from pipeline.hub.description import RESERVED
from pipeline.hub.upstream_requests import BATCH_TYPE
from pipeline.settings import Settings
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.outputs import declare_outputs
from pipeline.windows.jobs.registry import JobRegistry
from wz.records import LINES

from .. import stack

EXAMPLES = os.environ.get("WZ_EXAMPLES")

#: Left out: positive_data_acceptance, since no schema can say that `to` is at most `from` + 999, and
#: negative_data_rejection, since a hub takes any query string and the test puts a missing token back.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]

schemathesis.serializer.alias(BATCH_TYPE, "application/json")
schemathesis.serializer.alias(LINES[0], "application/json")  # one line

# The document is read while tests are collected, when there is no Redis yet; `service` brings it.
app = create_app(Settings(environment="test", redis_url="unix:///nowhere", connection_string=stack.ROOT))
app.config.update(MAX_WAIT=0, TAIL_SECONDS=0)  # otherwise every case with `wait` would take so many seconds
document = schemathesis.openapi.from_wsgi("/openapi.json", app)
OPERATIONS = [found.ok() for found in document.get_all_operations()]


@pytest.fixture(autouse=True)
def service(redis: redis_py.Redis, settings: Settings) -> None:
    """Make what the document's examples name."""
    services = app.extensions["services"] = Services(settings)
    board = Boards(redis)["season-1"]
    for member, score in {"ann": "0.1", "bob": "-3", "cid": "12"}.items():
        board.set(member, Decimal(score))
    board.configure(sample=100)
    board.join("ann", "gold")
    board.set_features("ann", {"age": 31})
    services.hubs["events"].append([Event(b"{}", "key", "application/json", {"n": 1}), Event(b"\xff")])
    declare_outputs(redis, "context_reward", ["rewards"])
    document = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"PerMinute": {"type": "stream"}}}
    JobRegistry(redis, services.hubs).put("per-minute", Definition("SELECT * INTO PerMinute FROM Input", document))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_the_service_answers_as_its_document_says(operation: APIOperation[Any, Any, Any, Any]) -> None:
    """What `document.parametrize()` would do, but cases are drawn here.

    It draws those of all operations while tests are collected, which was half of what collecting takes, and each
    process of pytest collects.
    """
    settings = hypothesis_settings(
        max_examples=int(EXAMPLES or 6),
        derandomize=EXAMPLES is None,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    config = HypothesisTestConfig(document.config, list(HypothesisTestMode), explicit_settings=settings)
    test = create_test(operation=operation, test_func=answers_as_documented, config=config)
    test()


def answers_as_documented(case: Case[Any]) -> None:
    # The dialect answers only paths of hubs; this tries a name that the document does not allow.
    assume((case.path_parameters or {}).get("hub") not in RESERVED)
    response = case.call(headers={"Authorization": stack.token()})
    case.validate_response(response, checks=CHECKS)

from __future__ import annotations

import pytest

from handlers.hub.duplicate_detection import duplicate_detection, duplicate_detection_elements
from wz import Problem

from ..conftest import ServiceClient, detail
from .test_management import hub_described, text


@pytest.mark.parametrize(
    ("window", "ms"),
    [("PT20S", 20_000), ("PT10M", 600_000), ("P7D", 604_800_000), ("P1DT1H1M1.5S", 90_061_500), ("", 600_000)],
)
def test_a_duration(window: str, ms: int) -> None:
    given = {"RequiresDuplicateDetection": "true", "DuplicateDetectionHistoryTimeWindow": window}

    assert duplicate_detection(given) == ms
    assert duplicate_detection(duplicate_detection_elements(ms)) == ms


@pytest.mark.parametrize("window", ["P", "PT", "P1DT", "10M", "PT-5M", "P1Y", "PT1,5S", "PT٣M"])
def test_what_is_no_duration(window: str) -> None:
    with pytest.raises(Problem, match="must be a duration such as PT10M"):
        duplicate_detection({"RequiresDuplicateDetection": "true", "DuplicateDetectionHistoryTimeWindow": window})


def test_it_is_switched_on_and_off(client: ServiceClient) -> None:
    put = {"content_type": "application/atom+xml"}
    assert client.put("/orders", data=hub_described(RequiresDuplicateDetection="true"), **put).status_code == 201
    assert text(client.get("/orders"), "DuplicateDetectionHistoryTimeWindow") == "PT600S"

    change = {"headers": {"If-Match": "*"}, **put}
    assert client.put("/orders", data=hub_described(MessageRetentionInDays=1), **change).status_code == 200
    assert text(client.get("/orders"), "RequiresDuplicateDetection") == "true"
    assert client.put("/orders", data=hub_described(RequiresDuplicateDetection="false"), **change).status_code == 200
    assert b"Duplicate" not in client.get("/orders").data


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"RequiresDuplicateDetection": "yes"}, "must be true or false"),
        (
            {"RequiresDuplicateDetection": "true", "DuplicateDetectionHistoryTimeWindow": "PT19S"},
            "duplicates are detected for 20 seconds to 7 days",
        ),
    ],
)
def test_what_is_refused(client: ServiceClient, values: dict[str, str], told: str) -> None:
    answer = client.put("/orders", data=hub_described(**values))

    assert answer.status_code == 400
    assert told in detail(answer)

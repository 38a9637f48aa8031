"""The service's routes as data, which `wz routes --json` writes."""

from __future__ import annotations

import json

from handlers import create_app
from pipeline.settings import Settings


def test_every_route_can_be_written(settings: Settings) -> None:
    rows = create_app(settings).routes
    written = json.loads(json.dumps([row.as_dict() for row in rows], default=repr))

    assert len(written) == len(rows) > 100
    (summary,) = (row for row in written if row["endpoint"] == "boards.summary")
    assert (summary["rule"], summary["arguments"]) == ("/boards/<board>", {"board": "default"})
    assert summary["handlers"]["GET"]["arguments"]["query"] == "handlers.boards.parameters.InSegment"

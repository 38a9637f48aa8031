"""Eight events of three ids, in the order of their arrival: those of the job's own test."""

import json
from datetime import datetime
from pathlib import Path

JOB = Path(__file__).parents[2] / "jobs" / "context_reward"
FILE = JOB / "tests" / "window_edges" / "Input.ndjson"
EVENTS = [json.loads(line) for line in FILE.read_text().splitlines()]


def time_of(event):
    return datetime.fromisoformat(event["EventEnqueuedUtcTime"])

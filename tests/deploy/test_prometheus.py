"""docs/metrics.md, the alerts and the dashboard name what /metrics has, and the scrape's token is taken."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import redis as redis_py
import yaml
from prometheus_client.parser import text_string_to_metric_families

from deploy.up import DEPLOY
from handlers import create_app
from pipeline.settings import Settings
from wz.testing import Client

from .. import stack
from .metric_table import described, scraped, table
from .promql import OF_TARGETS, labels_of

PROMETHEUS = DEPLOY / "prometheus"

#: What Prometheus itself adds, and what nginx-prometheus-exporter reads from nginx's stub_status.
ELSEWHERE = {
    "up": "job instance",
    "nginx_connections_accepted": "instance",
    "nginx_connections_active": "instance",
    "nginx_connections_handled": "instance",
    "nginx_connections_waiting": "instance",
    "nginx_connections_writing": "instance",
    "nginx_http_requests_total": "instance",
}

#: What the dashboard leaves out: limits, and what another metric says as well.
NOT_DRAWN = {
    "wz_dead_letters_full",
    "wz_events_repeated_total",
    "wz_hub_kept_events",
    "wz_job_delivery_stopped",
    "wz_job_rows_due_seconds",
    "wz_job_waiting_events",
    "wz_process_max_fds",
    "wz_process_start_time_seconds",
    "wz_process_virtual_memory_bytes",
    "wz_redis_connections_limit",
    "wz_relay_bytes_total",
    "wz_relay_paused",
    "wz_relay_requests_total",
    "wz_sends_replayed_total",
    "wz_sends_total",
    "wz_traces_total",
}


@cache
def known() -> dict[str, frozenset[str]]:
    """Return the labels of every metric that a query may use, by the names of its samples."""
    ours = {
        name: OF_TARGETS.union(one.labels, ["le"] if name.endswith("_bucket") else [])
        for name, one in described(scraped()).items()
    }
    return ours | {name: OF_TARGETS.union(labels.split()) for name, labels in ELSEWHERE.items()}


def read(name: str) -> Any:
    return yaml.safe_load((PROMETHEUS / name).read_text())


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in read("rules.yml")["groups"] for rule in group["rules"]}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]
    return found


def targets() -> Iterator[tuple[str, str, str]]:
    """Yield the panel, the query and the legend of each line of the dashboard."""
    for panel in panels():
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m"), target["legendFormat"]


def test_the_page_has_every_metric() -> None:
    page = (stack.REPOSITORY / "docs" / "metrics.md").read_text()

    assert table(scraped()) in page, "write what `python -m tests.deploy.metric_table` prints"


def test_what_was_done_is_counted() -> None:
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(scraped())
        for sample in family.samples
    }

    expected = {
        ("wz_process_starts_total",): 2,
        ("wz_requests_under_way",): 0,
        ("wz_redis_up",): 1,
        ("wz_bulk_records_total", "carried out"): 1,
        ("wz_bulk_records_total", "refused"): 1,
        ("wz_sends_refused_total", "small", "full"): 1,
        ("wz_job_state", "copies", "running"): 1,
        ("wz_job_state", "copies", "failed"): 0,
        ("wz_job_rows_total", "copies", "Rows"): 1,
        ("wz_job_events_total", "copies"): 1,
        ("wz_job_lag_events", "copies"): 0,
        ("wz_job_faults_total", "copies", "late_adjusted"): 0,
        ("wz_job_delivered_rows_total", "copies", "Rows"): 1,
        ("wz_job_delivery_stopped", "copies", "Rows"): 0,
        ("wz_dead_letters", "events", "0"): 1,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert found["wz_job_state_bytes", "copies"] >= 0
    assert 0 <= found["wz_job_checkpoint_age_seconds", "copies"] < 600
    workers = [key for key in found if key[0] == "wz_process_threads" and "worker" in key]
    assert len(workers) == 2
    assert found["wz_redis_pool_connections", "idle"] > 0
    memory = [value for (name, *_), value in found.items() if name == "wz_process_resident_memory_bytes"]
    assert len(memory) == 3
    assert min(memory) > 1e6


def test_no_label_is_one_of_prometheus_s_own() -> None:
    for one in described(scraped()).values():
        assert not OF_TARGETS.intersection(one.labels), f"{one.name}: Prometheus would call it exported_..."


@pytest.mark.parametrize("name", alerts())
def test_an_alert_can_come(name: str) -> None:
    alert = alerts()[name]

    labels = labels_of(promql.parse(alert["expr"]), known())

    said = " ".join(alert["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", said)) <= labels
    assert set(re.findall(r"{{(.*?)}}", said)) <= {
        *(f" $labels.{label} " for label in labels),
        *(" $value | humanizePercentage ", " $value | humanizeDuration ", " $value | humanize ", " $value "),
    }


def test_alerts_have_what_prometheus_takes() -> None:
    for group in read("rules.yml")["groups"]:
        assert group.keys() == {"name", "rules"}
        for rule in group["rules"]:
            assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert rule["annotations"].keys() == {"summary", "description"}
            assert re.fullmatch(r"\d+m", rule.get("for", "0m"))


def test_the_alert_for_busy_threads_has_gunicorn_s_number() -> None:
    threads = runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))["threads"]

    assert f"* {threads} *" in alerts()["WzFull"]["expr"]
    assert f"{threads} is `threads`" in alerts()["WzFull"]["annotations"]["description"]


def test_every_metric_of_trouble_has_an_alert() -> None:
    """Whoever adds a metric that must stay 0 adds the alert."""
    expressions = " ".join(alert["expr"] for alert in alerts().values())
    trouble = {name for name, one in described(scraped()).items() if re.match("1 (if|while)", one.about)}

    assert {name for name in trouble if name not in expressions} == set()


def test_the_dashboard_draws_what_there_is() -> None:
    for title, query, legend in targets():
        labels = labels_of(promql.parse(query), known())

        assert set(re.findall(r"{{(\w+)}}", legend)) <= labels, title


def test_the_dashboard_can_be_drawn() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, f"{panel['title']} is over another panel"
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_the_dashboard_shows_what_is_not_left_to_a_query_by_hand() -> None:
    drawn = " ".join(query for _, query, _ in targets())

    missing = {name for name in described(scraped()) if re.sub("_(sum|count)$", "", name) not in drawn}

    assert missing == NOT_DRAWN


def test_the_scrape_s_token_is_renewed_where_prometheus_reads_it(
    tmp_path: Path, redis: redis_py.Redis, settings: Settings
) -> None:
    (scrape, _) = read("prometheus.yml")["scrape_configs"]
    script = PROMETHEUS / "renew-token"
    assert f"file=${{1:-{scrape['authorization']['credentials_file']}}}" in script.read_text()
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    env = {**os.environ, **stack.environ(settings), "PATH": path}

    subprocess.run([script, tmp_path / "token"], env=env, cwd=stack.REPOSITORY, check=True)

    assert [file.name for file in tmp_path.iterdir()] == ["token"]
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o640
    credentials = (tmp_path / "token").read_text().strip()
    headers = {"Authorization": f"{scrape['authorization']['type']} {credentials}"}
    client = Client(create_app(settings))
    assert client.get(scrape["metrics_path"], headers=headers).status_code == 200
    assert client.get("/boards", headers=headers).status_code == 401


def test_the_rules_are_those_that_are_loaded() -> None:
    assert read("prometheus.yml")["rule_files"] == ["rules.yml"]
    assert {config["job_name"] for config in read("prometheus.yml")["scrape_configs"]} == {"wz", "nginx"}

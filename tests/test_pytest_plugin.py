"""The fixture `wz_service`, as another project has it: in a folder of its own, whose pytest is another process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from .deploy.running import what_names
from .stack import REPOSITORY, until

#: A project's tests: they send as a client of Azure does, and read what comes.
PROJECT = '''
import base64, hashlib, hmac, json, tempfile, time
from urllib.parse import quote, quote_plus
from urllib.request import Request, urlopen

import pytest


def send(connection_string, hub, body):
    parts = dict(part.split("=", 1) for part in connection_string.split(";"))
    url = parts["Endpoint"].replace("sb://", "http://") + hub
    resource, expiry = quote_plus(url), str(int(time.time()) + 60)
    digest = hmac.digest(parts["SharedAccessKey"].encode(), f"{resource}\\n{expiry}".encode(), "sha256")
    token = f"SharedAccessSignature sr={resource}&sig={quote(base64.b64encode(digest))}&se={expiry}"
    headers = {"Authorization": f"{token}&skn={parts['SharedAccessKeyName']}", "Content-Type": "application/json"}
    assert urlopen(Request(f"{url}/messages", json.dumps(body).encode(), headers)).status == 201


QUERY = """
-- Each order INTO nothing but its output.
SELECT customer, amount * 2 AS double INTO Doubled FROM orders WHERE amount > 1
"""


@pytest.mark.parametrize("amount", [2, 3])  # each finds the service empty
def test_a_job(wz_service, amount):
    hub = wz_service.hub("orders", partitions=2)
    job = wz_service.job("doubles", QUERY)
    send(wz_service.connection_string, "orders", {"customer": "a", "amount": 1})
    send(wz_service.connection_string, "orders", {"customer": "b", "amount": amount})

    assert job.rows() == [{"customer": "b", "double": 2 * amount}]
    assert [json.loads(event["body"])["customer"] for event in hub.events(2)] == ["a", "b"]


def test_a_hub_of_the_same_name_is_another(wz_service):
    hub = wz_service.hub("orders", partitions=3)
    hub.send({"n": 1}, key="k", Level=3)
    hub.send_all([b"\\xff", "text"], key="k")

    first, *others = hub.events(3)
    assert wz_service.redis_url.startswith(f"unix://{tempfile.gettempdir()}/")  # where it is looked for afterwards
    assert (first["partition_key"], first["properties"], first["body"]) == ("k", {"Level": 3}, '{"n": 1}')
    assert [event.get("body") or event["body_base64"] for event in others] == ["/w==", "text"]
    assert wz_service.client.get("/hubs/orders").json["partitions"] == 3


def test_a_board(wz_service):
    hub = wz_service.hub("orders")
    board = wz_service.board("totals")
    wz_service.job(
        "totals",
        "SELECT customer, amount INTO Totals FROM Input",
        inputs={"Input": "orders"},
        outputs={"Totals": {"type": "stream"}},
        boards=[{"from": "Totals", "board": "totals", "member": "customer", "score": "amount", "mode": "add"}],
    )
    hub.send({"customer": "a", "amount": 2.5})
    board.set("b", 7)

    assert float(board.standing("a")["score"]) == 2.5
    assert float(board.standing("b")["score"]) == 7


def test_what_does_not_come_says_so(wz_service):
    wz_service.hub("orders").send("not JSON")
    job = wz_service.job("doubles", QUERY)

    with pytest.raises(TimeoutError, match="1 rows of Doubled have not come within 1 s.*the body is not JSON"):
        job.rows(timeout=1)
    with pytest.raises(AssertionError, match="PUT /jobs/wrong was answered 422.*Nothing"):
        wz_service.job("wrong", "SELECT * INTO Out FROM Nothing", inputs={})
'''


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run pytest in a project's folder, with the plugin, and neither with this checkout's settings nor in it."""

    def run(source: str, *args: str, ini: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_project.py").write_text(source)
        (tmp_path / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
        command = [sys.executable, "-m", "pytest", "-p", "wz.pytest_plugin", "-p", "no:cacheprovider", "-q", *args]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "WZ_"))}
        # Not also by its entry point, which is there only where this checkout is installed.
        environ = {**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environ}
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)

    return run


def test_a_project_s_tests_have_a_service(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    with TemporaryDirectory(prefix="wz-") as folder:  # not `tmp_path`, too long for the path of a socket
        done = run(PROJECT, ini=f"wz_checkout = {REPOSITORY}", TMPDIR=folder)

        assert done.returncode == 0, done.stdout
        assert "5 passed" in done.stdout
        until(lambda: not what_names(Path(folder)))  # no Redis is left


def test_the_page_s_project_passes(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """docs/testing.md: its test, with a program of the reader's that sends two events, and its settings."""
    page = (REPOSITORY / "docs" / "testing.md").read_text()
    (test,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (settings,) = re.findall(r"^```ini\n\[pytest\]\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    sender, _, _ = PROJECT.partition("\n\nQUERY = ")
    program = (
        'def my_program(connection_string):\n    send(connection_string, "orders", {"customer": "a", "amount": 3})\n'
    )
    with TemporaryDirectory(prefix="wz-") as folder:  # as above
        done = run(f"{sender}\n\n{program}\n\n{test}", ini=settings.replace("../wz", str(REPOSITORY)), TMPDIR=folder)

        assert done.returncode == 0, done.stdout
        assert "1 passed" in done.stdout


def test_nothing_happens_without_the_fixture_and_without_a_checkout_it_says_what_to_do(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    source = "def test_other():\n    pass\n\ndef test_service(wz_service):\n    pass\n"

    done = run(source, ini=f"wz_checkout = {tmp_path}")

    assert "1 passed, 1 error" in done.stdout
    assert f"ServiceNotFound: wz_checkout: {tmp_path} is no checkout of wz" in done.stdout


def test_a_run_without_the_fixture_loads_nothing_of_the_service() -> None:
    script = "import sys, wz.pytest_plugin; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY)

    unwanted = {"redis", "pipeline", "deploy", "click", "wz.testing", "wz.live_server"}
    assert unwanted & set(done.stdout.split()) == set()

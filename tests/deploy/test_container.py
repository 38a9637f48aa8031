"""The image, as far as that can be told without a container: its files, the script that installs them, what it runs.

No image is made: a folder has the files that the build would copy, the build's script is run there, and then what the
image would run, with the image's variables.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click
import psutil
import pytest
import redis as redis_py

from deploy import servers
from deploy.container import STOP_SECONDS, child_environ, stages_within
from deploy.nginx import DEPLOY, render_nginx
from pipeline.settings import Settings
from wz.live_server import LiveServer
from wz.testing import Client

from .. import stack
from ..stack import PATIENCE, REPOSITORY, environ, free_port, until

CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
IGNORE = REPOSITORY / ".containerignore"


def instruction(name: str) -> str:
    """Return what stands behind the last instruction of this name in the Containerfile, as one line."""
    text = re.sub(r"\\\n\s*", "", CONTAINERFILE)
    found: list[str] = re.findall(rf"^{name} (.*)$", text, re.MULTILINE)
    return found[-1]


def words(name: str) -> list[str]:
    """Return an instruction's command in its JSON form."""
    text = instruction(name)
    found: list[str] = json.loads(text[text.index("[") :])
    return found


# -- what is in it ----------------------------------------------------------------------------------------------------


def sent() -> list[str]:
    """Return what .containerignore lets through: it forbids all, and then names what it does not."""
    first, *others = [line for line in IGNORE.read_text().splitlines() if line and not line.startswith("#")]
    assert first == "*"
    return [line.removeprefix("!") for line in others if line.startswith("!")]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /opt/wz of an image. Its packages are those of this environment, so that none is downloaded again."""
    root = tmp_path_factory.mktemp("opt") / "wz"
    for name in sent():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / name, root / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    (packages,) = (root / ".venv").glob("lib/python*/site-packages")
    (packages / "installed.pth").write_text(sysconfig.get_path("purelib"))

    script = shlex.split(instruction("RUN"))
    assert script == ["sh", "deploy/install.sh"]
    done = subprocess.run(
        script, cwd=root, env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return root


def test_nothing_private_and_nothing_needless_is_sent_to_the_build(image: Path) -> None:
    found = {path.name for path in image.iterdir()} - {".venv", "wz_wsgi.egg-info", "build"}

    assert found == {
        "LICENSE",
        "README.md",
        "deploy",
        "handlers",
        "jobs",
        "pipeline",
        "pyproject.toml",
        "requirements",
        "wz",
    }
    assert (REPOSITORY / ".dockerignore").resolve() == IGNORE


def test_it_is_not_root_that_runs_it() -> None:
    assert instruction("USER") == "wz"
    assert instruction("STOPSIGNAL") == "SIGTERM"
    assert words("ENTRYPOINT")[0] == "tini"


# -- what it runs -----------------------------------------------------------------------------------------------------


@contextmanager
def running(
    image: Path, folder: Path, settings: Settings, **more: str
) -> Iterator[tuple[subprocess.Popen[bytes], LiveServer]]:
    """Run what the image would, with its files in `folder` in place of /run/wz, until the block ends."""
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(render_nginx(folder, f"127.0.0.1:{port}"))
    _tini, _dashes, _python, *arguments = [*words("ENTRYPOINT"), *words("CMD")]
    server = LiveServer(f"http://127.0.0.1:{port}", PATIENCE)
    env = {
        "PATH": f"{image / '.venv' / 'bin'}:{os.environ['PATH']}",
        "WZ_NGINX": str(servers.nginx()),
        "WZ_NGINX_CONF": str(conf),
        "WZ_SOCKET": str(folder / "gunicorn.sock"),
        "WEB_CONCURRENCY": "1",
        **environ(settings),
        **more,
    }
    command = [image / ".venv" / "bin" / "python", *arguments]
    with stack.process(command, ready=lambda: stack.answers(server), env=env, cwd=image) as child:
        yield child, server


def test_it_answers_reloads_and_ends_without_cutting_a_request(
    image: Path, tmp_path: Path, redis: redis_py.Redis, settings: Settings
) -> None:
    before = files(image)
    with running(image, tmp_path, settings) as (child, server), ThreadPoolExecutor(4) as pool:
        port = server.address.rpartition(":")[2]
        health = [word.replace("8080", port) for word in words("HEALTHCHECK")]
        assert health != words("HEALTHCHECK")
        health[0] = sys.executable
        assert subprocess.run(health, check=False).returncode == 0

        before_reload = psutil.Process(child.pid).children(recursive=True)
        wz = [str(image / ".venv" / "bin" / "wz"), "reload"]
        assert subprocess.run(wz, cwd=image, env=psutil.Process(child.pid).environ(), check=False).returncode == 0
        until(lambda: sum(not one.is_running() for one in before_reload) == 1)  # the old worker of gunicorn

        started = psutil.Process(child.pid).children(recursive=True)
        polls = [pool.submit(poll, server, number) for number in range(4)]
        until(lambda: waiting(redis) == 4)
        child.terminate()

        assert [answer.result(PATIENCE) for answer in polls] == [200] * 4
        assert child.wait(PATIENCE) == 0
        assert not [one for one in started if one.is_running()]
    assert files(image) == before, "with a read-only root it could not write these"


def poll(server: LiveServer, partition: int) -> int:
    path = f"/hubs/events/partitions/{partition}/events?wait=20"
    return Client(server).get(path, headers={"Authorization": stack.token()}).status_code


def waiting(redis: redis_py.Redis) -> int:
    return sum("b" in client["flags"] and client["cmd"] == "xread" for client in redis.client_list())


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_setting_that_is_wrong_ends_it_with_a_line(
    image: Path, tmp_path: Path, settings: Settings, name: str
) -> None:
    env = {**os.environ, **environ(settings), "WZ_SOCKET": str(tmp_path / "gunicorn.sock"), "WZ_HUBS": "events:x"}
    env["PATH"] = f"{image / '.venv' / 'bin'}:{env['PATH']}"

    done = subprocess.run(
        [image / ".venv" / "bin" / "python", "-m", "deploy.container", name],
        cwd=image,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {name} ended with status 4")
    assert "WZ_HUBS" in done.stdout


# -- how long ending may take -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "environment"),
    [
        pytest.param(["web", "nginx", "worker"], {}, id="as the runtimes wait by default"),
        pytest.param(["web", "nginx"], {"WZ_STOP_SECONDS": "30"}, id="longer"),
        pytest.param(["worker"], {"WZ_STOP_SECONDS": "20"}, id="a worker alone"),
    ],
)
def test_gunicorn_has_all_the_time_that_nginx_leaves(names: list[str], environment: Mapping[str, str]) -> None:
    seconds = float(environment.get("WZ_STOP_SECONDS", STOP_SECONDS))
    stages = stages_within(seconds, names)

    assert sum(stage.seconds for stage in stages) == seconds
    assert stages[-1].names == ("web", "worker")
    arguments = child_environ(environment, stages)["GUNICORN_CMD_ARGS"].split()
    assert arguments[0] == "--graceful-timeout"
    assert 0 < int(arguments[1]) < stages[-1].seconds


def test_too_little_time_is_refused() -> None:
    with pytest.raises(click.ClickException, match="WZ_STOP_SECONDS: 3 s are too few, give 7"):
        stages_within(3, ["web", "nginx"])


def test_the_image_ends_before_its_runtime_kills_it() -> None:
    (seconds,) = re.findall(r"WZ_STOP_SECONDS=(\d+)", CONTAINERFILE)

    assert float(seconds) == STOP_SECONDS < 10

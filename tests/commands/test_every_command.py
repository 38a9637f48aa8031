"""Rules that hold for every command of the service."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import pytest
import redis as redis_py
from click.testing import Result

from deploy import servers
from pipeline.commands import terminal
from pipeline.settings import Settings

from ..stack import REPOSITORY, ROOT, free_port, process
from .calling import COMMANDS, run


def every(commands: Mapping[str, click.Command], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, command in commands.items():
        yield (*path, name), command.help or ""
        if isinstance(command, click.Group):
            yield from every(command.commands, (*path, name))


@pytest.mark.parametrize(("path", "text"), [pytest.param(*found, id=" ".join(found[0])) for found in every(COMMANDS)])
def test_help_says_what_it_does(path: tuple[str, ...], text: str) -> None:
    shown = run((*path, "--help"))

    assert shown.exit_code == 0
    first = text.split("\n")[0]
    assert first.endswith((".", ":")) or "\n" in text
    assert " ".join(first.split()[:5]) in " ".join(shown.output.split())


#: Some commands that read Redis and need no signing key.
REDIS_ONLY = [
    ("board", "show", "b"),
    ("hub", "status"),
    ("hub", "list"),
    ("hub", "show", "h"),
    ("hub", "deadletters", "list", "h"),
    ("job", "list"),
    ("job", "status"),
    ("reference", "list"),
]


@pytest.mark.parametrize("args", REDIS_ONLY, ids=" ".join)
def test_what_needs_redis_only_asks_for_no_key(
    redis: redis_py.Redis, settings: Settings, tmp_path: object, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delenv("WZ_CONNECTION_STRING", raising=False)

    result = run(args, WZ_ENVIRONMENT=settings.environment, WZ_REDIS_URL=settings.redis_url)

    assert "WZ_CONNECTION_STRING" not in result.output
    assert result.exit_code == 0 or "Error: there is no " in result.output


@pytest.mark.parametrize(
    "args", [("token",), ("console",), ("rule", "list"), ("rule", "add", "r", "--right", "Send")], ids=" ".join
)
def test_what_signs_asks_for_a_key(tmp_path: object, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delenv("WZ_CONNECTION_STRING", raising=False)

    result = run(args)

    assert (result.exit_code, result.output) == (
        1,
        "Error: WZ_CONNECTION_STRING: set it, or WZ_CONNECTION_STRING_FILE, or run `wz up` once to have a key made\n",
    )


#: A job's folder, a file of events, and one that says which hubs there are to be.
FILES = {
    "JOB": REPOSITORY / "jobs" / "context_reward",
    "TABLE": REPOSITORY / "examples" / "toll_booths" / "registrations.csv",
    "LINES": REPOSITORY / "examples" / "toll_booths" / "entry.ndjson",
    "CONFIG": REPOSITORY / "tests" / "commands" / "Config.json",
}

#: A call of every command that reads or writes Redis, with names of `FILES`.
CALLS = [
    *("board show b", "board top b", "board check b", "board rebuild b"),
    *("board copy b c", "board rename b c", "board union c b", "board delete b --yes"),
    *("board tasks", "board task t", "board cancel t"),
    *("board list", "board member ann", "board erase ann --yes", "board trim b --keep 1"),
    *("board export b", "board import b -", "board follow b --count 1"),
    *("hub status", "hub list", "hub show h", "hub create h", "hub set h --size 1GiB", "hub delete h --yes"),
    *(
        "hub export h",
        "hub import h LINES",
        "hub apply CONFIG",
        "hub detach h g",
        "hub relay h --pause",
        "hub deadletters list h",
        "hub deadletters redrive h --all",
        "hub deadletters drop h --all",
    ),
    *("reference put t TABLE", "reference list", "reference show t", "reference delete t --yes"),
    *("job list", "job status", "job put JOB", "job stop j", "job start j", "job faults j"),
    *("job restart j --from last", "job copy j k", "job delete j --yes"),
    *(
        "rule add r --right Send",
        "rule list",
        "rule set r --events-per-second 1",
        "rule rotate r --key primary",
        "rule delete r",
    ),
    *("token --rule r", "console", "demo --watch"),
]

#: The others: they read files and settings, or speak HTTP, or, as the worker does, wait for Redis
#: (tests/work/test_worker.py).
NOT_CALLED = {
    *(("job", "run"), ("job", "test"), ("job", "explain"), ("job", "import"), ("job", "export")),
    *(("settings",), ("worker",)),
    *(("hub", "send"), ("hub", "tail")),
}


def words(call: str) -> tuple[str, ...]:
    return tuple(str(FILES.get(word, word)) for word in call.split())


def test_every_command_is_called_here() -> None:
    groups = {path[:-1] for path, _text in every(COMMANDS)}
    leaves = {path for path, _text in every(COMMANDS)} - groups

    assert {path for path in leaves if not any(call.startswith(" ".join(path)) for call in CALLS)} == NOT_CALLED


@pytest.mark.parametrize("call", CALLS)
def test_a_redis_that_is_away_is_one_line(tmp_path: Path, call: str) -> None:
    result = run(words(call), **environ(), WZ_REDIS_URL=f"unix://{tmp_path}/none.sock")

    assert_is_one_line(result)
    assert f"{tmp_path}/none.sock" in result.output


def test_without_an_address_the_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = Settings(redis_url=f"redis://127.0.0.1:{free_port()}")
    monkeypatch.setattr(terminal, "settings", lambda environ: found)

    result = run(("hub", "list"), WZ_ENVIRONMENT="test", WZ_REDIS_URL=None)

    assert_is_one_line(result)
    assert result.output.endswith("(no `wz up` runs here, and WZ_REDIS_URL is not set)\n")


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """A Redis that refuses everything in a way of its own: returns the address for each way."""
    folder = tmp_path_factory.mktemp("refusing")
    socket = folder / "redis.sock"
    command = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    with process([*command, "--requirepass", "secret"], ready=socket.exists):
        redis = redis_py.Redis(unix_socket_path=str(socket), password="secret")
        redis.acl_setuser(
            "reader", enabled=True, passwords="+secret", keys="*", commands=["+select", "+client", "+ping"]
        )
        redis.close()
        yield lambda user: f"unix://{user}@{socket}"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("user", "says"),
    [
        pytest.param(":wrong", "WRONGPASS|invalid username-password", id="a wrong password"),
        pytest.param(":", "Authentication required", id="no password"),
        pytest.param("reader:secret", "no permissions|NOPERM", id="no permission"),
    ],
)
def test_a_redis_that_refuses_is_one_line(refusing: Callable[[str], str], call: str, user: str, says: str) -> None:
    result = run(words(call), **environ(), WZ_REDIS_URL=refusing(user))

    assert_is_one_line(result)
    assert re.search(says, result.output)
    assert "secret" not in result.output


def environ() -> dict[str, str]:
    return {"WZ_ENVIRONMENT": "test", "WZ_CONNECTION_STRING": str(ROOT)}


def assert_is_one_line(result: Result) -> None:
    assert result.exit_code == 1, result.output
    assert result.output.startswith("Error: Redis")
    assert result.output.count("\n") == 1
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(("name", "unwanted"), [("hub", "pipeline.windows"), ("board", "pipeline.windows")])
def test_a_domain_s_commands_load_no_other_domain(name: str, unwanted: str) -> None:
    script = f"import sys, pipeline.commands.{name}; print([m for m in sys.modules if m.startswith({unwanted!r})])"

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert loaded == "[]\n"

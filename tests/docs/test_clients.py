"""docs/clients.md is right: its programs are taken from the page, built, and run."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
import redis as redis_py
from werkzeug.serving import make_server

from handlers import create_app
from pipeline.connection_string import ConnectionString
from pipeline.hub.log import Hub
from pipeline.settings import Settings

from ..deploy.running import Up, running
from ..in_thread import in_thread
from ..stack import PATIENCE, free_port, process, token
from ..upstream import Answer, Received, scripted_upstream
from .client_programs import COMMANDS, KNOWN, LANGUAGES, PAGE, PROGRAMS, PYTHON, Language, run
from .repository import ROOT

AZURE = "contoso.servicebus.windows.net"
#: Names of properties in lower case: a header's has no other over HTTP/2, as the page says.
SENT = [
    ('{"t": 21.5}', "dev-1", {"alert": "Strong Wind"}),
    ("21.6", "dev-1", {}),
    ("21.7", "dev-1", {"level": 3}),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Language], Path]:
    """A function that returns the folder in which a language's programs are built, once."""
    folder = tmp_path_factory.mktemp("programs")

    @cache
    def build(name: str) -> Path:
        (folder / name).mkdir()
        next(one for one in LANGUAGES if one.name == name).install(folder / name)
        return folder / name

    return lambda language: build(language.name)


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.name)
def language(request: pytest.FixtureRequest) -> Language:
    found: Language = request.param
    if missing := found.missing():
        pytest.skip(missing)
    return found


def test_a_program_makes_known_tokens_and_waits_once(language: Language, built: Callable[[Language], Path]) -> None:
    """It is told 503 twice in a row for the batch: then it gives up, and says so."""
    folder = built(language)
    for uri, key, expiry, signature in KNOWN:
        sr, sig = quote(uri, safe=""), quote(signature, safe="")
        expected = f"SharedAccessSignature sr={sr}&sig={sig}&se={expiry}&skn=keyName"
        assert run([*language.token, uri, "keyName", key, str(expiry)], folder) == [expected]

    with scripted_upstream() as server:
        busy = Answer(503, headers={"Retry-After": "1"})
        server.script(busy, Answer(), busy, busy)
        hub = f"{server.target.url}/events"
        assert run(language.send, folder, HUB=hub, RULE="send", KEY="a key+/=") == ["201", "503"]

    check(server.received, hub, "a key+/=")


def check(received: list[Received], hub: str, key: str | None) -> None:
    """Hold a program's four requests, two of an event and two of a batch, against what the page says of them."""
    requests = [replace(one, headers={k.lower(): v for k, v in one.headers.items()}, client=0) for one in received]
    event, batch = requests[::2]
    assert requests == [event, event, batch, batch]
    assert event.path == batch.path == "/events/messages"
    assert event.body == b'{"t": 21.5}'
    assert event.headers["content-type"] == "application/json"
    assert event.headers["brokerproperties"] == '{"PartitionKey": "dev-1"}'
    assert event.headers["alert"] == "Strong Wind"
    assert batch.headers["content-type"] == "application/vnd.microsoft.servicebus.json"
    assert [item["Body"] for item in json.loads(batch.body)] == ["21.6", "21.7"]
    if key is not None:
        scheme, _, text = event.headers["authorization"].partition(" ")
        fields = {name: values[0] for name, values in parse_qs(text).items()}
        digest = hmac.new(key.encode(), f"{quote(hub, safe='')}\n{fields['se']}".encode(), hashlib.sha256).digest()
        assert (scheme, fields["sr"], fields["skn"]) == ("SharedAccessSignature", hub, "send")
        assert fields["sig"] == base64.b64encode(digest).decode()


# -- C ----------------------------------------------------------------------------------------------------------------

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def compiler(*headers: str) -> str:
    """Return the C compiler; skip the test if there is none, or if it lacks a header."""
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        pytest.skip("there is no C compiler")
    for header in headers:
        looked = subprocess.run(
            [found, "-E", "-"], input=f"#include <{header}>", capture_output=True, text=True, check=False
        )
        if looked.returncode:
            pytest.skip(f"the C compiler has no {header}")
    return found


@pytest.fixture
def c_program(tmp_path: Path) -> str:
    (tmp_path / "send.c").write_text(PROGRAMS["send.c"])
    run([compiler("netdb.h"), *STRICT, "-o", "send", "send.c"], tmp_path)
    return str(tmp_path / "send")


def test_the_c_program_waits_once(c_program: str, tmp_path: Path) -> None:
    with scripted_upstream() as server:
        busy = Answer(503, headers={"retry-after": "1"})
        server.script(busy, Answer(), busy, busy)
        port = server.target.url.rpartition(":")[2]
        assert run([c_program, "127.0.0.1", port, "events"], tmp_path, TOKEN="x") == ["201", "503"]

    check(server.received, "", None)
    assert run([c_program, "127.0.0.1", str(free_port()), "events"], tmp_path, TOKEN="x") == ["0", "0"]


def test_the_c_program_sends_as_a_publisher(
    c_program: str, tmp_path: Path, settings: Settings, redis: redis_py.Redis, hub: Hub
) -> None:
    """As the page's command does, whose publisher is the events' key. With another publisher's token it is told 401."""
    assert "--publisher dev-1 " in command("./send 127.0.0.1 8080 events/publishers/dev-1")
    server = make_server("127.0.0.1", 0, create_app(settings))
    with in_thread(server):
        device = [c_program, "127.0.0.1", str(server.port), "events/publishers/dev-1"]
        assert run(device, tmp_path, TOKEN=token("events/publishers/dev-2")) == ["401", "401"]
        assert run(device, tmp_path, TOKEN=token("events/publishers/dev-1")) == ["201", "201"]

    assert len([event for number in range(4) for event in hub.read(number)]) == 3


def test_the_token_of_mbedtls(tmp_path: Path) -> None:
    """It refuses what does not fit into its buffers."""
    program = """
        #include <stdio.h>
        #include <stdlib.h>
        int token(char *to, size_t size, const char *uri, const char *rule, const char *key, unsigned long expiry);
        int main(int argc, char **argv) {
            char value[1024];
            size_t size = (size_t)atol(argv[argc - 1]);
            int length = token(value, size, argv[1], "keyName", argv[2], (unsigned long)atol(argv[3]));
            printf("%d\\n%s\\n", length, length < 0 ? "" : value);
            return 0;
        }
    """
    (tmp_path / "token.c").write_text(PROGRAMS["token.c"])
    (tmp_path / "known.c").write_text(program)
    cc = compiler("mbedtls/md.h", "mbedtls/base64.h")
    run([cc, *STRICT, "-fsanitize=address,undefined", "-o", "known", "token.c", "known.c", "-lmbedcrypto"], tmp_path)

    for uri, key, expiry, signature in KNOWN:
        expected = (
            f"SharedAccessSignature sr={quote(uri, safe='')}&sig={quote(signature, safe='')}&se={expiry}&skn=keyName"
        )
        found = run(["./known", uri, key, str(expiry), "1024"], tmp_path)
        assert found == [str(len(expected)), expected]
        assert run(["./known", uri, key, str(expiry), str(len(expected))], tmp_path) == ["-1", ""]
    assert run(["./known", "x" * 171, "key", "1", "1024"], tmp_path) == ["-1", ""]


# -- the service over TLS, called by its own name and by Azure's ------------------------------------------------------


@pytest.fixture(scope="module")
def tls_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, tls_port: int) -> Iterator[Up]:
    """`wz up --tls` as the page starts it for clients that call Azure; its hub has one partition."""
    options = ("--tls", "--tls-port", str(tls_port), "--workers", "1")
    with running(tmp_path_factory.mktemp("up"), *options, environ={"WZ_HUBS": "events:1", "WZ_HOSTS": AZURE}) as up:
        yield up


@pytest.fixture(scope="module")
def shell(up: Up, tls_port: int) -> dict[str, str]:
    """The variables that the page's first commands set, which are run as they are but for the address."""
    text = command("export HUB=").replace("source .venv/bin/activate\n", "")
    here = f"https://127.0.0.1:{tls_port}"
    told = text.replace("http://127.0.0.1:8080", here)
    printed = run(["bash", "-euc", f'{told}\necho "$HUB"; echo "$RULE"; echo "$KEY"'], ROOT, WZ_STATE=str(up.state))
    assert printed[0] == f"{here}/events"
    assert printed[2]
    return dict(zip(("HUB", "RULE", "KEY"), printed, strict=True))


def command(part: str) -> str:
    """Return the page's block for a shell that has this text."""
    found: str
    (found,) = (block for block in COMMANDS if part in block)
    return found


def test_the_origins_of_a_page_are_origins() -> None:
    name, _, value = command("WZ_CORS_ORIGINS").removeprefix("export ").strip().partition("=")

    assert Settings.from_environ({name: value}).cors_origins == {"https://shop.example", "http://localhost:5173"}


def authority(up: Up) -> Path:
    return up.state / "tls" / "authority.pem"


def trust(authority: Path, folder: Path, language: Language) -> dict[str, str]:
    """Return the variables by which a program trusts the service: those of the page's table, or Java's options."""
    if language.name != "Java":
        names = re.findall(r"`(?:export )?([A-Z_]+_(?:CERTS|FILE|BUNDLE))", PAGE.read_text())
        return dict.fromkeys(names, str(authority))
    make, start = command("keytool").splitlines()
    make = make.replace(".wz/tls/authority.pem", str(authority)).replace("trust.p12", str(folder / "trust.p12"))
    run(shlex.split(make), folder)
    options = [word.replace("trust.p12", str(folder / "trust.p12")) for word in start.split() if word.startswith("-D")]
    return {"JDK_JAVA_OPTIONS": " ".join(options)}


def events_after(up: Up, tls_port: int, after: str) -> tuple[list[tuple[Any, ...]], str]:
    """Return body, key and properties of the events of partition 0 after an offset, and the last offset.

    The names of properties are in lower case.
    """
    context = ssl.create_default_context(cafile=str(authority(up)))
    request = urllib.request.Request(f"https://127.0.0.1:{tls_port}/hubs/events/partitions/0/events?after={after}")
    request.add_header("Authorization", up.authorization)
    with urllib.request.urlopen(request, context=context, timeout=PATIENCE) as answer:
        page = json.loads(answer.read())
    found = []
    for event in page["events"]:
        properties = {name.lower(): value for name, value in event["properties"].items()}
        found.append((event["body"], event["partition_key"], properties))
    return found, page["next"]


def test_each_program_s_events_are_stored_over_tls(
    up: Up, tls_port: int, shell: dict[str, str], built: Callable[[Language], Path], tmp_path: Path
) -> None:
    """One test for all languages, since they share the service."""
    after = "0"
    for language in (one for one in LANGUAGES if not one.missing()):
        trusting = trust(authority(up), tmp_path, language)
        assert run(language.send, built(language), **shell, **trusting) == ["201", "201"], language.name
        stored, after = events_after(up, tls_port, after)
        assert stored == SENT, language.name


def test_a_client_that_calls_azure_is_led_here(up: Up, tls_port: int, tmp_path: Path) -> None:
    """By the page's own lines, without a change of the client: http.client, requests, fetch, https and curl."""
    root = ConnectionString.parse((up.state / "connection-string").read_text().strip())
    hub = {"HUB": f"https://{AZURE}/events", "RULE": root.key_name, "KEY": root.key}
    for name in ("here.cjs", "sitecustomize.py"):
        assert PROGRAMS[name].count("8443") == 1
        (tmp_path / name).write_text(PROGRAMS[name].replace("8443", str(tls_port)))
    (tmp_path / "client.py").write_text(
        f"from azure.servicebus import ServiceBusService\n"
        f"ServiceBusService({AZURE.partition('.')[0]!r}, shared_access_key_name={root.key_name!r}, "
        f"shared_access_key_value={root.key!r}).send_event('events', '21.9')\n"
    )
    (tmp_path / "client.js").write_text(
        f"require('node:https').request({{hostname: {AZURE!r}, port: 443, path: '/events/messages', method: 'POST', "
        "headers: {Authorization: process.env.TOKEN}}, answer => console.log(answer.resume().statusCode)).end('22.1');"
    )
    led = {"PYTHONPATH": str(tmp_path), **trust(authority(up), tmp_path, PYTHON)}
    _, after = events_after(up, tls_port, "@latest")

    for language in LANGUAGES:
        if language.name in ("Python", "requests", "Node") and not language.missing():
            language.install(tmp_path)
            words = list(language.send)
            words[1:1] = ["--require", "./here.cjs"] if language.name == "Node" else []
            assert run(words, tmp_path, **hub, **led) == ["201", "201"], language.name
            stored, after = events_after(up, tls_port, after)
            assert stored == SENT, language.name
    run([sys.executable, "client.py"], tmp_path, **led)
    sent = ["21.9"]
    if shutil.which("node"):
        words = ["node", "--require", "./here.cjs", "client.js"]
        assert run(words, tmp_path, **led, TOKEN=up.authorization) == ["201"]
        sent.append("22.1")
    if shutil.which("curl"):
        text = (
            command("--connect-to").replace("8443", str(tls_port)).replace(".wz/tls/authority.pem", str(authority(up)))
        )
        text = text.replace("curl ", "curl -s -w '%{http_code}\\n' ", 1)
        assert run(["bash", "-euc", text], ROOT, WZ_STATE=str(up.state)) == ["201"]
        sent.append("21.5")
    assert [event[0] for event in events_after(up, tls_port, after)[0]] == sent


@pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))),
    reason="for root, who may give a process an /etc/hosts and a network of its own",
)
def test_a_client_that_calls_azure_is_led_here_by_the_machine(
    built: Callable[[Language], Path], tmp_path: Path
) -> None:
    """The rest of the page's languages, by a line of /etc/hosts and port 443, of a machine that is only a namespace."""
    state, log, hosts = tmp_path / "state", tmp_path / "log", tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n127.0.0.1 {AZURE}\n")
    start = command("wz up --tls").strip().replace(f"WZ_HOSTS={AZURE} ", "exec ")
    script = f"mount --bind {hosts} /etc/hosts; ip link set lo up; {start} --tls-port 443 --workers 1 --state {state}"
    unshare = ["unshare", "--mount", "--net", "--propagation", "private"]
    if subprocess.run([*unshare, "mount", "--bind", hosts, "/etc/hosts"], check=False, capture_output=True).returncode:
        pytest.skip("this root may not make a namespace")

    def ready() -> bool:
        return "wz answers at" in log.read_text()

    scripts = sysconfig.get_path("scripts")
    env = {"WZ_HOSTS": AZURE, "WZ_HUBS": "events:1", "PATH": f"{scripts}:{os.environ['PATH']}"}
    with process([*unshare, "bash", "-euc", script], ready, env=env, cwd=ROOT, log=log) as machine:
        root = ConnectionString.parse((state / "connection-string").read_text().strip())
        hub = {"HUB": f"https://{AZURE}/events", "RULE": root.key_name, "KEY": root.key}
        enter = ["nsenter", "--target", str(machine.pid), "--mount", "--net"]
        for language in LANGUAGES:
            if language.name in ("curl", "Go", "Java", "PowerShell") and not language.missing():
                folder = built(language)
                trusting = trust(state / "tls" / "authority.pem", tmp_path, language)
                inside = [*enter, f"--wd={folder}", *language.send]
                assert run(inside, folder, **hub, **trusting) == ["201", "201"], language.name


# -- the page's text --------------------------------------------------------------------------------------------------


def test_each_program_of_the_page_is_run() -> None:
    run_here = {name for language in LANGUAGES for name in language.files}

    assert PROGRAMS.keys() == run_here | {"page.html", "send.c", "token.c", "here.cjs", "sitecustomize.py"}

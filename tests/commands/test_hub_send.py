"""`wz hub send`, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.commands.hub import hub as command
from pipeline.connection_string import ConnectionString
from pipeline.hub import Event
from pipeline.hub.event import Property
from pipeline.hub.log import Hub
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from pipeline.settings.kinds import MAX_SEND_SIZE

from ..hub.test_event_line import BODIES
from ..stack import ROOT
from ..upstream import Answer, ScriptedUpstream, make_certificates, scripted_upstream
from .serving import serving


def send(target: ConnectionString, *args: object, stdin: bytes | None = None, **environ: str) -> Result:
    env = {"WZ_CONNECTION_STRING": str(target), **environ}
    return CliRunner().invoke(command, ["send", *map(str, args)], input=stdin, env=env)


@pytest.fixture
def service(redis: redis_py.Redis, settings: Settings) -> Iterator[ConnectionString]:
    with serving(settings) as target:
        yield target


def events(hub: Hub) -> list[Event]:
    return [stored.event for partition in range(hub.partitions) for stored in hub.read(partition, limit=10_000)]


def test_one_event_with_its_key_and_properties(service: ConnectionString, hub: Hub) -> None:
    args = ("--key", "dev-1", "--property", "Level=3", "--property", "app.version=1.2", "--property", 'Text="3"')

    sent = send(service, "events", '{"t": 21.5}', *args, "--property", "Site=Köln")

    assert (sent.exit_code, sent.output) == (0, "1 event acknowledged\n")
    properties: dict[str, Property] = {"Level": 3, "app.version": 1.2, "Text": "3", "Site": "Köln"}
    assert events(hub) == [Event(b'{"t": 21.5}', "dev-1", None, properties)]


@pytest.mark.parametrize(
    "args",
    [("--key", "\udcff"), ("--property", "\udcff=1"), ("--property", "a=\udcff"), ("--content-type", "a\r\nb: c")],
)
def test_an_option_that_is_no_text_is_refused(service: ConnectionString, hub: Hub, args: tuple[str, str]) -> None:
    sent = send(service, "events", "x", *args)

    assert (isinstance(sent.exception, SystemExit), "text" in sent.output) == (True, True), sent.output
    assert events(hub) == []


def test_standard_input_is_one_event_with_its_content_type(service: ConnectionString, hub: Hub) -> None:
    send(service, "events", "--content-type", "image/png", stdin=b"\x89PNG\r\n\xff\n")

    assert [(event.body, event.content_type) for event in events(hub)] == [(b"\x89PNG\r\n\xff\n", "image/png")]


def test_a_large_body_is_sent_whole_or_not_at_all(redis: redis_py.Redis, settings: Settings, hub: Hub) -> None:
    body = b"\xff" * MAX_SEND_SIZE
    with serving(replace(settings, max_send_bytes=MAX_SEND_SIZE)) as target:
        taken = send(target, "events", stdin=body)
        refused = send(target, "events", stdin=body + b"x")

    assert (taken.exit_code, taken.output) == (0, "1 event acknowledged\n")
    assert refused.output.startswith("Error: standard input has more than 20.0 MiB, and no hub takes an event of that")
    assert [event.body == body for event in events(hub)] == [True]


def test_a_file_is_sent_in_few_requests_and_its_lines_keep_their_keys(
    service: ConnectionString, hub: Hub, tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    lines = [b'{"$event":{"partition_key":"k%d"},"n":%d}' % (n % 7, n) for n in range(3000)]
    file.write_bytes(b"\n".join([*lines, b'{"plain":true}', b'{"$event":{"publisher":"dev-9"}}']))

    sent = send(service, "events", "--file", file, "--key", "other")

    assert (sent.exit_code, sent.output) == (0, "3,002 events acknowledged\n")
    found = events(hub)
    for key in range(7):
        of_key = [event.body for event in found if event.partition_key == f"k{key}"]
        assert of_key == [b'{"n":%d}' % n for n in range(3000) if n % 7 == key]
    assert Event(b'{"plain":true}', "other") in found
    assert Event(b"{}", "dev-9", None, {}, "dev-9") in found


def test_what_was_exported_is_sent_as_it_was(service: ConnectionString, hub: Hub, tmp_path: Path) -> None:
    wanted = [Event(body, "k", None, {"n": n}, None, f"m{n}") for n, body in enumerate(BODIES)]
    hub.append(wanted)
    environ = {"WZ_ENVIRONMENT": "test", "WZ_REDIS_URL": str(hub.redis.connection_pool.connection_kwargs["path"])}
    environ["WZ_REDIS_URL"] = f"unix://{environ['WZ_REDIS_URL']}"
    assert CliRunner().invoke(command, ["export", "events", str(tmp_path / "e.ndjson")], env=environ).exit_code == 0

    send(service, "events", "--file", tmp_path / "e.ndjson")

    assert events(hub) == wanted * 2


def test_a_wrong_line_sends_nothing(service: ConnectionString, hub: Hub, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b'{"a":1}\nno\n')

    sent = send(service, "events", "--file", file)

    assert sent.exit_code == 1
    assert sent.output.startswith(f"Error: {file}, line 2: it is not the JSON of an event")
    assert events(hub) == []


def test_a_stream_is_sent_up_to_its_wrong_line(service: ConnectionString, hub: Hub) -> None:
    sent = send(service, "events", "--file", "-", "--batch", 2, stdin=b"1\n2\n3\n4\nno\n")

    assert sent.exit_code == 1
    assert sent.output.startswith("Error: standard input, line 5: it is not the JSON of an event")
    assert sent.output.endswith("\n4 events acknowledged\n")
    assert sorted(event.body for event in events(hub)) == [b"1", b"2", b"3", b"4"]


# -- refusals, and answers that do not come ---------------------------------------------------------------------------


def test_a_refusal_is_one_line_with_what_the_hub_said(service: ConnectionString) -> None:
    sent = send(service, "nowhere", "x")

    first, account = sent.output.splitlines()
    assert first.startswith("Error: 127.0.0.1 answered 404: The messaging entity 'sb://")
    assert account == "0 events acknowledged; not acknowledged: 1, of line 1, not stored; nothing after them was sent"
    assert sent.exit_code == 1


def test_a_rule_that_may_only_send_is_enough(
    service: ConnectionString, redis: redis_py.Redis, hub: Hub, tmp_path: Path
) -> None:
    rule = Rules(redis, ROOT).add("device", frozenset({Right.SEND}), "events")
    file = tmp_path / "rule.txt"
    file.write_text(str(ConnectionString(service.endpoint, "device", rule.primary, "events", True)) + "\n")

    sent = send(service, "events", "x", "--connection-string-file", file)

    assert (sent.exit_code, sent.output) == (0, "1 event acknowledged\n")


def test_a_request_is_sent_again_with_its_key(upstream: ScriptedUpstream) -> None:
    upstream.script(Answer(504), Answer(503, headers={"Retry-After": "1"}))

    sent = send(upstream.target, "events", "x")

    assert (sent.exit_code, sent.output) == (0, "1 event acknowledged\n")
    assert len({(one.headers["Idempotency-Key"], one.body) for one in upstream.received}) == 1
    assert len(upstream.received) == 3


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        pytest.param(Answer(503), "not stored", id="nothing was done"),
        pytest.param(Answer(504), "perhaps stored", id="nobody knows"),
        pytest.param(Answer(400, b"no"), "not stored", id="a refusal"),
    ],
)
def test_the_end_says_exactly_what_is_not_acknowledged(
    upstream: ScriptedUpstream, tmp_path: Path, answer: Answer, state: str
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(b"%d" % n for n in range(1, 11)))
    upstream.answer = lambda received: Answer() if b'"1"' in received.body or b'"4"' in received.body else answer

    sent = send(upstream.target, "events", "--file", file, "--batch", 3, "--patience", "1s")

    assert sent.exit_code == 1
    assert sent.output.splitlines()[1] == (
        f"6 events acknowledged; not acknowledged: 3, of lines 7 to 9, {state}; nothing after them was sent; "
        "to go on there: --skip 6"
    )
    upstream.script()
    assert send(upstream.target, "events", "--file", file, "--skip", 6).output == "4 events acknowledged\n"


def test_a_namespace_that_is_not_there(tmp_path: Path, redis: redis_py.Redis) -> None:
    target = ConnectionString("http://127.0.0.1:9/", "up", "a2V5")

    sent = send(target, "events", "x", "--patience", "1s")

    assert sent.exit_code == 1
    assert sent.output.startswith("Error: 127.0.0.1 does not answer: ")
    assert "of line 1, not stored" in sent.output


def test_a_certificate_is_checked_by_the_authority_that_is_named(tmp_path: Path) -> None:
    ca, certificate = make_certificates(tmp_path)
    with scripted_upstream(certificate) as upstream:
        refused = send(upstream.target, "events", "x", "--patience", "1s")
        taken = send(upstream.target, "events", "x", "--ca", ca)

    assert "certificate verify failed" in refused.output
    assert (taken.exit_code, taken.output) == (0, "1 event acknowledged\n")


def test_the_authority_of_the_wz_up_that_runs_here_is_trusted(tmp_path: Path) -> None:
    ca, certificate = make_certificates(tmp_path)
    with scripted_upstream(certificate) as upstream, scripted_upstream(certificate) as other:
        service = {"address": upstream.target.url, "authority": str(ca)}
        (tmp_path / "service.json").write_bytes(msgspec.json.encode(service))
        taken = send(upstream.target, "events", "x", WZ_STATE=str(tmp_path))
        refused = send(other.target, "events", "x", "--patience", "1s", WZ_STATE=str(tmp_path))

    assert (taken.exit_code, taken.output) == (0, "1 event acknowledged\n")
    assert "certificate verify failed" in refused.output


@pytest.mark.parametrize(
    ("args", "says"),
    [
        pytest.param(("x", "--file", "-"), "not both", id="two bodies"),
        pytest.param(("x", "--property", "Level"), "NAME=VALUE", id="no value"),
    ],
)
def test_what_is_not_understood(args: tuple[str, ...], says: str) -> None:
    result = send(ROOT, "events", *args)

    assert (result.exit_code, says in result.output) == (2, True)


def test_a_connection_string_that_is_none_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "rule.txt"
    file.write_text("Endpoint=sb://x/;secret")

    result = send(ROOT, "events", "x", "--connection-string-file", file)

    assert (result.exit_code, "secret" in result.output) == (1, False)
    assert result.output.startswith(f"Error: {file}: connection string: part 2 has no value")


def test_progress_is_silent_where_nobody_looks(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"1\n2\n")

    assert send(upstream.target, "events", "--file", file).stderr == ""

"""The development server, by `app.run()` and by the command `run`: the same on Flask and on wz."""

from __future__ import annotations

import ssl
import sys
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPSConnection
from typing import Any

import pytest
from click.testing import CliRunner

from ..stack import free_port, process
from .conftest import CommandLine

APP = "from FRAMEWORK import App\napp = App('shop')\n"

#: What Werkzeug's server was given: host, port, app, and its options.
Served = dict[str, Any]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, line: CommandLine) -> Served:
    """What the server is given; it returns at once, where the true one serves until it is interrupted."""
    found: Served = {}

    def run_simple(host: str, port: int, app: Any, **options: Any) -> None:
        found.update(options, host=host, port=port, app=app)

    monkeypatch.setattr("werkzeug.serving.run_simple", run_simple)
    monkeypatch.setattr("flask.cli.run_simple" if line.name == "flask" else "wz.cli.run.run_simple", run_simple)
    return found


@pytest.mark.parametrize(
    ("server_name", "args", "address"),
    [
        (None, (), ("127.0.0.1", 5000)),
        (None, (None, None), ("127.0.0.1", 5000)),
        (None, ("0.0.0.0", 80), ("0.0.0.0", 80)),
        (None, ("localhost", 0), ("localhost", 0)),
        (None, ("", "8080"), ("127.0.0.1", 8080)),
        ("shop.test", (), ("shop.test", 5000)),
        ("shop.test:8000", (), ("shop.test", 8000)),
        ("shop.test:8000", ("localhost",), ("localhost", 8000)),
        ("shop.test:8000", (None, 80), ("shop.test", 80)),
        ("shop.test:8000", (None, 0), ("shop.test", 0)),
    ],
)
def test_where_app_run_listens(
    line: CommandLine, served: Served, server_name: str | None, args: tuple[Any, ...], address: tuple[str, int]
) -> None:
    app = line.App("shop")
    app.config["SERVER_NAME"] = server_name
    app.run(*args)

    assert (served["host"], served["port"], served["app"]) == (*address, app)


@pytest.mark.parametrize(
    ("environment", "attribute", "argument", "debug"),
    [
        (None, False, None, False),
        (None, True, None, True),
        ("1", False, None, True),
        ("0", True, None, False),
        ("1", False, False, False),
        ("0", False, True, True),
    ],
)
def test_whether_app_run_is_in_debug(
    line: CommandLine,
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    environment: str | None,
    attribute: bool,
    argument: bool | None,
    debug: bool,
) -> None:
    if environment is not None:
        monkeypatch.setenv(f"{line.prefix}_DEBUG", environment)
    app = line.App("shop")
    app.debug = attribute
    app.run(debug=argument)

    assert (app.debug, served["use_reloader"], served["use_debugger"], served["threaded"]) == (
        debug,
        debug,
        debug,
        True,
    )


def test_options_are_the_server_s(line: CommandLine, served: Served) -> None:
    line.App("shop").run(debug=True, use_reloader=False, threaded=False, ssl_context="adhoc")

    assert (served["use_reloader"], served["use_debugger"], served["threaded"]) == (False, True, False)
    assert served["ssl_context"] == "adhoc"


def test_app_run_does_nothing_in_a_module_that_a_command_imports(line: CommandLine) -> None:
    line.write(app=f"{APP}app.add_url_rule('/x', endpoint='x')\napp.run()\n")

    done = line.run("routes")
    assert "Ignoring a call" in done.stdout + done.stderr
    assert "/x" in done.stdout


def run(line: CommandLine, *args: str) -> str:
    """Call `run` with these arguments in this process; return what it prints."""
    return CliRunner().invoke(line.main, ["--app", "app", "run", *args]).output


def test_what_run_gives_the_server(line: CommandLine, served: Served) -> None:
    line.write(app=APP)
    run(line, "-h", "0.0.0.0", "-p", "8000", "--without-threads", "--extra-files", "a:b/c", "--exclude-patterns", "*/x")

    assert {name: served[name] for name in ("host", "port", "threaded", "extra_files", "exclude_patterns")} == {
        "host": "0.0.0.0",
        "port": 8000,
        "threaded": False,
        "extra_files": ["a", "b/c"],
        "exclude_patterns": ["*/x"],
    }
    assert (served["use_reloader"], served["use_debugger"], served["ssl_context"]) == (False, False, None)


def test_a_change_that_breaks_the_app_is_shown_at_the_next_request(
    line: CommandLine, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.write(app=f"{APP}1 / 0\n")
    monkeypatch.setenv("WERKZEUG_RUN_MAIN", "true")  # as in the process that the reloader starts anew
    run(line)

    with pytest.raises(ZeroDivisionError):
        served["app"]({}, None)


@pytest.mark.parametrize(
    ("args", "debug", "reload", "debugger"),
    [
        (("--debug",), True, True, True),
        (("--no-debug",), False, False, False),
        (("--debug", "--no-reload"), True, False, True),
        (("--debug", "--no-debugger"), True, True, False),
        (("--no-debug", "--reload", "--debugger"), False, True, True),
    ],
)
def test_the_reloader_and_the_debugger_follow_debug(
    line: CommandLine, served: Served, args: tuple[str, ...], debug: bool, reload: bool, debugger: bool
) -> None:
    line.write(app=APP)
    text = run(line, *args)

    assert (served["app"].debug, served["use_reloader"], served["use_debugger"]) == (debug, reload, debugger)
    assert f"Debug mode: {'on' if debug else 'off'}" in text


def test_options_come_from_variables(line: CommandLine, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    line.write(app=APP)
    for name, value in (("RUN_PORT", "8001"), ("RUN_HOST", "localhost"), ("DEBUG", "1"), ("RUN_RELOAD", "0")):
        monkeypatch.setenv(f"{line.prefix}_{name}", value)
    run(line)

    assert (served["host"], served["port"], served["app"].debug) == ("localhost", 8001, True)
    assert (served["use_reloader"], served["use_debugger"]) == (False, True)


@pytest.mark.parametrize(("args", "debug"), [((), True), (("-h", "::1"), True), (("-h", "0.0.0.0"), False)])
def test_without_a_word_debug_is_on_where_no_other_machine_can_reach_it(
    line: CommandLine, served: Served, args: tuple[str, ...], debug: bool
) -> None:
    line.write(app=APP)
    run(line, *args)

    assert served["app"].debug == (debug if line.name == "wz" else False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate of localhost that signs itself, and its key."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_run_serves_over_tls(line: CommandLine, certificate: tuple[str, str]) -> None:
    line.write(app=f"{APP}app.add_url_rule('/', 'hello', lambda: 'hello')\n")
    cert, key = certificate
    port = free_port()
    trust = ssl.create_default_context(cafile=cert)

    def answer() -> bytes:
        connection = HTTPSConnection("localhost", port, context=trust, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        except (OSError, HTTPException):
            return b""
        finally:
            connection.close()

    command = [sys.executable, "-m", line.name, "run", "--port", port, "--cert", cert, "--key", key, "--no-reload"]
    with process(command, ready=lambda: answer() == b"hello", cwd=line.folder):
        assert answer() == b"hello"


def test_a_certificate_may_be_made_up_or_a_context_of_the_program(line: CommandLine, served: Served) -> None:
    line.write(app=f"{APP}import ssl\ntls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n")
    pytest.importorskip("cryptography")
    run(line, "--cert", "adhoc")
    assert served["ssl_context"] == "adhoc"

    run(line, "--cert", "app:tls")
    assert isinstance(served["ssl_context"], ssl.SSLContext)


@pytest.mark.parametrize(
    "args",
    [
        ("--cert", "CERT"),
        ("--key", "KEY"),
        ("--cert", "adhoc", "--key", "KEY"),
        ("--cert", "app:app", "--key", "KEY"),
        ("--cert", "app:app"),
        ("--cert", "nowhere.pem"),
        ("--cert", "CERT", "--key", "nowhere.pem"),
    ],
    ids=" ".join,
)
def test_what_is_no_certificate_is_told(
    line: CommandLine, served: Served, certificate: tuple[str, str], args: tuple[str, ...]
) -> None:
    line.write(app=APP)
    names = dict(zip(("CERT", "KEY"), certificate, strict=True))
    result = CliRunner().invoke(line.main, ["--app", "app", "run", *(names.get(arg, arg) for arg in args)])

    assert result.exit_code == 2
    assert "Error: Invalid value for '--" in result.output
    assert not served

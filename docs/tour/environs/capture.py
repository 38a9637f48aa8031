"""The same request, three servers, three environs: one command makes what this folder has of it.

    python -m docs.tour.environs.capture

`put.http` and `chunked.http` are sent, byte for byte, to recorder.py under wsgiref, under gunicorn
on a port, and under nginx and gunicorn as they ship, but that the recorder answers in the service's
place. `put.json` and `chunked.json` have what each was given, and `table.md` has it side by side;
`wire.txt` has the bytes that nginx sends on. What differs from run to run (a port, an id) is
replaced by a word in parentheses.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from pipeline.settings import Settings
from tests import stack
from tests.deploy.wire import connect, read
from wz.live_server import LiveServer

HERE = Path(__file__).parent
REQUESTS = ("put", "chunked")
SERVERS = {
    "wsgiref": "wsgiref",
    "gunicorn": "gunicorn on a port",
    "nginx": "nginx and gunicorn, as shipped",
}

Environ = dict[str, Any]

#: What a process of the service has for variables; wsgiref shows all of them to the application.
SETTINGS = Settings(environment="test", connection_string=stack.ROOT)

#: Values that are others each time.
ONCE = {"REMOTE_PORT": "(a port)", "HTTP_X_REQUEST_ID": "(32 hex digits)"}
PORT, NAME, VERSION = "(its port)", "(what this machine calls 127.0.0.1)", "(version)"

#: Who writes a value. The first that fits counts; a name without an entry is an error.
WHO = {
    "REQUEST_METHOD|PATH_INFO|QUERY_STRING|RAW_URI|SERVER_PROTOCOL": "the request line",
    "HTTP_X_FORWARDED_.*": "a client, unless a proxy writes it",
    "HTTP_X_REQUEST_ID": "nginx",
    "CONTENT_.*|HTTP_.*|wz.headers": "the headers",
    "REMOTE_.*": "the connection; one by a unix socket has no address",
    "SERVER_NAME|SERVER_PORT": "the server; behind a unix socket, the Host header",
    "SCRIPT_NAME": "the server, where an app is mounted below a prefix",
    "wsgi.url_scheme": "the server; it may believe a header",
    r"wsgi\..*|gunicorn\..*|SERVER_SOFTWARE|GATEWAY_INTERFACE": "the server",
    r"\(body\)": "the body, as wsgi.input gives it",
    r"\(variables of the process\)|WZ_.*": "whoever started the server",
}


def request(name: str) -> bytes:
    """Return the bytes of `NAME.http`, whose lines end with CRLF on the wire."""
    data = (HERE / f"{name}.http").read_bytes().replace(b"\n", b"\r\n")
    return data if b"Transfer-Encoding" in data else data.removesuffix(b"\r\n")  # which is no part of the body


def ask(address: str, data: bytes) -> Environ:
    """Send a request, and return the environ that the recorder answers with."""
    with connect(address) as sock:
        sock.sendall(data)
        answer = read(sock)  # it passes over `100 Continue`
    if answer is None or answer.status != 200:
        raise ConnectionError(f"the recorder answered {answer}")
    environ: Environ = json.loads(answer.body)
    return {name: ONCE.get(name, value) for name, value in environ.items()}


# -- the servers -----------------------------------------------------------------------------------


@contextmanager
def on_port(folder: Path, *command: object) -> Iterator[str]:
    """Run a server whose command ends with its port, with variables as the service has them."""
    port = stack.free_port()
    address = f"http://127.0.0.1:{port}"
    variables = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **stack.environ(SETTINGS)}
    env = ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
    command = (*env, sys.executable, *command[:-1], f"{command[-1]}{port}")
    with stack.process(command, lambda: stack.answers(LiveServer(address)), cwd=HERE, log=folder / "log"):
        yield address


@contextmanager
def wsgiref(folder: Path) -> Iterator[str]:
    with on_port(folder, "-u", "recorder.py", "") as address:
        yield address


@contextmanager
def gunicorn(folder: Path) -> Iterator[str]:
    options = ("--no-control-socket", "--worker-class", "gthread", "--threads", "2", "recorder:app")
    with on_port(folder, "-m", "gunicorn", *options, "--bind", "127.0.0.1:") as address:
        yield address


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Run the service as it ships, but for the application within."""
    conf = folder / "conf.py"
    conf.write_text(
        "import runpy, sys\n"
        f"globals().update(runpy.run_path({str(stack.GUNICORN_CONF)!r}))\n"
        f"sys.path.append({str(HERE)!r})\n"
        "shipped = post_worker_init\n"
        "def post_worker_init(worker):\n"
        "    import recorder\n"
        "    shipped(worker)\n"
        "    worker.wsgi = type(worker.wsgi)(recorder.app)  # in header_names.py's layer\n"
    )
    service = stack.gunicorn(folder, SETTINGS, conf=conf, ready="/healthz", log=folder / "log", WEB_CONCURRENCY="1")
    with service, stack.nginx(folder, alone=True, log=folder / "nginx.log") as server:
        yield server.address


# -- the bytes between nginx and gunicorn ----------------------------------------------------------


@contextmanager
def tapped(folder: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Run nginx before a socket in gunicorn's place, keep what comes, and answer 200."""
    seen: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "gunicorn.sock"))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # closed: this is the end
                    return
                with connection:
                    seen.append(whole(connection))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        thread = Thread(target=serve)
        thread.start()
        try:
            with stack.nginx(folder, alone=True, log=folder / "nginx.log") as server:
                yield server.address, seen
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`, which `close` would not
            thread.join()


def whole(connection: socket.socket) -> bytes:
    """Read a request, whose body has a known length: nginx sends no other."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def wire() -> str:
    """Return what nginx sends on for each request, the question for its token included."""
    with TemporaryDirectory() as folder, tapped(Path(folder)) as (address, seen):
        for name in REQUESTS:
            ask(address, request(name))
    text = "\n\n----\n\n".join(one.decode("latin-1").replace("\r\n", "\n").rstrip() for one in seen)
    return re.sub("(?m)^(X-Request-ID): .*", rf"\1: {ONCE['HTTP_X_REQUEST_ID']}", text) + "\n"


# -- all of it -------------------------------------------------------------------------------------


def capture() -> dict[str, dict[str, Environ]]:
    """Return for each request the environ under each server."""
    found: dict[str, dict[str, Environ]] = {name: {} for name in REQUESTS}
    for server, run in (("wsgiref", wsgiref), ("gunicorn", gunicorn), ("nginx", nginx)):
        with TemporaryDirectory() as folder, run(Path(folder)) as address:
            for name in REQUESTS:
                environ = ask(address, request(name))
                if address.endswith(f":{environ['SERVER_PORT']}"):
                    environ["SERVER_PORT"] = PORT
                if server == "wsgiref":
                    environ["SERVER_NAME"] = NAME
                environ["SERVER_SOFTWARE"] = f"{environ['SERVER_SOFTWARE'].partition('/')[0]}/{VERSION}"
                found[name][server] = environ
    return found


def table(environs: Mapping[str, Environ], known: Mapping[str, Environ] | None = None) -> str:
    """Return the environs of a request side by side, and below, folded, the rows that are equal.

    Rows that are the same for the request whose environs are `known` are left out.
    """
    differ = [f"| | {' | '.join(SERVERS.values())} | written by |\n|---|{'---|' * (len(SERVERS) + 1)}"]
    equal = ["| | under all three | written by |\n|---|---|---|"]
    for name in sorted(set().union(*environs.values()), key=_place):
        values = _row(environs, name)
        if known and values == _row(known, name):
            continue
        if all(value == values[0] for value in values):
            equal.append(f"| `{name}` | {_cell(values[0])} | {_who(name)} |")
        else:
            differ.append(f"| `{name}` | {' | '.join(map(_cell, values))} | {_who(name)} |")
    fold = f"<details><summary>The {len(equal) - 1} that are equal under all three</summary>"
    return "\n".join([*differ, "", fold, "", *equal, "", "</details>"])


def page(found: Mapping[str, Mapping[str, Environ]]) -> str:
    """Return table.md, which step 2 of the tour shows."""
    return "\n\n".join(
        [
            "<!-- Made by `python -m docs.tour.environs.capture`. -->",
            "**A PUT whose client claims to be somebody else:**",
            table(found["put"]),
            "**A POST that does not tell its length; only the rows that are not as above:**",
            table(found["chunked"], found["put"]) + "\n",
        ]
    )


def _row(environs: Mapping[str, Environ], name: str) -> list[Any]:
    return [environs[server].get(name) for server in SERVERS]


def _place(name: str) -> tuple[object, ...]:
    return (
        name.startswith(("(", "WZ_")),
        name.startswith(("wsgi.", "gunicorn.", "wz.")),
        name.startswith("HTTP_"),
        name,
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return "`" + json.dumps(value, ensure_ascii=False).replace("|", "\\|") + "`"


def _who(name: str) -> str:
    return next(who for pattern, who in WHO.items() if re.fullmatch(pattern, name))


def main() -> None:
    """Write the files of this folder."""
    found = capture()
    for name, environs in found.items():
        (HERE / f"{name}.json").write_text(json.dumps(environs, indent=1, sort_keys=True) + "\n")
    (HERE / "table.md").write_text(page(found))
    (HERE / "wire.txt").write_text(wire())


if __name__ == "__main__":
    main()

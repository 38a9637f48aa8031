"""`python -m wz` and its like, forked from a process that has imported them: most of what a short command takes.

Each command is a process of its own all the same: with the modules, the environment, the folder and the streams that it
would have, and it ends as Python ends. Where the start itself is what is tested, a test starts Python.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile


def run(
    module: str, *args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Do what `subprocess.run` does with `python -m module args`, its output as text, and without input."""
    told = json.dumps([module, args, str(cwd or Path.cwd()), dict(os.environ if env is None else env)])
    with open(os.devnull) as nothing, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        server = _server(module)
        socket.send_fds(server, [told.encode()], [nothing.fileno(), out.fileno(), err.fileno()])
        status = int(server.recv(100))
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([sys.executable, "-m", module, *args], status, out.read(), err.read())


@cache
def _server(module: str) -> socket.socket:
    """Start the process that forks; it ends with this one. With -P, it imports nothing that is beside this file."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", __file__, str(its.fileno()), module]
    process = subprocess.Popen(command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
    its.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _fork_for(connection: socket.socket) -> None:
    """Fork for each command that is told; return in the process of a command, when it shall run, or at the end."""
    while True:
        told, streams, _flags, _address = socket.recv_fds(connection, 1 << 20, 3)
        if not told:
            sys.exit()
        if (child := os.fork()) == 0:
            break
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(child, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    connection.close()
    module, args, folder, environ = json.loads(told)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.path.insert(0, folder)  # as -m does
    sys.argv = [module, *args]


if __name__ == "__main__":
    importlib.import_module(f"{sys.argv[2]}.cli")
    gc.freeze()
    name = sys.argv[2]
    _fork_for(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module(name, run_name="__main__", alter_sys=True)

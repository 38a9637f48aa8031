"""The programs of docs/clients.md, and how each language runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .repository import ROOT

PAGE = ROOT / "docs" / "clients.md"

#: A block whose first line is a comment with the file's name.
_PROGRAM = re.compile(r"^```\w+\n((?:#|//|/\*|<!--) ([\w.]+\.\w+)\b.*\n(?:.*\n)*?)```$", re.MULTILINE)
_SHELL = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)

PROGRAMS = {name: source for source, name in _PROGRAM.findall(PAGE.read_text())}

#: The page's commands for a shell.
COMMANDS = [block for block in _SHELL.findall(PAGE.read_text()) if block not in PROGRAMS.values()]

#: Of other makers of tokens, and computed by hand: URI, key, expiry, signature (base64). The rule is `keyName`.
KNOWN = [
    ("endpoint/hub", "keyVal", 1, "EGsjmHg/OKM5bYk5pU7ZpN5ExQRuT3VCwXuCftrmUZw="),
    ("sb://contoso.servicebus.windows.net/hub", "key", 1578099723, "zusZ7GjZVQjy/t1XSzwP+kbuTGd3leZYTsgYrH/AV8k="),
    ("https://localhost:18443/MyHub", "c2VjcmV0", 1893456000, "fDfSGwbGREejFMXMjXBrMxTxv9N6hMtHsQ5taHQZlXk="),
]


@dataclass(frozen=True)
class Language:
    """A language, the page's files that it needs, and what is done with them in a folder that has them.

    `build` is run once; `send` sends; `token` prints the token of the four arguments that it is given, by the files in
    `known`, which are the test's own.
    """

    name: str
    tools: Sequence[str]
    files: Sequence[str]
    send: Sequence[str]
    token: Sequence[str]
    known: Mapping[str, str]
    build: Sequence[Sequence[str]] = ()

    def missing(self) -> str:
        """Say why it can't be run here; an empty text if it can."""
        lacking = [tool for tool in self.tools if not (shutil.which(tool) or Path(tool).exists())]
        return f"{self.name} needs {', '.join(lacking)}" if lacking else ""

    def install(self, folder: Path) -> None:
        """Write the files, and build what is built."""
        for name in self.files:
            (folder / name).write_text(PROGRAMS[name])
        for name, source in self.known.items():
            (folder / name).write_text(source)
        for command in self.build:
            run(command, folder)


def run(command: Sequence[str], folder: Path, **env: str) -> list[str]:
    """Return the lines that a command prints, run in `folder` with these variables alone beside PATH and HOME."""
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    own |= {"PATH": f"{sysconfig.get_path('scripts')}:{own.get('PATH', os.defpath)}"}
    done = subprocess.run(command, cwd=folder, env=own | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout.splitlines()


PYTHON = Language(
    "Python",
    [],
    ["send.py"],
    [sys.executable, "send.py"],
    [sys.executable, "known.py"],
    {"known.py": "import sys; from send import token; print(token(*sys.argv[1:]))"},
)

#: A JVM prints its own warnings among what its program prints, such as that the file of its figures in /tmp is locked
#: by another one. So it keeps no such file, and warns on stderr.
_JAVA = ["java", "-XX:-UsePerfData", "-Xlog:all=warning:stderr", "-Xlog:all=off:stdout", "-cp", "."]

LANGUAGES = [
    PYTHON,
    Language(
        "requests",
        [],
        ["send.py", "send_requests.py"],
        [sys.executable, "send_requests.py"],
        PYTHON.token,
        PYTHON.known,
    ),
    Language(
        "curl",
        ["bash", "curl", "openssl"],
        ["send.sh"],
        ["bash", "send.sh"],
        ["bash", "-c", 'source ./send.sh; token "$@"', "-"],
        {},
    ),
    Language(
        "Node",
        ["node"],
        ["hub.mjs", "send.mjs"],
        ["node", "send.mjs"],
        ["node", "known.mjs"],
        {"known.mjs": "import {token} from './hub.mjs'; console.log(await token(...process.argv.slice(2)));"},
    ),
    Language(
        "Go",
        ["go"],
        ["send.go"],
        ["./send"],
        ["./known"],
        {
            "go.mod": "module send\n\ngo 1.16\n",
            "send_test.go": """\
package main

import ("fmt"; "os"; "strconv"; "testing")

func TestMain(m *testing.M) {
	expiry, _ := strconv.ParseInt(os.Args[4], 10, 64)
	fmt.Println(token(os.Args[1], os.Args[2], os.Args[3], expiry))
}
""",
        },
        [["go", "vet"], ["go", "build", "-o", "send"], ["go", "test", "-c", "-o", "known"]],
    ),
    Language(
        "Java",
        ["java", "javac"],
        ["Send.java"],
        [*_JAVA, "Send"],
        [*_JAVA, "Known"],
        {
            "Known.java": "class Known { public static void main(String[] a) throws Exception { "
            "System.out.println(Send.token(a[0], a[1], a[2], Long.parseLong(a[3]))); } }"
        },
        [["javac", "Send.java", "Known.java"]],
    ),
    Language(
        "PowerShell",
        ["pwsh"],
        ["send.ps1"],
        ["pwsh", "-NoProfile", "-File", "send.ps1"],
        ["pwsh", "-NoProfile", "-File", "known.ps1"],
        {"known.ps1": ". ./send.ps1; Get-SasToken $args[0] $args[1] $args[2] $args[3]"},
    ),
]

"""Programs of the package index, as they are and moved to wz, and what both answer.

What is changed in a program is in the blocks `diff PACKAGE/FILE` of docs/from-flask.md, and nowhere else.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from wsgiref.validate import validator

from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from ..client import ServerlikeClient

DOCUMENT = Path(__file__).parents[2] / "docs" / "from-flask.md"

_DIFF = re.compile(r"^```diff (?P<file>\S+)\n(?P<lines>.*?)^```$", re.DOTALL | re.MULTILINE)
_CHANGE = re.compile(r"(?P<old>(?:^-.*\n)+)(?P<new>(?:^\+.*\n)*)", re.MULTILINE)

#: A session's cookie: what it holds, which is compressed after a full stop, then the time and the signature.
_SIGNED = re.compile(r"(?<==)(\.?)([\w-]+)\.[\w-]{6}\.[\w-]{27}(?=;)")
_MINUTE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")

#: How a page of Werkzeug's for an error begins, and what wz sends instead.
_PAGES = b"<!doctype html>\n<html lang=en>\n<title>"
_PROBLEM = "application/problem+json"

#: Headers that follow from the body, or from the time.
_FOLLOWING = {"Content-Length", "Date", "ETag", "Last-Modified"}


class Edit(NamedTuple):
    file: str  # with the package's name in front
    old: str
    new: str


def edits() -> list[Edit]:
    """Return what the document says is to be changed."""
    return [
        Edit(block["file"], *(re.sub(r"^.", "", change[side], flags=re.MULTILINE) for side in ("old", "new")))
        for block in _DIFF.finditer(DOCUMENT.read_text())
        for change in _CHANGE.finditer(block["lines"])
    ]


def installed(package: str) -> Path:
    """Return the folder of a package. Raises an error if there is none: it is one of requirements/dev.in."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed, which requirements/dev.in names: run `make test`")
    return Path(spec.origin).parent


@contextmanager
def copied(package: str, framework: str, folder: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Copy an installed package into `folder`, moved if `framework` is wz. Yields what imports its modules."""
    place = folder / framework / package
    shutil.copytree(installed(package), place, ignore=shutil.ignore_patterns("__pycache__"))
    if framework == "wz":
        for file, old, new in edits():
            if file.startswith(f"{package}/"):
                edit(place.parent / file, old, new)
    forget(package)
    sys.path.insert(0, str(place.parent))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(place.parent))
        forget(package)


def edit(file: Path, old: str, new: str) -> None:
    """Replace lines that are in a file once."""
    text = file.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{file.name} has {text.count(old)} times what docs/from-flask.md changes in it:\n{old}")
    file.write_text(text.replace(old, new))


def forget(package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


class Answer(NamedTuple):
    """An answer, without what may differ: see `docs/from-flask.md` for JSON and for errors."""

    request: str
    status: str
    headers: list[tuple[str, Any]]
    body: Any


class Visitor:
    """Sends requests to one of the two programs, and keeps what it answers."""

    def __init__(self, app: Any, framework: str, root: str = "") -> None:
        self.app = app
        self.client = ServerlikeClient(validator(app) if framework == "wz" else app)
        self.root = root
        self.answers: list[Answer] = []
        self.endpoints: set[str] = set()

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        answer = self.client.open(self.root + path, method=method, **options)
        self.answers.append(plain(f"{method} {path} {[*options.get('data', ())]}", answer))
        with suppress(HTTPException):
            self.endpoints.add(self.app.url_map.bind("localhost").match(path.partition("?")[0], method)[0])
        return answer

    def look(self, path: str, **options: Any) -> None:
        """Ask for a page, for its headers alone, and for what may be done with it."""
        for method in ("GET", "HEAD", "OPTIONS"):
            self.send(method, path, **options)


def held(cookie: re.Match[str]) -> str:
    """Return what a session's cookie holds."""
    payload = urlsafe_b64decode(cookie[2] + "===")
    return json.dumps(json.loads(zlib.decompress(payload) if cookie[1] else payload), sort_keys=True)


def plain(request: str, answer: TestResponse) -> Answer:
    """Return what both programs are to answer."""
    headers: list[tuple[str, Any]] = [
        (name, set(value.split(", ")) if name in {"Allow", "Vary"} else _SIGNED.sub(held, value))
        for name, value in answer.headers.items()
        if name not in _FOLLOWING
    ]
    body: Any = answer.get_data()
    if answer.status_code >= 400 and (not body or body.startswith(_PAGES) or answer.mimetype == _PROBLEM):
        headers = [(name, value) for name, value in headers if name != "Content-Type"]
        body = b""  # an error that the program has no page for, or its headers alone
    elif answer.mimetype == "application/json" and body:
        body = json.loads(body)
    elif answer.mimetype.startswith("text/"):
        body = _MINUTE.sub("MINUTE", answer.text)
    return Answer(request, answer.status, sorted(headers, key=lambda header: header[0]), body)

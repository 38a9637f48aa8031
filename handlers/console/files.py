"""The console's files, under addresses that change with what they hold, so that browsers need not ask for them again.

A template writes `{{ file("console.css") }}` for `/console/static/console.css?v=` and a digest. Of that address, the
answer may be kept for a year; of one without a digest, or with another release's, each page has a browser ask again.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from werkzeug.security import safe_join
from werkzeug.wrappers import Response as WerkzeugResponse

from wz.context import current_request

FOLDER = Path(__file__).with_name("static")

#: Where frame.py's blueprint serves them.
PREFIX = "/console/static/"

_YEAR = "public, max-age=31536000, immutable"


def file_url(name: str) -> str:
    """Return the address of a file of static/. Raises FileNotFoundError."""
    return f"{PREFIX}{quote(name)}?v={_version(FOLDER / name)}"


def keep(response: WerkzeugResponse) -> WerkzeugResponse:
    """Let an answer with a file be kept, if it is the one that its address names."""
    request = current_request()
    if request is not None and request.path.startswith(PREFIX) and response.status_code in (200, 304):
        path = safe_join(str(FOLDER), request.path.removeprefix(PREFIX))
        if path and request.args.get("v") == _version(Path(path)):
            response.headers["Cache-Control"] = _YEAR
    return response


def _version(path: Path) -> str:
    return _digest(path, os.stat(path).st_mtime_ns)


@lru_cache
def _digest(path: Path, changed: int) -> str:
    """`changed` has a file that is edited read again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]

"""The API of bench/api.py by hand, as the minimum.

It is the least program that gives wz's answer with wz's checks: the method, segments that are not empty, HEAD, a body's
type, length and fields, each field of a query given once, a problem document for what is refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from werkzeug.exceptions import MethodNotAllowed, NotFound

from .api import decode_score, fields, found, numbers, standing


def raw(hooks: bool = False, many: bool = False, encode: Callable[[Any], bytes] | None = None) -> Any:
    boards = {f"boards{i}" for i in numbers(many)}

    def answer(environ: dict[str, Any]) -> tuple[str, Any]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if not path.isascii():
            path = path.encode("latin-1").decode(errors="replace")
        parts = path.split("/")
        if len(parts) == 5 and parts[1] in boards and parts[3] == "members" and parts[2] and parts[4]:
            return ("200 OK", standing(parts[2], parts[4])) if method in ("GET", "HEAD") else NOT_ALLOWED
        if path == "/scores":
            return scores(environ) if method == "POST" else NOT_ALLOWED
        if path == "/search":
            return search(environ) if method in ("GET", "HEAD") else NOT_ALLOWED
        return NOT_FOUND

    def scores(environ: dict[str, Any]) -> tuple[str, Any]:
        if environ["CONTENT_TYPE"] != "application/json":
            return problem("415 UNSUPPORTED MEDIA TYPE")
        length = environ["CONTENT_LENGTH"]
        size = int(length) if length.isdecimal() else 0
        body = environ["wsgi.input"].read(size)
        if len(body) < size:
            return problem("400 BAD REQUEST")
        try:
            return "201 CREATED", fields(decode_score(body))
        except msgspec.ValidationError:
            return problem("422 UNPROCESSABLE ENTITY")
        except msgspec.DecodeError:
            return problem("400 BAD REQUEST")

    def search(environ: dict[str, Any]) -> tuple[str, Any]:
        given = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        try:
            [member], [limit], [least] = given["member"], given.get("limit", [10]), given.get("least", [0.0])
            return "200 OK", found(member, int(limit), float(least))
        except (KeyError, ValueError):
            return problem("422 UNPROCESSABLE ENTITY")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        status, value = answer(environ)
        body = json.dumps(value).encode() if encode is None else encode(value)
        is_good = status[0] == "2"
        headers = [
            ("Content-Type", "application/json" if is_good else "application/problem+json"),
            ("Content-Length", str(len(body))),
        ]
        if status[:3] == "405":
            headers.append(("Allow", "OPTIONS, POST" if environ["PATH_INFO"] == "/scores" else "GET, HEAD, OPTIONS"))
        if hooks:
            environ["bench.start"] = time.perf_counter()
            headers.append(("X-Hook", "after"))
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return app


def raw_msgspec(hooks: bool = False, many: bool = False) -> Any:
    return raw(hooks, many, msgspec.json.encode)


def problem(status: str, detail: str = "") -> tuple[str, Any]:
    code, _, name = status.partition(" ")
    return status, {"type": "about:blank", "title": name.title(), "status": int(code), "detail": detail}


NOT_FOUND = problem("404 NOT FOUND", NotFound.description)
NOT_ALLOWED = problem("405 METHOD NOT ALLOWED", MethodNotAllowed.description)

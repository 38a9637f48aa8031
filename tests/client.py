"""The test client that the suite uses."""

from __future__ import annotations

from typing import Any
from wsgiref.validate import validator

from werkzeug.test import TestResponse

from wz import App
from wz.testing import Client


class ServerlikeClient(Client):
    """Reads each response to its end and closes it, as a server does."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("buffered", True)
        return super().open(*args, **kwargs)


def validated(app: App) -> ServerlikeClient:
    """Return a client that holds every request and response against PEP 3333."""
    return ServerlikeClient(validator(app))

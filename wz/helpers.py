"""Small things that handlers call: `abort`, `redirect`, `make_response`."""

from __future__ import annotations

from typing import Any, NoReturn, cast

from werkzeug import exceptions, utils
from werkzeug.wrappers import Response as WerkzeugResponse

from .base import BaseApp
from .context import active_app, current_request
from .http import Response, to_response


class Helpers(BaseApp):
    """An app's own `redirect` and `make_response`; the function `redirect` calls the first, which may be overridden."""

    def redirect(self, location: str, code: int = 302) -> Response:
        """Return a redirect, of the app's `response_class`, to a URL or path; 301, 302, 303, 305, 307 or 308."""
        return cast("Response", utils.redirect(location, code, self.response_class))

    def make_response(self, rv: Any) -> WerkzeugResponse:
        """Return a response of what a handler might return, a tuple included."""
        request = current_request()
        return to_response(rv, self._app, request.environ if request else None, "the caller of make_response")


def abort(code: int | WerkzeugResponse, *args: Any, **kwargs: Any) -> NoReturn:
    """Raise the error of a status, with a description, or answer with a response; by the current app's `aborter`."""
    app = active_app()
    if app is not None:
        app.aborter(code, *args, **kwargs)
    exceptions.abort(code, *args, **kwargs)


def redirect(location: str, code: int = 302, Response: type[WerkzeugResponse] = Response) -> WerkzeugResponse:
    """Return a redirect to a URL or path; 301, 302, 303, 305, 307 or 308. The class counts where no app is current."""
    app = active_app()
    return utils.redirect(location, code, Response) if app is None else app.redirect(location, code)


def make_response(*args: Any) -> WerkzeugResponse:
    """Return a response of what a handler might return: `make_response(body, 201, headers)`."""
    value: Any = "" if not args else args[0] if len(args) == 1 else args
    request = current_request()
    return to_response(value, active_app(), request.environ if request else None, "the caller of make_response")

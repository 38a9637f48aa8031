"""Files as responses, with Werkzeug's ETag, ranges and conditional requests (RFC 9110, sections 13 and 14).

    Static(app)                      # static/ beside the app's module, as /static/...
    Static(blueprint, "assets")      # assets/ beside the blueprint's module, below its prefix as /assets/...

    url_for("static", filename="style.css"), url_for(".static", filename="page.js")

In production, let the server in front serve the files: it does so without Python.
"""

from __future__ import annotations

import os
import weakref
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

from werkzeug import utils
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join
from werkzeug.wrappers import Response as WerkzeugResponse

from .app import App
from .blueprints import Blueprint
from .context import current_app, current_request
from .dates import with_readable_dates
from .routing import Router
from .setup import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    Path = str | os.PathLike[str]
    MaxAge = int | Callable[[str | None], int | None]

ENDPOINT = "static"


def send_file(
    path_or_file: Path | IO[bytes],
    mimetype: str | None = None,
    as_attachment: bool = False,
    download_name: str | None = None,
    conditional: bool = True,
    etag: bool | str = True,
    last_modified: datetime | float | None = None,
    max_age: MaxAge | None = None,
) -> WerkzeugResponse:
    """Answer the current request with a file that you trust; see `send_from_directory` for names that a client sent.

    A relative path is one below `app.root_path`. A file must be open in binary mode, at the start of what is to be
    sent, and needs a `download_name` or a `mimetype`; it is closed with the response. The type comes from the name,
    `application/octet-stream` if that says nothing.

    `conditional` allows 304, 206 and 416. `max_age` is in seconds, or a function of the path; without it
    `SEND_FILE_MAX_AGE_DEFAULT` (seconds, or a timedelta) counts, and without that clients have to ask each time
    (`no-cache`), which costs them a 304. `USE_X_SENDFILE` leaves the reading to a server that knows `X-Sendfile`.
    """
    request = current_request()
    if request is None:
        raise RuntimeError(
            "send_file() answers a request, but no request is current here: call it in a handler, or in a test "
            'with app.test_request_context("/"):'
        )
    app = request.app
    if isinstance(path_or_file, str | os.PathLike):
        path_or_file = os.path.join(app.root_path, path_or_file)
    return utils.send_file(
        path_or_file,
        with_readable_dates(request.environ),
        mimetype=mimetype,
        as_attachment=as_attachment,
        download_name=download_name,
        conditional=conditional,
        etag=etag,
        last_modified=last_modified,
        max_age=app.get_send_file_max_age if max_age is None else max_age,
        use_x_sendfile=app.config.get("USE_X_SENDFILE", False),
        response_class=app.response_class,
    )


def send_from_directory(directory: Path, path: Path, **options: Any) -> WerkzeugResponse:
    """Answer with the file at `path`, which a client may have sent, below `directory`, which must be yours.

    `options` are those of `send_file`. Answers 404 for a name that leads out of the directory (`..`, an absolute path),
    holds a NUL, or is not that of a regular file. Symbolic links are followed, wherever they lead: so anyone who may
    write into the directory decides which files are served.
    """
    found = safe_join(os.fspath(directory), os.fspath(path))
    request = current_request()
    if found is not None and request is not None:
        found = os.path.join(request.app.root_path, found)
    if found is None or not os.path.isfile(found):
        raise NotFound
    return send_file(found, **options)


class Static:
    """A folder's files at `/{folder's name}/<path:filename>`, or below `url_path`; the folder is not listed.

    A relative folder is one beside the app's or blueprint's module. `options` are those of `add_url_rule`, such as
    `host=`. A blueprint without a prefix needs a `url_path` that is not the app's, or the app's files hide its own.
    The endpoint `static` is the router's own: its `static_folder` and `static_url_path` are set, and its
    `send_static_file` and `get_send_file_max_age` may be overridden. Raises NotADirectoryError for a folder that does
    not exist, which would answer 404 to every request, and SetupError for a host in an app that does not match hosts.
    """

    def __init__(
        self,
        router: App | Blueprint,
        folder: Path = "static",
        url_path: str | None = None,
        *,
        endpoint: str = ENDPOINT,
        max_age: MaxAge | None = None,
        **options: Any,
    ) -> None:
        if isinstance(router, App) and router.url_map.host_matching != bool(options.get("host")):
            raise SetupError(
                "static files need a host= in an app with host_matching=True, and can't have one in another"
            )
        joined = _join(router.root_path, folder)
        self.folder = os.path.abspath(joined)
        self.max_age = max_age
        self._router = weakref.ref(router)  # or the app would refer to itself
        if not os.path.isdir(self.folder):
            raise NotADirectoryError(f"there is no folder {self.folder!r} to serve files from")
        prefix = _url_path(joined) if url_path is None else url_path.rstrip("/")
        self._asks_router = endpoint == ENDPOINT and max_age is None
        if endpoint == ENDPOINT:
            router.static_folder = folder
            router.static_url_path = prefix
        router.add_url_rule(f"{prefix}/<path:filename>", endpoint, self._view, **options)

    def send_static_file(self, filename: str) -> WerkzeugResponse:
        """Answer with a file of the folder, or 404 as `send_from_directory` does."""
        return send_from_directory(self.folder, filename, max_age=self.max_age)

    def _view(self, filename: str) -> WerkzeugResponse:
        router = self._router()
        if self._asks_router and router is not None:
            return router.send_static_file(filename)
        return self.send_static_file(filename)

    _view.__undocumented__ = True  # type: ignore[attr-defined]  # files are no operations for wz.openapi


class StaticFolder(Router):
    """What an app and a blueprint have of the folder that `App(static_folder=...)` or `Static` gives them."""

    root_path: str

    @property
    def static_folder(self) -> str | None:
        """The folder's whole path; None if there is no folder. It may be set; the rule is made by `Static` alone."""
        folder = self.__dict__.get("_static_folder")
        return None if folder is None else _join(self.root_path, folder)

    @static_folder.setter
    def static_folder(self, folder: Path | None) -> None:
        self.__dict__["_static_folder"] = folder

    @property
    def static_url_path(self) -> str | None:
        """The beginning of the files' URLs: `/` and the folder's name, unless it was given; None without a folder."""
        folder, given = self.static_folder, self.__dict__.get("_static_url_path")
        return given if folder is None or given is not None else _url_path(folder)

    @static_url_path.setter
    def static_url_path(self, path: str | None) -> None:
        self.__dict__["_static_url_path"] = None if path is None else path.rstrip("/")

    @property
    def has_static_folder(self) -> bool:
        """Whether there is a folder."""
        return self.static_folder is not None

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Return how long a file may be cached, in seconds, if its sender does not say: `SEND_FILE_MAX_AGE_DEFAULT`."""
        value: int | timedelta | None = current_app.config["SEND_FILE_MAX_AGE_DEFAULT"]
        return int(value.total_seconds()) if isinstance(value, timedelta) else value

    def send_static_file(self, filename: str) -> WerkzeugResponse:
        """Answer with a file of `static_folder`, or 404 as `send_from_directory` does."""
        if self.static_folder is None:
            raise RuntimeError("there is no folder to serve files from: set static_folder")
        return send_from_directory(self.static_folder, filename, max_age=self.get_send_file_max_age(filename))


def _join(root_path: str, folder: Path) -> str:
    return os.path.join(root_path, os.fspath(folder).rstrip("/\\") or os.fspath(folder))


def _url_path(folder: str) -> str:
    """Return `/` and the last part of a path; nothing for one that ends in a slash, as the module's own folder does."""
    return f"/{os.path.basename(folder)}".rstrip("/")

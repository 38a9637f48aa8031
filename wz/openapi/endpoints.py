"""OpenAPI: the endpoints that serve the document, and the page that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path

import msgspec
from markupsafe import escape
from werkzeug.exceptions import NotFound
from werkzeug.utils import send_file
from werkzeug.wrappers import Response as WerkzeugResponse

from ..app import App
from ..http import Request, Response
from .document import Document
from .operations import operation
from .schema import DECIMAL_OUT, JSON

_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_ASSETS_MISSING = (
    "this page needs the package with Swagger UI: pip install swagger-ui-bundle-v2. The document itself is at {}"
)
# Only what this server sends, nothing inline; Swagger UI's icons are data: URLs.
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """\
<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content="width=device-width">
<title>{title}</title>
<link rel=icon href="{base}/favicon-32x32.png">
<link rel=stylesheet href="{base}/swagger-ui.css">
<div id=docs data-document="{document}"></div>
<script src="{base}/swagger-ui-bundle.js"></script>
<script src="{base}/start.js"></script>
"""
_START = """\
const element = document.getElementById("docs");
SwaggerUIBundle({url: element.dataset.document, domNode: element, deepLinking: true, validatorUrl: null});
"""


class OpenAPI:
    """Serves the document at `url` and the page at `docs_url`, unless that is None; neither needs a token.

    `security_schemes` are the specification's Security Scheme Objects by name, `responses` the problems that any
    operation may answer, `unsafe_responses` those that only a method may that changes something, `decimal` the schema
    of a Decimal in an answer. The endpoints are `openapi`, `openapi_docs` and `openapi_asset`.
    """

    def __init__(
        self,
        app: App,
        *,
        title: str,
        version: str = "",
        description: str = "",
        url: str = "/openapi.json",
        docs_url: str | None = "/docs",
        responses: Mapping[int, str] | None = None,
        unsafe_responses: Mapping[int, str] | None = None,
        security_schemes: Mapping[str, JSON] | None = None,
        decimal: JSON = DECIMAL_OUT,
    ) -> None:
        self.app = app
        self.info = {"title": title, "version": version} | ({"description": description} if description else {})
        self.responses = dict(responses or {})
        self.unsafe_responses = dict(unsafe_responses or {})
        self.security_schemes = dict(security_schemes or {})
        self.decimal = decimal
        app.extensions["openapi"] = self
        app.add_url_rule(url, "openapi", self.serve_document)
        if docs_url is not None:
            app.add_url_rule(docs_url, "openapi_docs", self.serve_docs)
            if not docs_url.endswith("/"):  # as people may write it
                app.add_url_rule(f"{docs_url}/", "openapi_docs_slash", self.serve_docs)
            names = ", ".join(f"'{name}'" for name in (*_ASSETS, "start.js"))
            app.add_url_rule(f"{docs_url.rstrip('/')}/<any({names}):name>", "openapi_asset", self.serve_asset)

    @cached_property
    def document(self) -> JSON:
        """The OpenAPI document. Raises TypeError for a return annotation that can't be read."""
        return Document(self.app, self.responses, self.unsafe_responses, self.decimal).build(
            self.info, self.security_schemes
        )

    @cached_property
    def _encoded(self) -> bytes:
        return msgspec.json.encode(self.document)

    @operation(hidden=True)
    def serve_document(self, request: Request) -> WerkzeugResponse:
        """Answer with the document, or 304 if the client has it already."""
        response = Response(self._encoded, mimetype="application/json")
        response.cache_control.no_cache = True  # keep it, but ask: it changes with the next release
        response.add_etag()
        return response.make_conditional(request)

    @operation(hidden=True)
    def serve_docs(self, request: Request) -> WerkzeugResponse:
        """Answer with the page, which loads everything from this server; 404 if Swagger UI is not installed."""
        self._assets()
        base = self.app.url_for("openapi_docs").rstrip("/")
        document = self.app.url_for("openapi")
        page = _PAGE.format(title=escape(self.info["title"]), base=escape(base), document=escape(document))
        return Response(page, headers={"Content-Security-Policy": _CSP, "X-Content-Type-Options": "nosniff"})

    @operation(hidden=True)
    def serve_asset(self, request: Request, name: str) -> WerkzeugResponse:
        """Answer with one of the page's own files, to be kept for an hour."""
        if name == "start.js":
            return Response(_START, mimetype="text/javascript")
        return send_file(self._assets() / name, request.environ, max_age=3600, response_class=Response)

    def _assets(self) -> Path:
        """The folder of Swagger UI's files. A service without them serves all but this page."""
        try:
            return Path(import_module("swagger_ui_bundle").swagger_ui_path)
        except ImportError:
            raise NotFound(_ASSETS_MISSING.format(self.app.url_for("openapi"))) from None

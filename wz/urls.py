"""Building of URLs, the reverse of matching: from an endpoint and values to the URL that leads there."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from werkzeug.routing import BuildError, MapAdapter

from .base import BaseApp
from .context import current_request

_FRAGMENT = "%!#$&'()*+,/:;=?@"  # characters that a fragment may have unescaped: RFC 3986, section 3.5


class URLBuilding(BaseApp):
    """An app's URLs, built from its rules, its settings and the current request."""

    def url_for(
        self,
        endpoint: str = "",
        /,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: Any,
    ) -> str:
        """Build the URL of an endpoint; `.name` is one of the current request's blueprint.

        Values may have any name, also `self`, and `endpoint` if the endpoint itself is not given by keyword.
        Values that the rule has no place for become the query string. Outside of a request the URL is external if
        there is a `SERVER_NAME`, otherwise a path. Raises `werkzeug.routing.BuildError`, which suggests the nearest
        endpoint, unless one of `url_build_error_handlers` returns a URL.
        """
        if not endpoint and not (endpoint := values.pop("endpoint", "")):
            raise TypeError("url_for() needs an endpoint")
        request = current_request()
        if request is not None and request.app is self:
            adapter = request.url_adapter
            if endpoint.startswith("."):
                endpoint = f"{request.blueprint}{endpoint}" if request.blueprint else endpoint[1:]
            external = _scheme is not None if _external is None else _external
        else:
            server_name = self.config["SERVER_NAME"]
            external = bool(server_name or _scheme) if _external is None else _external
            if external and not server_name:
                raise RuntimeError("an external URL outside of a request needs config['SERVER_NAME']")
            adapter = self.adapter_of_settings()
        if _scheme is not None and not external:
            raise ValueError("a URL with a _scheme is external: leave _external=False out")
        self.inject_url_defaults(endpoint, values)
        try:
            url = adapter.build(endpoint, values, method=_method, url_scheme=_scheme, force_external=external)
        except BuildError as exc:
            values |= {"_anchor": _anchor, "_method": _method, "_scheme": _scheme, "_external": external}
            return self.handle_url_build_error(exc, endpoint, values)
        return url if _anchor is None else f"{url}#{quote(_anchor, safe=_FRAGMENT)}"

    def handle_url_build_error(self, error: BuildError, endpoint: str, values: dict[str, Any]) -> str:
        """Return the first URL that one of `url_build_error_handlers` knows, or raise the last of their errors.

        Each is called with the error, the endpoint and the values, `_anchor` and the others of `url_for` among them.
        """
        for handler in self.url_build_error_handlers:
            try:
                url = handler(error, endpoint, values)
            except BuildError as exc:
                error = exc  # another handler may know the URL
            else:
                if url is not None:
                    return url
        if error.endpoint == "static":
            error.add_note('The app serves no files: App(__name__, static_folder="static"), or wz.static.Static(app).')
        raise error

    def adapter_of_settings(self) -> MapAdapter:
        """Return Map's adapter for URLs outside of a request, at SERVER_NAME or else at localhost."""
        return self.url_map.bind(
            self.config["SERVER_NAME"] or "localhost",
            script_name=self.config["APPLICATION_ROOT"],
            url_scheme=self.config["PREFERRED_URL_SCHEME"],
        )

    def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
        """Add to the values of a URL what the hooks of `url_defaults` have for its endpoint."""
        route = self.endpoints.get(endpoint)
        for scope in (self.scope,) if route is None else route.scopes:
            for hook in scope.default_hooks:
                hook(endpoint, values)

"""What keeps other sites' pages from acting in a user's name (CSRF) and injected markup from doing anything.

Three walls, each enough for a browser of today: the session cookie is SameSite=Lax, so that a form on another site is
sent without it; whatever changes something is a POST, logging out, too; and a POST that says it comes from another
site is refused, which protects the login form as well. There is no token in the forms.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from wz import App, Request, abort

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def refuse_other_sites(request: Request) -> None:
    if request.method not in ("GET", "HEAD", "OPTIONS") and is_from_another_site(request):
        abort(403, "This form was sent from another site.")


def is_from_another_site(request: Request) -> bool:
    """Ask Sec-Fetch-Site, which browsers send over https and to localhost, or else Origin.

    A client that sends neither is no browser, and cannot be made to send another's cookie. Behind a proxy Host must
    be the one that the browser asked for.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host


def add_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def init_app(app: App) -> None:
    app.before_request(refuse_other_sites)
    app.after_request(add_headers)

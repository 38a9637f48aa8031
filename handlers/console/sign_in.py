"""Signing in, by a link with a code that works once or by a secret in a form, and signing out."""

from __future__ import annotations

import re

import msgspec
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.connection_string import ConnectionString, InvalidConnectionString
from pipeline.console.sessions import SESSION_SECONDS, take_code
from pipeline.hub.sas import InvalidSignature, MalformedToken, Token, Unauthorized, sign
from pipeline.store.clock import machine_time
from wz import Request, Response
from wz.helpers import redirect

from .. import sessions
from ..services import services
from .access import Access
from .frame import MAX_TARGET, Pages, page

blueprint = Pages("console_sign_in", "/console")

#: Bytes of the form: a secret, and the page to go to.
MAX_FORM = 16 * 1024

#: A path on this host. Browsers read `//host` and `/\host` as the address of another one, and drop spaces and tabs.
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")

_USED = "This link was used already, or is older than an hour. `wz console` prints another one."
_WRONG_KEY = "The signature is wrong: there is no such rule, or this is neither of its two keys. Was it rotated?"


class SignInQuery(msgspec.Struct):
    code: str = ""
    next: str = "/"


@blueprint.get("/sign-in")
def sign_in(request: Request, query: SignInQuery) -> WerkzeugResponse:
    """Show the form; with a code, which then is used up, go on to the page `next`."""
    if not query.code or request.method == "HEAD":  # to look where a link leads is no use of it
        return _form(request, query.next)
    token = take_code(services(request).redis, query.code)
    if token is None:
        return _form(request, query.next, 410, _USED)
    return _enter(request, token, query.next)


@blueprint.post("/sign-in")
def take_secret(request: Request) -> WerkzeugResponse:
    """Sign in with a connection string or a SAS token."""
    request.max_content_length = MAX_FORM
    target = request.form.get("next", "/")
    try:
        token = _token(request, request.form.get("secret", "").strip())
        return _enter(request, token, target)
    except (InvalidConnectionString, MalformedToken) as exc:
        return _form(request, target, 422, f"This can't be read: {exc}.")
    except InvalidSignature:
        return _form(request, target, 403, _WRONG_KEY)
    except Unauthorized as exc:
        return _form(request, target, 403, f"This signs nobody in: {exc}.")


@blueprint.post("/sign-out")
def sign_out(request: Request) -> WerkzeugResponse:
    """End the session."""
    sessions.sign_out(request)
    return redirect(request.app.url_for("console_sign_in.sign_in"), 303)


def _token(request: Request, secret: str) -> str:
    """Return the token that a text is, or one made with the key of the connection string that it is."""
    if secret.lower().startswith("endpoint"):
        found = ConnectionString.parse(secret)
        if found.signature:
            return found.signature
        expiry = int(machine_time()) + SESSION_SECONDS
        return sign(f"https://{services(request).host}/{found.hub or ''}", found.key_name, found.key, expiry)
    if not secret:
        raise MalformedToken("there is nothing in the field")
    return re.sub("^authorization: *", "", secret, flags=re.IGNORECASE)  # `wz token --header` prints it


def _enter(request: Request, token: str, target: str) -> WerkzeugResponse:
    """Begin a session, if a token is good for anything here. Raises a leaf of `Unauthorized` otherwise."""
    _ = Access(request, Token.parse(token)).rule
    sessions.sign_in(request, token)
    return redirect(target if len(target) <= MAX_TARGET and _OWN_PATH.fullmatch(target) else "/", 303)


def _form(request: Request, target: str, status: int = 200, wrong: str = "") -> Response:
    return page(request, "sign_in.html", status, target=target, wrong=wrong)

"""Rules, of the namespace and of a hub: made, limited, rotated, deleted. A key is shown once, when it is made."""

from __future__ import annotations

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.errors import InvalidValue
from pipeline.hub.rules import Right, Rule, RuleExists, UnknownRule, rights_of
from pipeline.units import byte_count
from wz import Problem, Request, Response
from wz.helpers import redirect

from ...services import services
from ..access import access
from ..confirm import confirm
from ..forms import Form, whole_number
from ..frame import Pages, page

blueprint = Pages("console_rules", "/console")

#: The limits of a rule, by the names that the domain gives them.
_FIELDS = {"events_per_second": "events", "bytes_per_second": "bytes"}


@blueprint.get("/rules")
@blueprint.get("/hubs/<hub>/rules")
def rules(request: Request, hub: str | None = None) -> Response:
    """List the rules of the namespace, or of a hub."""
    _need(request, hub)
    return _rules(request, hub, Form())


@blueprint.post("/rules")
@blueprint.post("/hubs/<hub>/rules")
def add(request: Request, hub: str | None = None) -> Response:
    """Make a rule, and show its keys: they are in this answer alone, so it is no redirect."""
    _need(request, hub)
    form, found = Form.of(request), services(request).rules
    rights = frozenset(right for right in Right if form[right])
    if not rights:
        form.wrong("choose what tokens of the rule may do", "rights")
    limits = _limits(form)
    if form:
        try:
            made = found.add(form["name"], rights_of(rights), _stored(request, hub), None, **limits)
            return _rules(request, hub, Form(), 201, made=made, keys=("primary", "secondary"))
        except InvalidValue as exc:
            form.wrong(str(exc), _FIELDS.get(exc.field or "", exc.field or ""))
        except RuleExists:
            form.wrong(f"there is a rule {form['name']!r} already", "name")
    return _rules(request, hub, form, 422)


@blueprint.post("/rules/<name>/rotate")
@blueprint.post("/hubs/<hub>/rules/<name>/rotate")
def rotate(request: Request, name: str, hub: str | None = None) -> Response:
    """Replace one of a rule's two keys, and show the new one."""
    _need(request, hub)
    which = Form.of(request)["key"]
    if which not in ("primary", "secondary"):
        raise Problem(422, "key must be primary or secondary", field="key")
    try:
        made = services(request).rules.rotate(name, which, _stored(request, hub))  # type: ignore[arg-type]
    except (InvalidValue, UnknownRule) as exc:
        raise Problem(422 if isinstance(exc, InvalidValue) else 404, f"{exc}.") from exc
    return _rules(request, hub, Form(), made=made, keys=(which,))


@blueprint.post("/rules/limits")
@blueprint.post("/hubs/<hub>/rules/limits")
def limit(request: Request, hub: str | None = None) -> WerkzeugResponse:
    """Change how much the tokens of a rule may send; an empty field stays as it is."""
    _need(request, hub)
    form = Form.of(request)
    limits = _limits(form)
    if form:
        try:
            services(request).rules.change(form["rule"], _stored(request, hub), None, **limits)
            return redirect(_address(request, hub), 303)
        except InvalidValue as exc:
            form.wrong(str(exc), _FIELDS.get(exc.field or "", ""))
        except UnknownRule as exc:
            raise Problem(404, f"{exc}.") from exc
    return _rules(request, hub, Form(), 422, limits=form)


@blueprint.get("/rules/<name>/delete")
@blueprint.get("/hubs/<hub>/rules/<name>/delete")
def ask_to_delete(request: Request, name: str, hub: str | None = None) -> Response:
    """Ask before a rule is deleted."""
    _need(request, hub)
    if (found := _find(request, name, hub)) is None:
        raise Problem(404, f"There is no rule {name!r} here.")
    rights = ", ".join(sorted(found.rights))
    lost = f"Every token that was made with its keys is refused from now on ({rights}). Its keys don't come back."
    return confirm(request, f"Delete the rule {name}?", [lost], f"Delete {name}", (_address(request, hub), "Rules"))


@blueprint.post("/rules/<name>/delete")
@blueprint.post("/hubs/<hub>/rules/<name>/delete")
def delete(request: Request, name: str, hub: str | None = None) -> WerkzeugResponse:
    """Delete a rule."""
    _need(request, hub)
    try:
        services(request).rules.remove(name, _stored(request, hub))
    except UnknownRule as exc:
        raise Problem(404, f"{exc}.") from exc
    return redirect(_address(request, hub), 303)


def _limits(form: Form) -> dict[str, int]:
    """Return the limits that were typed, for `Rules.add` and `Rules.change`."""
    found = {"events_per_second": form.read("events", whole_number), "bytes_per_second": form.read("bytes", byte_count)}
    return {field: number for field, number in found.items() if number is not None}


def _need(request: Request, hub: str | None) -> None:
    """Raise unless one may manage the hub, or the namespace."""
    if hub is None:
        access(request).need(Right.MANAGE)
    else:
        access(request).need(Right.MANAGE, hub, hub=True)


def _stored(request: Request, hub: str | None) -> str | None:
    """Return the hub's name as its rules have it. Raises `UnknownHub`."""
    return None if hub is None else services(request).hubs[hub].name


def _find(request: Request, name: str, hub: str | None) -> Rule | None:
    its_hub = _stored(request, hub)
    return next((rule for rule in services(request).rules.of(its_hub) if rule.name == name), None)


def _address(request: Request, hub: str | None) -> str:
    return request.app.url_for("console_rules.rules", hub=hub)


def _rules(
    request: Request,
    hub: str | None,
    form: Form,
    status: int = 200,
    made: Rule | None = None,
    keys: tuple[str, ...] = (),
    limits: Form | None = None,
) -> Response:
    """Return the list; with a rule that was made or changed just now, these of its keys are shown.

    `limits` is the form of limits that could not be set.
    """
    found, its_hub = services(request), _stored(request, hub)
    its = found.rules.of(its_hub)
    shown = [(which, getattr(made, which)) for which in keys]
    return page(
        request,
        "rules.html",
        status,
        hub=its_hub,
        rules=its,
        rights=list(Right),
        form=form,
        limits=Form() if limits is None else limits,
        limited=[rule.name for rule in its if rule.hub or rule.name != found.rules.root.name],
        made=made,
        keys=shown,
        host=found.host,
        root=found.rules.root.name,
        here=_address(request, hub),
    )

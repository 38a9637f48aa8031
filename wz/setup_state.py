"""What a blueprint's recorded functions are called with, at each of its registrations.

    @blueprint.record_once
    def configure(state):
        state.app.config.setdefault("SHOP_CURRENCY", "EUR")
        state.add_url_rule("/late", view_func=late)         # below the blueprint's prefix

It also knows how the blueprint's own routes and those of the blueprints in it become the app's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .app import App
from .blueprints import Blueprint
from .routing import Router, RuleSpec


class BlueprintSetupState:
    """One registration of a blueprint, with its `options`, as the functions that were recorded see it."""

    def __init__(
        self, blueprint: Blueprint, app: App, options: Mapping[str, Any], first_registration: bool = False
    ) -> None:
        """`first_registration` is whether this app has not had the blueprint before, under any name."""
        self.blueprint = blueprint
        self.app = app
        self.options = options
        self.first_registration = first_registration
        self.name: str = options.get("name") or blueprint.name
        self.name_prefix: str = options.get("name_prefix", "")
        self.url_prefix: str | None = _given(options, "url_prefix", blueprint.url_prefix)
        self.subdomain: str | None = _given(options, "subdomain", blueprint.subdomain)
        self.url_defaults: dict[str, Any] = {**blueprint.url_values_defaults, **(options.get("url_defaults") or {})}

    @property
    def full_name(self) -> str:
        """The name with those of the blueprints around it in front, such as `shop.cart`."""
        return self.name_prefix + self.name

    @property
    def scopes(self) -> tuple[Router, ...]:
        """The routers around the routes, the app first and the blueprint last."""
        around = self.name_prefix.split(".")
        names = (".".join(around[:depth]) for depth in range(1, len(around)))
        return (self.app, *(self.app.blueprints[name] for name in names), self.blueprint)

    def add_url_rule(self, rule: str, endpoint: str | None = None, view_func: Any = None, **options: Any) -> None:
        """Add a route to the app as the blueprint does: with its prefix, its name and its values."""
        one = Blueprint(self.blueprint.name)
        one.add_url_rule(rule, endpoint, view_func, **options)
        self.add_rule(*one.rules)

    def add_rule(self, spec: RuleSpec) -> None:
        """Add a rule of the blueprint to the app."""
        options = {"subdomain": self.subdomain, **spec.options}
        options["defaults"] = {**self.url_defaults, **(options.get("defaults") or {})} or None
        rule, endpoint = _join(self.url_prefix, spec.rule), f"{self.full_name}.{spec.endpoint}"
        self.app.add_rule(replace(spec, rule=rule, endpoint=endpoint, options=options), self.scopes)

    def around(self, child: Blueprint, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a blueprint in this one that depend on this one."""
        subdomains = (_given(options, "subdomain", child.subdomain), self.subdomain)
        return {
            "name_prefix": f"{self.full_name}.",
            "url_prefix": _join(self.url_prefix, _given(options, "url_prefix", child.url_prefix)),
            "subdomain": ".".join(filter(None, subdomains)) or None,
        }


def _given(options: Mapping[str, Any], name: str, default: Any) -> Any:
    value = options.get(name)
    return default if value is None else value


def _join(prefix: str | None, rule: str | None) -> str:
    return f"{prefix.rstrip('/')}/{rule.lstrip('/')}" if prefix and rule else prefix or rule or ""

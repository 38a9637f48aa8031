"""An app's views, hooks and processors as Flask's dicts of lists: what is changed in them is changed in the app.

    app.view_functions["index"] = login_required(app.view_functions["index"])
    app.before_request_funcs[None].insert(0, begin)         # None is the app itself, a text one of its blueprints
    blueprint.after_request_funcs[None].append(end)         # in a blueprint, None is the blueprint

For programs that move over: the decorators are shorter, and a router's own lists are `before_hooks` and its like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence, ValuesView
from inspect import unwrap
from typing import Any, TypeVar, overload

from .aio import synchronous
from .base import BaseApp
from .blueprints import Blueprint
from .context import g
from .routing import Hooks, Router
from .typed import ViewFunction, with_request

#: The modules whose functions a router puts around hooks.
_WRAPPING = ("wz.aio", "wz.typed")

Hook = Callable[..., Any]
V = TypeVar("V")


class ViewFunctions(MutableMapping[str, ViewFunction]):
    """The views by endpoint; one that is set takes the place of the endpoint's view, for all its rules."""

    def __init__(self, app: BaseApp) -> None:
        self.app = app

    def __getitem__(self, endpoint: str) -> ViewFunction:
        view = self.app.endpoints[endpoint].view
        if view is None:
            raise KeyError(endpoint)
        return view

    def __setitem__(self, endpoint: str, view: ViewFunction) -> None:
        route = self.app.route_of(endpoint)
        route.view = None
        route.answer_with(view)

    def __delitem__(self, endpoint: str) -> None:
        raise TypeError(f"the view of {endpoint!r} can't be taken away while the endpoint has rules: set another one")

    def __iter__(self) -> Iterator[str]:
        return (name for name, route in self.app.endpoints.items() if route.view is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {dict(self)}>"


class HookList(MutableSequence[Hook]):
    """A router's hooks of one kind as the program wrote them. What is added is of the usual phase: see `wz.routing`."""

    def __init__(self, hooks: Hooks, wrap: Callable[[Hook], Hook]) -> None:
        """`wrap` makes a hook of a function, as the router's decorator does."""
        self.hooks = hooks
        self.wrap = wrap

    @overload
    def __getitem__(self, index: int) -> Hook: ...

    @overload
    def __getitem__(self, index: slice) -> list[Hook]: ...

    def __getitem__(self, index: int | slice) -> Hook | list[Hook]:
        return [*map(_as_added, self.hooks)][index]

    def __setitem__(self, index: Any, value: Any) -> None:
        hooks = [*self.hooks]
        hooks[index] = [*map(self.wrap, value)] if isinstance(index, slice) else self.wrap(value)
        self.hooks.replace(hooks)

    def __delitem__(self, index: int | slice) -> None:
        hooks = [*self.hooks]
        del hooks[index]
        self.hooks.replace(hooks)

    def __len__(self) -> int:
        return len(self.hooks)

    def insert(self, index: int, value: Hook) -> None:
        """Put a hook before the one at `index`, as far as their phases allow it."""
        self[index:index] = [value]


class ByScope(Mapping[str | None, V]):
    """What `find` returns for each router: under None the owner's, under their names those of an app's blueprints."""

    def __init__(self, owner: Router, find: Callable[[Router], V]) -> None:
        self.owner = owner
        self.find = find

    def __getitem__(self, name: str | None) -> V:
        return self.find(self._routers()[name])

    def __iter__(self) -> Iterator[str | None]:
        return iter(self._routers())

    def __len__(self) -> int:
        return len(self._routers())

    def setdefault(self, name: str | None, default: object = None) -> V:
        """Return the list of a scope, as of a dict that has all of them. Raises KeyError for an unknown blueprint."""
        return self[name]

    def _routers(self) -> dict[str | None, Router]:
        blueprints = self.owner.blueprints.items() if isinstance(self.owner, BaseApp) else ()
        return {None: self.owner, **dict(blueprints)}


class Registries(Router):
    """What an app and a blueprint have."""

    @property
    def before_request_funcs(self) -> ByScope[HookList]:
        """The hooks of `before_request`."""
        return ByScope(self, lambda router: HookList(router.before_hooks, with_request))

    @property
    def after_request_funcs(self) -> ByScope[HookList]:
        """The hooks of `after_request`, of which the last runs first."""
        return ByScope(self, lambda router: HookList(router.after_hooks, with_request))

    @property
    def teardown_request_funcs(self) -> ByScope[HookList]:
        """The hooks of `teardown_request`, of which the last runs first."""
        return ByScope(self, lambda router: HookList(router.teardown_hooks, synchronous))

    @property
    def url_value_preprocessors(self) -> ByScope[HookList]:
        """The hooks of `url_value_preprocessor`."""
        return ByScope(self, lambda router: HookList(router.value_hooks, synchronous))

    @property
    def url_default_functions(self) -> ByScope[HookList]:
        """The hooks of `url_defaults`."""
        return ByScope(self, lambda router: HookList(router.default_hooks, synchronous))

    @property
    def template_context_processors(self) -> ByScope[list[Hook]]:
        """The functions of `context_processor`; the app's first adds the request and `g`."""
        from .jinja import processors_of  # needs Jinja2, which the other names don't

        return ByScope(self, processors_of)


class AppRegistries(Registries, BaseApp):
    """What an app has besides."""

    @property
    def view_functions(self) -> ViewFunctions:
        """The views by endpoint."""
        return ViewFunctions(self)

    @property
    def teardown_appcontext_funcs(self) -> HookList:
        """The hooks of `teardown_appcontext`, of which the last runs first."""
        return HookList(self.appcontext_teardown_hooks, synchronous)

    @property
    def shell_context_processors(self) -> list[Hook]:
        """The functions of `shell_context_processor`."""
        processors: list[Hook] = self.extensions.setdefault("shell_context_processors", [])
        return processors

    def make_shell_context(self) -> dict[str, Any]:
        """Return the names that `wz shell` begins with: `app`, `g` and those of the processors."""
        names = {"app": self._app, "g": g}
        for processor in self.shell_context_processors:
            names |= processor()
        return names

    def iter_blueprints(self) -> ValuesView[Blueprint]:
        """Return the blueprints in the order in which they were registered, the nested ones among them."""
        return self.blueprints.values()


def _as_added(hook: Hook) -> Hook:
    """Return a hook without what the router has put around it, which calls it as its signature wants."""
    found: Hook = unwrap(hook, stop=lambda one: getattr(one, "__globals__", {}).get("__name__") not in _WRAPPING)
    return found

"""Jinja's environment of an app: where its templates are found and what they know. It needs the package Jinja2.

    @app.template_filter
    def backwards(text): return text[::-1]              # {{ name|backwards }}

    @blueprint.context_processor
    def cart(): return {"items": ...}                   # {{ items }}, in templates that its requests render

A template is looked for in the app's folder first, then in those of its blueprints (`template_folder`) in the order in
which they were registered, so that an app can replace a blueprint's page. Names that end in .html, .htm, .xml, .xhtml
or .svg are escaped, in any case of letters, and so are templates given as text.

Every template knows `url_for`, `get_flashed_messages`, `config`, `request`, `session` and `g`. They are proxies among
Jinja's globals: one that a template does not use costs nothing, and imported macros also see them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, ClassVar, TypeVar, overload
from weakref import WeakKeyDictionary

from werkzeug.local import LocalProxy

from .aio import synchronous
from .app import App
from .base import BaseApp
from .context import current, current_request, g, request
from .http import Request
from .routing import Router
from .setup import setupmethod
from .setup_state import BlueprintSetupState

try:
    import jinja2 as jinja2  # wz.templates takes it from here, where its absence is told
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError("wz.templates needs the package Jinja2: pip install jinja2", name=exc.name) from exc

F = TypeVar("F", bound=Callable[..., Any])
Processor = Callable[[], dict[str, Any]]
Source = tuple[str, str | None, Callable[[], bool] | None]

_ESCAPED = (".html", ".htm", ".xml", ".xhtml", ".svg")
_processors: WeakKeyDictionary[Router, list[Processor]] = WeakKeyDictionary()


class Environment(jinja2.Environment):
    """Jinja's environment, with the loader of an app unless it is given another."""

    def __init__(self, app: App, **options: Any) -> None:
        if "loader" not in options:
            options["loader"] = app.create_global_jinja_loader()
        super().__init__(**options)
        self.app = app


class Loader(jinja2.BaseLoader):
    """Asks the `jinja_loader` of an app, and then those of its blueprints, as they are when a template is loaded."""

    def __init__(self, app: App) -> None:
        self.app = app

    def loaders(self) -> Iterator[tuple[str, jinja2.BaseLoader]]:
        """Yield whose each loader is, and the loader."""
        if self.app.jinja_loader is not None:
            yield "the app's", self.app.jinja_loader
        for name, blueprint in self.app.blueprints.items():
            if blueprint.jinja_loader is not None:
                yield f"blueprint {name!r}", blueprint.jinja_loader

    def get_source(self, environment: jinja2.Environment, template: str) -> Source:
        """Return the first that is found. `EXPLAIN_TEMPLATE_LOADING` asks all, and logs what each has said."""
        if self.app.config["EXPLAIN_TEMPLATE_LOADING"]:
            from .debughelpers import explain_template_loading  # for a developer who looks for a template

            explain_template_loading(self, environment, template)
        for _, loader in self.loaders():
            try:
                return loader.get_source(environment, template)
            except jinja2.TemplateNotFound:
                continue
        raise jinja2.TemplateNotFound(template, f"there is no template {template!r}. {self.explain()}")

    def list_templates(self) -> list[str]:
        return sorted({name for _, loader in self.loaders() for name in loader.list_templates()})

    def explain(self) -> str:
        """Return a text that lists the folders, and the loaders that have none."""
        lines = ["Looked in:"]
        for owner, loader in self.loaders():
            if not isinstance(loader, jinja2.FileSystemLoader):
                lines.append(f"  {type(loader).__name__} ({owner})")
                continue
            for folder in loader.searchpath:
                lines.append(f"  {folder} ({owner}{'' if os.path.isdir(folder) else '; there is no such folder'})")
        return "\n".join(lines)


class Decorator:
    """A decorator that is written with parentheses, with a name in them, or without."""

    def __init__(self, add: Callable[[Any, str | None], None]) -> None:
        self.add = add

    @overload
    def __call__(self, name: F) -> F: ...

    @overload
    def __call__(self, name: str | None = None) -> Callable[[F], F]: ...

    def __call__(self, name: Any = None) -> Any:
        if callable(name):
            return self(None)(name)

        def decorate(function: F) -> F:
            self.add(function, name)
            return function

        return decorate


class RouterTemplates(Router):
    """What an app and a blueprint have."""

    root_path: str
    template_folder: str | os.PathLike[str] | None

    @cached_property
    def jinja_loader(self) -> jinja2.BaseLoader | None:
        """The loader of this router's `template_folder`, which is below its `root_path`; None if it has none."""
        if self.template_folder is None:
            return None
        return jinja2.FileSystemLoader(os.path.join(self.root_path, self.template_folder))

    @setupmethod
    def context_processor(self, f: F) -> F:
        """Add the dict that `f()` returns to what templates are given.

        A blueprint's is called for templates that its requests render; an app's for all, also outside of a request.
        """
        processors_of(self).append(synchronous(f))
        return f


class AppTemplates(RouterTemplates, BaseApp):
    """What an app has: the environment, what it is made of, and what is added to it."""

    jinja_environment: ClassVar[Callable[..., jinja2.Environment]] = Environment
    jinja_options: dict[str, Any] = {}  # noqa: RUF012  # an app may have its own, and programs copy the class's

    @property
    def jinja_env(self) -> jinja2.Environment:
        """The environment, made when it is first asked for: `jinja_options` has no effect after that."""
        if "_jinja_env" not in self.__dict__:
            self._app.jinja_env = self._app.create_jinja_environment()
        env: jinja2.Environment = self.__dict__["_jinja_env"]
        return env

    @jinja_env.setter
    def jinja_env(self, env: jinja2.Environment) -> None:
        self.__dict__.update(_jinja_env=env, _reloads=reloads(self._app))

    def create_jinja_environment(self) -> jinja2.Environment:
        """Make the environment of `jinja_options` and the methods below, and put what templates know into it."""
        app = self._app
        options = {"autoescape": app.select_jinja_autoescape, "auto_reload": reloads(app), **app.jinja_options}
        env = app.jinja_environment(app, **options)
        env.policies["json.dumps_function"] = lambda value, **how: app.json.dumps(value, **how)
        env.policies["json.dumps_kwargs"] = {}  # Jinja's own would sort the keys
        env.globals.update(
            config=app.config,
            g=g,
            get_flashed_messages=_get_flashed_messages,
            request=request,
            session=LocalProxy(_session),
            url_for=app.url_for,
        )
        return env

    def create_global_jinja_loader(self) -> jinja2.BaseLoader:
        """Return the loader of the app's templates and its blueprints'."""
        return Loader(self._app)

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        """Say whether the values in a template are escaped; a template given as text has no name."""
        return filename is None or filename.lower().endswith(_ESCAPED)

    def update_template_context(self, context: dict[str, Any]) -> None:
        """Add what the context processors say: the inner blueprint's wins over the app's, the context over both."""
        answered = current_request()
        names = () if answered is None else reversed(answered.blueprints)
        added: dict[str, Any] = {}
        for router in (self, *(self.blueprints[name] for name in names if name in self.blueprints)):
            for processor in processors_of(router):
                added |= processor()
        context |= added | context

    @property
    def template_filter(self) -> Decorator:
        """Make a function a filter, `{{ value|name }}`, under its own name unless another is given."""
        return Decorator(self._app.add_template_filter)

    @property
    def template_test(self) -> Decorator:
        """Make a function a test, `{% if value is name %}`."""
        return Decorator(self._app.add_template_test)

    @property
    def template_global(self) -> Decorator:
        """Make a function one that every template may call."""
        return Decorator(self._app.add_template_global)

    @setupmethod
    def add_template_filter(self, f: Callable[..., Any], name: str | None = None) -> None:
        """`template_filter` for a function that is not decorated."""
        self._app.jinja_env.filters[name or f.__name__] = f

    @setupmethod
    def add_template_test(self, f: Callable[..., Any], name: str | None = None) -> None:
        """`template_test` for a function that is not decorated."""
        self._app.jinja_env.tests[name or f.__name__] = f

    @setupmethod
    def add_template_global(self, f: Callable[..., Any], name: str | None = None) -> None:
        """`template_global` for a function that is not decorated."""
        self._app.jinja_env.globals[name or f.__name__] = f


class BlueprintTemplates(RouterTemplates):
    """What a blueprint has: it gives its functions to the app's environment when it is registered."""

    def record_once(self, function: Callable[[BlueprintSetupState], Any]) -> None:
        """`Blueprint.record_once`: a blueprint is one of these, to the type checker."""
        raise NotImplementedError

    @setupmethod
    def app_context_processor(self, f: F) -> F:
        """`context_processor` of the app: for templates of all requests."""
        self.record_once(lambda state: state.app.context_processor(f))
        return f

    @property
    def app_template_filter(self) -> Decorator:
        """`template_filter` of the app: filters belong to all templates."""
        return Decorator(self.add_app_template_filter)

    @property
    def app_template_test(self) -> Decorator:
        """`template_test` of the app."""
        return Decorator(self.add_app_template_test)

    @property
    def app_template_global(self) -> Decorator:
        """`template_global` of the app."""
        return Decorator(self.add_app_template_global)

    @setupmethod
    def add_app_template_filter(self, f: Callable[..., Any], name: str | None = None) -> None:
        """`add_template_filter` of the app."""
        self.record_once(lambda state: state.app.add_template_filter(f, name))

    @setupmethod
    def add_app_template_test(self, f: Callable[..., Any], name: str | None = None) -> None:
        """`add_template_test` of the app."""
        self.record_once(lambda state: state.app.add_template_test(f, name))

    @setupmethod
    def add_app_template_global(self, f: Callable[..., Any], name: str | None = None) -> None:
        """`add_template_global` of the app."""
        self.record_once(lambda state: state.app.add_template_global(f, name))


def reloads(app: App) -> bool:
    """Say whether the settings ask for changed files to be read again."""
    setting = app.config["TEMPLATES_AUTO_RELOAD"]
    return bool(app.debug if setting is None else setting)


def follow_settings(app: App) -> None:
    """Let the environment read changed files again, or no more, if the settings say another thing than they did."""
    env, wanted = app.jinja_env, reloads(app)
    if wanted != app.__dict__["_reloads"]:  # or else the program may have set the environment's own
        env.auto_reload = app.__dict__["_reloads"] = wanted


def processors_of(router: Router) -> list[Processor]:
    """Return the list of a router's context processors, to which may be added."""
    return _processors.setdefault(router, [_request_and_g] if isinstance(router, BaseApp) else [])


def _request_and_g() -> dict[str, Any]:
    """Be the first of an app's processors: what receives a context of a template finds both in it."""
    found = current.get(None)
    if found is None:
        return {}
    return {"g": found.g, "request": found} if isinstance(found, Request) else {"g": found.g}


def _get_flashed_messages(*args: Any, **kwargs: Any) -> Any:
    from .flashing import get_flashed_messages  # for a template that uses it: wz.sessions needs itsdangerous

    return get_flashed_messages(*args, **kwargs)


def _session() -> Any:
    from .sessions import current_session  # as above

    return current_session()

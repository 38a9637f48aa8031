"""Jinja templates, with Flask's names and meaning. It needs the package Jinja2.

    templates = Templates(app)            # templates/ beside the app's module

    @app.get("/")
    def index() -> str:
        return render_template("index.html", title="Hello")

Every template knows `url_for`, `get_flashed_messages`, `config`, `request`, `session` and `g`. They are proxies among
Jinja's globals: one that a template does not use costs nothing, and imported macros also see them.

A template is looked for in the app's folder first, then in those of its blueprints (`template_folder`) in the order in
which they were registered, so that an app can replace a blueprint's page. Names that end in .html, .htm, .xml, .xhtml
or .svg are escaped, in any case of letters, and so are templates given as text.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from werkzeug.local import LocalProxy

from .aio import synchronous
from .app import App
from .context import current_app, current_request, g, request
from .routing import Router, Scope
from .streaming import stream_with_context

try:
    import jinja2
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError("wz.templates needs the package Jinja2: pip install jinja2", name=exc.name) from exc

F = TypeVar("F", bound=Callable[..., Any])
Processor = Callable[[], dict[str, Any]]
Name = str | jinja2.Template | list[str | jinja2.Template]

EXTENSION = "templates"  # the key in `app.extensions`

_ESCAPED = ("html", "htm", "xml", "xhtml", "svg")
_processors: WeakKeyDictionary[Scope, list[Processor]] = WeakKeyDictionary()


class Templates:
    """An app's templates. `options` are those of `jinja2.Environment`; the environment itself is `jinja_env`.

    A file that changes is read again if `TEMPLATES_AUTO_RELOAD` says so, or, while that is None, in debug mode.
    """

    def __init__(self, app: App, folder: str | os.PathLike[str] = "templates", **options: Any) -> None:
        self.app = app
        self.folder = os.path.join(app.root_path, folder)
        self.jinja_env = jinja2.Environment(
            **{"loader": Loader(self), "autoescape": jinja2.select_autoescape(_ESCAPED), **options}
        )
        self.jinja_env.policies["json.dumps_function"] = lambda value, **options: app.json.dumps(value, **options)
        self.jinja_env.policies["json.dumps_kwargs"] = {}  # Jinja's own would sort the keys
        self.jinja_env.globals.update(
            config=app.config,
            g=g,
            get_flashed_messages=_get_flashed_messages,
            request=request,
            session=LocalProxy(_session),
            url_for=app.url_for,
        )
        app.extensions[EXTENSION] = self

    def folders(self) -> Iterator[tuple[str, str]]:
        """Yield where templates are looked for: the folder and whose it is."""
        yield self.folder, "the app's"
        for name, blueprint in self.app.blueprints.items():
            folder = getattr(blueprint, "template_folder", None)
            if folder is not None:
                yield os.path.join(blueprint.root_path, folder), f"blueprint {name!r}"

    def find(self, name: Name) -> jinja2.Template:
        """Return a template, or the first of several names that exists. Raises `jinja2.TemplateNotFound`."""
        config = self.app.config
        reload = config.get("TEMPLATES_AUTO_RELOAD")
        self.jinja_env.auto_reload = bool(config["DEBUG"] if reload is None else reload)
        try:
            return self.jinja_env.get_or_select_template(name)
        except jinja2.TemplatesNotFound as exc:
            raise jinja2.TemplatesNotFound(
                [str(n) for n in exc.templates], f"{exc.message}\n{self.explain()}"
            ) from None

    def compile(self, pause: float = 0.0) -> None:
        """Compile all templates, some 5 ms each, so that no page has to wait for it.

        For a thread of its own when a process starts: after each template it sleeps for `pause` times as long as that
        one took, so that the threads that answer requests get on. Raises `jinja2.TemplateSyntaxError`.
        """
        for name in self.jinja_env.list_templates():
            begun = time.thread_time()
            self.find(name)
            time.sleep(pause * (time.thread_time() - begun))

    def explain(self) -> str:
        """Return a text that lists the folders."""
        lines = ["Looked in:"]
        for folder, owner in self.folders():
            lines.append(f"  {folder} ({owner}{'' if os.path.isdir(folder) else '; there is no such folder'})")
        return "\n".join(lines)

    def render(self, template: jinja2.Template, context: dict[str, Any]) -> str:
        """Return the text of a template for this context and what the context processors add to it."""
        context = self.prepare(template, context)
        text = template.render(context)
        self.rendered(template, context)
        return text

    def stream(self, template: jinja2.Template, context: dict[str, Any]) -> Iterator[str]:
        """Yield the text in pieces, with the current request, if there is one, kept until the end."""
        context = self.prepare(template, context)

        def generate() -> Iterator[str]:
            yield from template.generate(context)
            self.rendered(template, context)

        pieces: Iterator[str] = generate() if current_request() is None else stream_with_context(generate())
        return pieces

    def prepare(self, template: jinja2.Template, context: dict[str, Any]) -> dict[str, Any]:
        """Add what the context processors say: the inner blueprint's wins over the app's, the caller's over both."""
        current = current_request()
        scopes = (self.app.scope,) if current is None else current.route.scopes
        added: dict[str, Any] = {}
        for scope in scopes:
            for processor in _processors.get(scope, ()):
                added |= processor()
        context = added | context
        if signals := self.app.extensions.get("signals"):
            signals.before_render_template.send(self.app, template=template, context=context)
        return context

    def rendered(self, template: jinja2.Template, context: dict[str, Any]) -> None:
        """Send the signal `template_rendered`, if the app has signals; `context` is what the template was given."""
        if signals := self.app.extensions.get("signals"):
            signals.template_rendered.send(self.app, template=template, context=context)

    def context_processor(self, processor: F) -> F:
        """Add the dict that `processor()` returns to what every template is given; see also `context_processor`."""
        return context_processor(self.app)(processor)

    def template_filter(self, name: str | None = None) -> Callable[[F], F]:
        """Make a function a filter, `{{ value|name }}`, under its own name unless another is given."""
        return _add(self.jinja_env.filters, name)

    def template_test(self, name: str | None = None) -> Callable[[F], F]:
        """Make a function a test, `{% if value is name %}`."""
        return _add(self.jinja_env.tests, name)

    def template_global(self, name: str | None = None) -> Callable[[F], F]:
        """Make a function one that every template may call."""
        return _add(self.jinja_env.globals, name)


class Loader(jinja2.FileSystemLoader):
    """Jinja's loader, over folders that are known only when all blueprints are registered; its error lists them."""

    def __init__(self, templates: Templates) -> None:
        super().__init__([])
        self.templates = templates

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        self._update()
        try:
            return super().get_source(environment, template)
        except jinja2.TemplateNotFound:
            message = f"there is no template {template!r}. {self.templates.explain()}"
            raise jinja2.TemplateNotFound(template, message) from None

    def list_templates(self) -> list[str]:
        self._update()
        return super().list_templates()

    def _update(self) -> None:
        self.searchpath = [folder for folder, _ in self.templates.folders()]


def context_processor(router: Router) -> Callable[[F], F]:
    """Let an app's, or one blueprint's, requests add to what their templates are given.

    `@context_processor(shop)` above a function that takes nothing and returns a dict, which is called whenever one of
    the blueprint's requests renders a template. An app's are also called outside of a request.
    """

    def decorate(processor: F) -> F:
        _processors.setdefault(router.scope, []).append(synchronous(processor))
        return processor

    return decorate


def render_template(template_name_or_list: Name, /, **context: Any) -> str:
    """Render the template, or the first of several that exists. Raises `jinja2.TemplateNotFound`."""
    templates = _current()
    return templates.render(templates.find(template_name_or_list), context)


def render_template_string(source: str, /, **context: Any) -> str:
    """Render a template given as text. It is code: it must not be made from what a client sent."""
    templates = _current()
    return templates.render(templates.jinja_env.from_string(source), context)


def stream_template(template_name_or_list: Name, /, **context: Any) -> Iterator[str]:
    """Render in pieces, as an iterator that a view may return. An error halfway cuts the response short."""
    templates = _current()
    return templates.stream(templates.find(template_name_or_list), context)


def stream_template_string(source: str, /, **context: Any) -> Iterator[str]:
    """Render a template given as text in pieces, as `stream_template`. It is code, as in `render_template_string`."""
    templates = _current()
    return templates.stream(templates.jinja_env.from_string(source), context)


def get_template_attribute(template_name: str, attribute: str) -> Any:
    """Return what a template exports, such as a macro to be called from Python. Raises AttributeError."""
    return getattr(_current().find(template_name).module, attribute)


def _current() -> Templates:
    current = current_request()
    app = current_app if current is None else current.app
    templates: Templates | None = app.extensions.get(EXTENSION)
    if templates is None:
        raise RuntimeError(f"the app {app.import_name!r} has no templates: write Templates(app) where it is made")
    return templates


def _add(functions: Any, name: str | None) -> Callable[[F], F]:
    if callable(name):
        raise TypeError(f"write parentheses after the decorator of {name.__name__}(): @templates.template_filter()")

    def decorate(function: F) -> F:
        functions[name or function.__name__] = function
        return function

    return decorate


def _get_flashed_messages(*args: Any, **kwargs: Any) -> Any:
    from .flashing import get_flashed_messages  # for a template that uses it: wz.session needs itsdangerous

    return get_flashed_messages(*args, **kwargs)


def _session() -> Any:
    from .session import current_session  # as above

    return current_session()

"""Jinja templates, with Flask's names and meaning. It needs the package Jinja2.

    app = App(__name__)                                 # templates/ beside its module, or App(template_folder="pages")

    @app.get("/")
    def index() -> str:
        return render_template("index.html", title="Hello")

Where templates are found, and what they know, is in `wz/jinja.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .app import App
from .blueprints import Blueprint
from .context import current_app, current_request
from .jinja import Decorator, Loader, follow_settings, jinja2
from .streaming import stream_with_context

F = TypeVar("F", bound=Callable[..., Any])
Name = str | jinja2.Template | list[str | jinja2.Template]

EXTENSION = "templates"  # the key in `app.extensions`


class Templates:
    """An app's templates, made when the first is rendered, or by a program that has options for Jinja.

    `folder` is the app's `template_folder`; `options` are those of `jinja2.Environment`, the app's `jinja_options`. A
    file that changes is read again if `TEMPLATES_AUTO_RELOAD` says so, or, while that is None, in debug mode.
    """

    def __init__(self, app: App, folder: str | os.PathLike[str] | None = None, **options: Any) -> None:
        self.app = app
        if folder is not None:
            app.template_folder = folder
        if options:
            app.jinja_options = {**app.jinja_options, **options}
        app.extensions[EXTENSION] = self

    @property
    def jinja_env(self) -> jinja2.Environment:
        """The app's."""
        return self.app.jinja_env

    def find(self, name: Name) -> jinja2.Template:
        """Return a template, or the first of several names that exists. Raises `jinja2.TemplateNotFound`."""
        follow_settings(self.app)
        env = self.app.jinja_env
        try:
            return env.get_or_select_template(name)
        except jinja2.TemplatesNotFound as exc:
            places = f"\n{env.loader.explain()}" if isinstance(env.loader, Loader) else ""
            raise jinja2.TemplatesNotFound([str(n) for n in exc.templates], f"{exc.message}{places}") from None

    def compile(self, pause: float = 0.0) -> None:
        """Compile all templates, some 5 ms each, so that no page has to wait for it.

        For a thread of its own when a process starts: after each template it sleeps for `pause` times as long as that
        one took, so that the threads that answer requests get on. Raises `jinja2.TemplateSyntaxError`.
        """
        for name in self.jinja_env.list_templates():
            begun = time.thread_time()
            self.find(name)
            time.sleep(pause * (time.thread_time() - begun))

    def render(self, template: jinja2.Template, context: dict[str, Any]) -> str:
        """Return the text of a template for this context and what the context processors add to it."""
        self.prepare(template, context)
        text = template.render(context)
        self.rendered(template, context)
        return text

    def stream(self, template: jinja2.Template, context: dict[str, Any]) -> Iterator[str]:
        """Yield the text in pieces, with the current request, if there is one, kept until the end."""
        self.prepare(template, context)

        def generate() -> Iterator[str]:
            yield from template.generate(context)
            self.rendered(template, context)

        pieces: Iterator[str] = generate() if current_request() is None else stream_with_context(generate())
        return pieces

    def prepare(self, template: jinja2.Template, context: dict[str, Any]) -> None:
        """Add to the context what the context processors say, and send the signal `before_render_template`."""
        self.app.update_template_context(context)
        if signals := self.app.extensions.get("signals"):
            signals.before_render_template.send(self.app, template=template, context=context)

    def rendered(self, template: jinja2.Template, context: dict[str, Any]) -> None:
        """Send the signal `template_rendered`, if the app has signals; `context` is what the template was given."""
        if signals := self.app.extensions.get("signals"):
            signals.template_rendered.send(self.app, template=template, context=context)

    def context_processor(self, processor: F) -> F:
        """`context_processor` of the app."""
        return self.app.context_processor(processor)

    @property
    def template_filter(self) -> Decorator:
        """`template_filter` of the app."""
        return self.app.template_filter

    @property
    def template_test(self) -> Decorator:
        """`template_test` of the app."""
        return self.app.template_test

    @property
    def template_global(self) -> Decorator:
        """`template_global` of the app."""
        return self.app.template_global


def context_processor(router: App | Blueprint) -> Callable[[F], F]:
    """`context_processor` of an app or a blueprint, as a decorator that is given the router."""

    return router.context_processor


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
    app = current_app._get_current_object() if current is None else current.app  # type: ignore[attr-defined]
    templates: Templates | None = app.extensions.get(EXTENSION)
    return Templates(app) if templates is None else templates

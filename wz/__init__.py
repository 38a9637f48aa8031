"""A WSGI framework made from Werkzeug's own Request, Response and Map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .app import App
from .blueprints import Blueprint
from .config import Config
from .context import after_this_request, current_app, g, has_app_context, has_request_context, request, url_for
from .errors import Problem
from .helpers import abort, make_response, redirect
from .http import Request, Response
from .json import JSON, jsonify
from .lazy import name_of_package
from .streaming import copy_current_request_context, stream_with_context

if TYPE_CHECKING:
    from .flashing import flash as flash
    from .flashing import get_flashed_messages as get_flashed_messages
    from .sessions import session as session
    from .signals import appcontext_popped as appcontext_popped
    from .signals import appcontext_pushed as appcontext_pushed
    from .signals import appcontext_tearing_down as appcontext_tearing_down
    from .signals import before_render_template as before_render_template
    from .signals import got_request_exception as got_request_exception
    from .signals import message_flashed as message_flashed
    from .signals import request_finished as request_finished
    from .signals import request_started as request_started
    from .signals import request_tearing_down as request_tearing_down
    from .signals import template_rendered as template_rendered
    from .static import send_file as send_file
    from .static import send_from_directory as send_from_directory
    from .templates import get_template_attribute as get_template_attribute
    from .templates import render_template as render_template
    from .templates import render_template_string as render_template_string
    from .templates import stream_template as stream_template
    from .templates import stream_template_string as stream_template_string

__all__ = [
    "JSON",
    "App",
    "Blueprint",
    "Config",
    "Problem",
    "Request",
    "Response",
    "abort",
    "after_this_request",
    "copy_current_request_context",
    "current_app",
    "g",
    "has_app_context",
    "has_request_context",
    "jsonify",
    "make_response",
    "redirect",
    "request",
    "stream_with_context",
    "url_for",
]

if not TYPE_CHECKING:  # or the type checker would take any name

    def __getattr__(name: str) -> Any:
        """Return a name that is in an optional file, as `from wz import session` asks for it: see `wz.lazy.PACKAGE`."""
        value = globals()[name] = name_of_package(name)
        return value

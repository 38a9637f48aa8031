"""A WSGI framework made from Werkzeug's own Request, Response and Map."""

from .app import App
from .blueprints import Blueprint
from .context import after_this_request, current_app, g, has_app_context, has_request_context, request, url_for
from .errors import Problem
from .helpers import abort, make_response, redirect
from .http import Request, Response
from .json import JSON, jsonify
from .streaming import copy_current_request_context, stream_with_context

__all__ = [
    "JSON",
    "App",
    "Blueprint",
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

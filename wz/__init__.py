"""A WSGI framework made of Werkzeug's own Request, Response and Map."""

from werkzeug.exceptions import abort as abort

from .app import App as App
from .blueprints import Blueprint as Blueprint
from .context import after_this_request as after_this_request
from .context import current_app as current_app
from .context import g as g
from .context import has_app_context as has_app_context
from .context import has_request_context as has_request_context
from .context import request as request
from .context import url_for as url_for
from .errors import Problem as Problem
from .helpers import jsonify as jsonify
from .helpers import make_response as make_response
from .helpers import redirect as redirect
from .http import Request as Request
from .http import Response as Response
from .json import JSON as JSON
from .streaming import copy_current_request_context as copy_current_request_context
from .streaming import stream_with_context as stream_with_context

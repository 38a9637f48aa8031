"""What step 6 begins with: the functions of step 5 in a class, apart from any program."""

import json
import logging

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import Map, Rule


class App:
    def __init__(self, errors):
        self.errors = errors  # what HTTP calls what the domain raises
        self.url_map = Map()
        self.views = {}

    def route(self, rule, method):
        def register(view):
            self.views[view.__name__] = view
            self.url_map.add(Rule(rule, endpoint=view.__name__, methods=[method]))
            return view

        return register

    def __call__(self, environ, start_response):
        request = Request(environ)
        try:
            endpoint, values = self.url_map.bind_to_environ(environ).match()
            response = self.answer(self.views[endpoint](request, **values))
        except Exception as exc:
            response = self.problem(exc)
        return response(environ, start_response)

    def answer(self, value):
        value, status = value if isinstance(value, tuple) else (value, 200)
        return Response(json.dumps(value), status, mimetype="application/json")

    def problem(self, exc):
        if not isinstance(exc, HTTPException):
            errors = self.errors
            known = next((errors[cls] for cls in type(exc).__mro__ if cls in errors), None)
            if known is None:
                logging.getLogger("tour").error("a request failed", exc_info=exc)
            exc = known(str(exc)) if known else InternalServerError()
        response = exc.get_response()
        response.data = json.dumps(
            {"status": exc.code, "title": exc.name, "detail": exc.description}
        )
        response.content_type = "application/problem+json"
        return response

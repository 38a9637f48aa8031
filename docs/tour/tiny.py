"""The framework of the tour, from step 6 on: what stays the same when the program changes."""

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
        self.befores, self.afters, self.teardowns = [], [], []

    def route(self, rule, method):
        def register(view):
            self.views[view.__name__] = view
            self.url_map.add(Rule(rule, endpoint=view.__name__, methods=[method]))
            return view

        return register

    def before(self, hook):
        """Call `hook(request)` before the view; what it returns, if not None, is the answer."""
        self.befores.append(hook)
        return hook

    def after(self, hook):
        """Call `hook(request, response)` with every answer; it returns this response or another."""
        self.afters.append(hook)
        return hook

    def teardown(self, hook):
        """Call `hook(request, error)` whatever happened; `error` is a bug's exception, or None."""
        self.teardowns.append(hook)
        return hook

    def __call__(self, environ, start_response):
        return self.handle(Request(environ), start_response)

    def handle(self, request, start_response):
        error = None
        try:
            try:
                response = self.finalize(request, self.respond(request))
            except Exception as exc:
                problem = self.problem(exc)
                error = exc if problem.status_code == 500 else None
                response = self.finalize(request, problem)
            return response(request.environ, start_response)
        finally:
            for hook in reversed(self.teardowns):
                hook(request, error)

    def respond(self, request):
        self.match(request)
        value = self.preprocess(request)
        return self.dispatch(request) if value is None else value

    def match(self, request):
        """Find the endpoint. A failure waits for `dispatch`, so that hooks see every request."""
        request.endpoint = request.view_args = request.failure = None
        try:
            adapter = self.url_map.bind_to_environ(request.environ)
            request.endpoint, request.view_args = adapter.match()
        except HTTPException as exc:
            request.failure = exc

    def preprocess(self, request):
        for hook in self.befores:
            if (value := hook(request)) is not None:
                return value

    def dispatch(self, request):
        if request.failure is not None:
            raise request.failure
        return self.views[request.endpoint](request, **request.view_args)

    def finalize(self, request, value):
        response = value if callable(value) else self.answer(value)
        for hook in reversed(self.afters):
            response = hook(request, response)
        return response

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

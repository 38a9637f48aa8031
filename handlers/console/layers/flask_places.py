"""What Flask 3.1 does at each step of a request's way. What it costs there is in measured.json."""

from __future__ import annotations

from typing import NamedTuple


class FlaskPlace(NamedTuple):
    """`function` is `module:name` of an installed Flask, or empty where Flask has no part in the step."""

    does: str
    function: str = ""
    reads: str = ""  # what the step looks at, in wz

    @property
    def file(self) -> str:
        """The file of the function below the folder of packages."""
        return self.function.partition(":")[0].replace(".", "/") + ".py"

    @property
    def name(self) -> str:
        return self.function.partition(":")[2]


_SERVER = "Nothing: this happens before an application is called, whatever it is made with."

#: By the names of `wz.tracing.spans.STEPS`.
FLASK = {
    "nginx": FlaskPlace("Nothing: nginx stands in front of an app made with Flask in the same way."),
    "nginx.receive": FlaskPlace(_SERVER, reads="the client's connection"),
    "socket": FlaskPlace(_SERVER),
    "gunicorn.queue": FlaskPlace(_SERVER),
    "gunicorn.parse": FlaskPlace(_SERVER, reads="the bytes of the request's head"),
    "gunicorn.environ": FlaskPlace(
        "Nothing yet. The environ is the whole input of a WSGI application; Flask's request is a view of it, too.",
        reads="the parsed head and the worker's settings",
    ),
    "ask": FlaskPlace(
        "Nothing: this is the service's own question, and only for a request that asks to be traced.",
        reads="environ REMOTE_ADDR, HTTP_X_FORWARDED_FOR; the token or the session",
    ),
    "wsgi": FlaskPlace(
        "The server calls the Flask object, which calls its wsgi_app. That these are two is what lets one write "
        "app.wsgi_app = Middleware(app.wsgi_app).",
        "flask.app:Flask.__call__",
    ),
    "layer": FlaskPlace(
        "Flask has no list of layers. One wraps Flask.wsgi_app by hand, or writes a hook before and a hook after, "
        "which see no request that a layer has answered.",
        "flask.app:Flask.wsgi_app",
        "the environ, and on the way back the status and the headers",
    ),
    "app": FlaskPlace(
        "Makes a request context and an app context, pushes both, which also opens the session, and pops them at the "
        "end. wz sets one context variable.",
        "flask.ctx:RequestContext.push",
        "the environ",
    ),
    "request": FlaskPlace(
        "Makes a request by Werkzeug's constructor, which reads method, path, query string and headers at once. wz "
        "reads each from the environ when it is first asked for.",
        "flask.ctx:RequestContext.__init__",
        "nothing yet",
    ),
    "match": FlaskPlace(
        "Binds the Map to the environ and asks Werkzeug for the rule. wz walks a tree that is made from the same Map, "
        "and leaves every doubtful case to Werkzeug.",
        "flask.ctx:RequestContext.match_request",
        "environ REQUEST_METHOD, PATH_INFO, HTTP_HOST",
    ),
    "before": FlaskPlace(
        "Looks up the hooks of the app and of each blueprint in dictionaries, and calls them. What one of them returns "
        "is the answer, in both.",
        "flask.app:Flask.preprocess_request",
        "the request",
    ),
    "argument": FlaskPlace(
        "Gives a view the URL's values alone. The view calls request.get_json(), and checks what it gets by itself. In "
        "both figures the view is called as well, with a body of five fields.",
        "flask.wrappers:Request.get_json",
        "environ CONTENT_TYPE, CONTENT_LENGTH, wsgi.input; for a query, QUERY_STRING",
    ),
    "view": FlaskPlace(
        "Looks the view up by its endpoint and calls it with the URL's values. The figures are those of a view that "
        "returns a small dict.",
        "flask.app:Flask.dispatch_request",
        "the URL's values and the arguments that its signature names",
    ),
    "redis": FlaskPlace("The same: what a view asks of Redis is its own."),
    "error": FlaskPlace(
        "Looks for a handler by code, then along the exception's classes, the blueprint's before the app's. Without "
        "one an HTTP error is its own answer, as HTML; wz answers as problem+json. The figures are of a 404, made "
        "into a response.",
        "flask.app:Flask.handle_user_exception",
        "the exception, and environ HTTP_ACCEPT",
    ),
    "finalize": FlaskPlace(
        "Makes a Response of the view's value, whatever its type, then runs the after hooks, saves the session and "
        "sends a signal. For JSON without an after hook wz makes no Response at all.",
        "flask.app:Flask.make_response",
        "the value that was returned, and the hooks around the view",
    ),
    "after": FlaskPlace(
        "Calls the after hooks, the latest first, and saves the session after them.",
        "flask.app:Flask.process_response",
        "the response",
    ),
    "response": FlaskPlace(
        "Calls the Response, in Flask and in wz. Werkzeug computes the headers for the environ; wz has a shorter way "
        "for a body of one piece.",
        "flask.wrappers:Response.__call__",
        "environ REQUEST_METHOD",
    ),
    "start_response": FlaskPlace(
        "The same: Werkzeug's Response calls start_response, which is the server's.", "flask.wrappers:Response.__call__"
    ),
    "teardown": FlaskPlace(
        "Calls the teardown hooks of the request and of the app context, and sends a signal for each. One that fails "
        "ends the others; wz logs it and goes on.",
        "flask.app:Flask.do_teardown_request",
        "the exception that ended the request, if one did",
    ),
    "send": FlaskPlace("Nothing: the server writes what the application's iterable gives it."),
    "nginx.send": FlaskPlace("Nothing."),
    "rest": FlaskPlace("Unknown, as in wz."),
}

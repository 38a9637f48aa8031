"""Class-based views: a class is an endpoint, and an object of it answers one request.

    class Members(MethodView):
        def get(self, board: str, query: Page) -> dict[str, object]: ...
        def post(self, request, board: str, body: Member) -> Member: ...

    app.add_url_rule("/<board>/members", view_func=Members.as_view("members"))

The methods may have the parameters that a view function may have (see `wz.typed`): their signatures are read once, by
`as_view`. Since no rule is known then, every annotation in them must be importable when the program runs, also those of
the URL's values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from .aio import run
from .context import require_request
from .http import Request
from .typed import arguments_of

Method = Callable[[Any, Request, Mapping[str, Any]], Any]

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")


class View:
    """Subclass it and define `dispatch_request`, which is called as a function view would be."""

    #: As in `add_url_rule`; None stands for GET.
    methods: ClassVar[Collection[str] | None] = None
    #: Whether the app answers OPTIONS; None: it does unless the view does.
    provide_automatic_options: ClassVar[bool | None] = None
    #: Applied to the view function in this order, so that the last is the outermost. Each is called with the URL's
    #: values as keywords, and with the request as well if its signature is that of what it decorates, or names it.
    decorators: ClassVar[Sequence[Callable[[Callable[..., Any]], Callable[..., Any]]]] = ()
    #: False shares one object among all requests and threads: quicker, but nothing may be kept on `self`.
    init_every_request: ClassVar[bool] = True

    dispatch_request: Callable[..., Any]

    #: What calls each method, by its name; each class has its own.
    _calls: ClassVar[dict[str, Method]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._calls = {}

    @classmethod
    def as_view(cls, name: str, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """Return a view function whose endpoint is `name`; the rest is what the class is called with.

        The class is the view function's attribute `view_class`, which may be replaced, as in a test.
        Raises TypeError if a method can't be called as its signature asks.
        """
        if not hasattr(cls, "dispatch_request"):
            raise TypeError(f"{cls.__qualname__} has no dispatch_request(): define it, or subclass MethodView")
        cls._bind_methods()
        _call_of(cls, "dispatch_request")
        shared = None if cls.init_every_request else cls(*args, **kwargs)

        def view(request: Request | None = None, **values: Any) -> Any:
            found, values = _request_and(request, values)
            me = view.view_class(*args, **kwargs) if shared is None else shared  # type: ignore[attr-defined]
            return _call_of(type(me), "dispatch_request")(me, found, values)

        _describe(view, cls, name)  # before it is decorated, for decorators that read it
        for decorator in cls.decorators:
            view = decorator(view)
        _describe(view, cls, name)
        return view

    @classmethod
    def _bind_methods(cls) -> None:
        """Do once, in `as_view`, what need not be done for each request."""


class MethodView(View):
    """Subclass it and define `get`, `post` and so on: `methods` follows from them, and HEAD is answered by `get`.

    For any other method, such as PROPFIND, define one of its name in small letters, and list it in `methods`. To do
    something around every method, override `dispatch_request(self, **values)`, which may have a parameter `request` as
    well.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "methods" not in cls.__dict__:
            inherited = {name for base in cls.__bases__ for name in getattr(base, "methods", None) or ()}
            cls.methods = inherited | {name.upper() for name in METHODS if hasattr(cls, name)} or None

    def dispatch_request(self, *args: Any, **values: Any) -> Any:
        """Call the method that the request asks for. The request itself may be given first, or left out."""
        found, values = _request_and(args[0] if args else values.pop("request", None), values)
        name = _answering(type(self), found.method)
        if name is None:  # a rule lets more through than the class said
            raise TypeError(_missing(type(self), [found.method]))
        return _call_of(type(self), name)(self, found, values)

    @classmethod
    def _bind_methods(cls) -> None:
        wanted = [method.upper() for method in cls.methods or ("GET",)]
        names = {method: _answering(cls, method) for method in wanted}
        missing = sorted(method for method, name in names.items() if name is None)
        if missing and cls.dispatch_request is MethodView.dispatch_request:
            raise TypeError(_missing(cls, missing))
        for name in {*METHODS, *filter(None, names.values())}:
            if callable(getattr(cls, name, None)):
                _call_of(cls, name)


def _answering(cls: type[View], method: str) -> str | None:
    """Return the name of what answers a method of HTTP, or None."""
    for name in (method.lower(), "get") if method == "HEAD" else (method.lower(),):
        if callable(getattr(cls, name, None)):
            return name
    return None


def _missing(cls: type[View], methods: Sequence[str]) -> str:
    names = ", ".join(f"{method.lower()}()" for method in methods)
    return f"{cls.__qualname__} has no {names}: define it, or take it out of `methods`"


def _request_and(request: Any, values: dict[str, Any]) -> tuple[Request, dict[str, Any]]:
    """Return the request, and the URL's values: one of them may have its name, and decorators may leave it out."""
    if isinstance(request, Request):
        return request, values
    return require_request(), values if request is None else {"request": request, **values}


def _call_of(cls: type[Any], name: str) -> Method:
    calls: dict[str, Method] = getattr(cls, "_calls", {})  # a `view_class` may be any class
    if name not in calls:
        calls[name] = _bind(cls, name)
    return calls[name]


def _bind(cls: type[Any], name: str) -> Method:
    """Return a method as a function of its object, a request and the URL's values."""
    # As of an object, so that `self` is not among the parameters, whatever the method is: a function, a static method.
    found = inspect.getattr_static(cls, name)
    arguments = arguments_of(found.__get__(object(), cls) if hasattr(found, "__get__") else found, frozenset())

    def call(me: Any, request: Request, values: Mapping[str, Any]) -> Any:
        more = {name: read(request) for name, read in arguments.items() if name not in values}
        value = getattr(me, name)(**values, **more)
        return run(value) if inspect.iscoroutine(value) else value

    return call


def _describe(view: Any, cls: type[View], name: str) -> None:
    view.__name__ = name
    view.__doc__ = cls.__doc__
    view.__module__ = cls.__module__
    view.view_class = cls
    view.methods = cls.methods
    view.provide_automatic_options = cls.provide_automatic_options

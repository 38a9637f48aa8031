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
from functools import wraps
from typing import Any, ClassVar

from .aio import synchronous
from .http import Request
from .typed import bind

Method = Callable[[Any, Request, Mapping[str, Any]], Any]

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")


class View:
    """Subclass it and define `dispatch_request`, which is called as a function view would be."""

    #: As in `add_url_rule`; None stands for GET.
    methods: ClassVar[Collection[str] | None] = None
    #: Whether the app answers OPTIONS; None: it does unless the view does.
    provide_automatic_options: ClassVar[bool | None] = None
    #: Applied to the view function in this order, so that the last is the outermost. Each is called with the request
    #: and the URL's values, as keywords.
    decorators: ClassVar[Sequence[Callable[[Callable[..., Any]], Callable[..., Any]]]] = ()
    #: False shares one object among all requests and threads: quicker, but nothing may be kept on `self`.
    init_every_request: ClassVar[bool] = True

    dispatch_request: Callable[..., Any]

    @classmethod
    def as_view(cls, name: str, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """Return a view function whose endpoint is `name`; the rest is what the class is called with.

        Raises TypeError if a method can't be called as its signature asks.
        """
        if not hasattr(cls, "dispatch_request"):
            raise TypeError(f"{cls.__qualname__} has no dispatch_request(): define it, or subclass MethodView")
        cls._bind_methods()
        dispatch = _bind(cls.dispatch_request)
        make: Callable[[], View]
        if cls.init_every_request:

            def make() -> View:
                return cls(*args, **kwargs)
        else:
            shared = cls(*args, **kwargs)

            def make() -> View:
                return shared

        def view(request: Request, **values: Any) -> Any:
            return dispatch(make(), request, values)

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

    To do something around every method, override `dispatch_request(self, request, **values)`.
    """

    _methods: ClassVar[Mapping[str, Method]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "methods" not in cls.__dict__:
            inherited = {name for base in cls.__bases__ for name in getattr(base, "methods", None) or ()}
            cls.methods = inherited | {name.upper() for name in METHODS if hasattr(cls, name)} or None

    def dispatch_request(self, request: Request, **values: Any) -> Any:
        """Call the method that the request asks for."""
        return self._methods[request.method](self, request, values)

    @classmethod
    def _bind_methods(cls) -> None:
        methods = {name.upper(): _bind(getattr(cls, name)) for name in METHODS if callable(getattr(cls, name, None))}
        if "GET" in methods:
            methods.setdefault("HEAD", methods["GET"])
        missing = {name.upper() for name in cls.methods or ("GET",)} - methods.keys()
        if missing and cls.dispatch_request is MethodView.dispatch_request:
            names = ", ".join(f"{name.lower()}()" for name in sorted(missing))
            raise TypeError(f"{cls.__qualname__} has no {names}: define it, or take it out of `methods`")
        cls._methods = methods


def _bind(function: Callable[..., Any]) -> Method:
    """Return a method as a function of its object, a request and the URL's values."""
    me = next(iter(inspect.signature(function).parameters), "self")
    function = synchronous(function)

    @wraps(function)
    def method(**values: Any) -> Any:
        return function(values.pop(me), **values)  # by position: a decorator may call it otherwise

    call = bind(method, frozenset({me}))
    return lambda self, request, values: call(request, {me: self, **values})


def _describe(view: Any, cls: type[View], name: str) -> None:
    view.__name__ = name
    view.__doc__ = cls.__doc__
    view.__module__ = cls.__module__
    view.view_class = cls
    view.methods = cls.methods
    view.provide_automatic_options = cls.provide_automatic_options

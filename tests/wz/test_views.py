from __future__ import annotations

import functools
from builtins import id as builtins_id
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest

import wz
from wz import App, Blueprint, Request, url_for
from wz.views import MethodView, View

from ..client import validated
from .conftest import Web

if TYPE_CHECKING:
    from nowhere import Hidden


class Member(msgspec.Struct):
    name: str


class Page(msgspec.Struct):
    limit: int = 10


def test_a_class_is_a_view() -> None:
    class Hello(View):
        """Greet."""

        def __init__(self, greeting: str, mark: str = "!") -> None:
            self.greeting = greeting
            self.mark = mark

        def dispatch_request(self, name: str) -> str:
            return f"{self.greeting}, {name}{self.mark}"

    app = App(__name__)
    view = Hello.as_view("hello", "Hello", mark="?")
    app.add_url_rule("/<name>", view_func=view)

    assert validated(app).get("/ann").text == "Hello, ann?"
    assert (view.__name__, view.__doc__, view.view_class) == ("hello", "Greet.", Hello)  # type: ignore[attr-defined]
    with app.test_request_context():
        assert url_for("hello", name="ann") == "/ann"


def test_methods_are_the_functions() -> None:
    class Thing(MethodView):
        def get(self) -> str:
            return "got"

        def delete(self) -> str:
            return "deleted"

    app = App(__name__)
    app.add_url_rule("/", view_func=Thing.as_view("thing"))
    client = validated(app)

    assert Thing.methods == {"GET", "DELETE"}
    assert [client.get("/").text, client.delete("/").text] == ["got", "deleted"]
    assert client.post("/").status_code == 405
    assert client.options("/").allow.as_set() == {"get", "head", "delete", "options"}


def test_head_is_answered_by_get() -> None:
    class Thing(MethodView):
        def get(self) -> str:
            return "body"

    class Own(Thing):
        def head(self) -> tuple[str, dict[str, str]]:
            return "", {"X-Own": "yes"}

    app = App(__name__)
    app.add_url_rule("/", view_func=Thing.as_view("thing"))
    app.add_url_rule("/own", view_func=Own.as_view("own"))
    client = validated(app)

    assert (client.head("/").status_code, client.head("/").content_length) == (200, 4)
    assert client.head("/own").headers["X-Own"] == "yes"


def test_each_method_has_its_own_typed_signature() -> None:
    class Members(MethodView):
        def get(self, board: str, query: Page) -> dict[str, object]:
            return {"board": board, "limit": query.limit}

        def post(self, request: Request, board: str, body: Member) -> dict[str, object]:
            return {"board": board, "name": body.name, "path": request.path}

    app = App(__name__)
    blueprint = Blueprint("boards", __name__, url_prefix="/boards")
    blueprint.add_url_rule("/<board>", view_func=Members.as_view("members"))
    app.register(blueprint)
    client = validated(app)

    assert client.get("/boards/a?limit=3").json == {"board": "a", "limit": 3}
    assert client.get("/boards/a?limit=x").status_code == 422
    assert client.post("/boards/a", json={"name": "x"}).json == {"board": "a", "name": "x", "path": "/boards/a"}
    assert client.post("/boards/a", json={}).json["field"] == "name"
    assert client.post("/boards/a", data="name=x").status_code == 415


def test_dispatch_request_may_be_typed_and_overridden() -> None:
    class Typed(View):
        methods = ("POST",)

        def dispatch_request(self, body: Member) -> str:
            return body.name

    class Wrapped(MethodView):
        def dispatch_request(self, request: Request, **values: Any) -> Any:
            return f"<{super().dispatch_request(request, **values)}>"

        def get(self, name: str) -> str:
            return name

    app = App(__name__)
    app.add_url_rule("/typed", view_func=Typed.as_view("typed"))
    app.add_url_rule("/wrapped/<name>", view_func=Wrapped.as_view("wrapped"))
    client = validated(app)

    assert client.post("/typed", json={"name": "x"}).text == "x"
    assert client.get("/typed").status_code == 405
    assert client.get("/wrapped/x").text == "<x>"


@pytest.mark.parametrize(("every", "made"), [(True, 2), (False, 1)])
def test_an_object_for_every_request_or_one_for_all(every: bool, made: int) -> None:
    objects = []

    class Counted(View):
        init_every_request = every

        def __init__(self) -> None:
            objects.append(self)

        def dispatch_request(self) -> str:
            return "ok"

    app = App(__name__)
    app.add_url_rule("/", view_func=Counted.as_view("counted"))
    client = validated(app)
    client.get("/")
    client.get("/")

    assert len(objects) == made


def test_decorators_apply_from_the_inside_outwards() -> None:
    def mark(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            assert view.__name__ == "marked"

            @functools.wraps(view)
            def call(**values: Any) -> str:
                return f"{text}({view(**values)})"

            return call

        return decorate

    class Marked(MethodView):
        decorators = (mark("inner"), mark("outer"))

        def get(self, name: str, query: Page) -> str:
            return f"{name} {query.limit}"

    app = App(__name__)
    app.add_url_rule("/<name>", view_func=Marked.as_view("marked"))

    assert validated(app).get("/x").text == "outer(inner(x 10))"


def test_a_decorator_that_refuses_can_t_be_passed_by() -> None:
    def refuse(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def call(**values: Any) -> tuple[str, int]:
            return "no", 403

        return call

    class Secret(MethodView):
        decorators = (refuse,)

        def get(self) -> str:
            return "secret"

    app = App(__name__)
    app.add_url_rule("/", view_func=Secret.as_view("secret"))

    assert validated(app).get("/").status_code == 403


def test_methods_may_be_decorated_themselves() -> None:
    def shout(method: Callable[..., str]) -> Callable[..., str]:
        @functools.wraps(method)
        def call(view: object, *args: Any, **kwargs: Any) -> str:
            return method(view, *args, **kwargs).upper()

        return call

    class Named(MethodView):
        @shout
        def get(self, name: str, query: Page) -> str:
            return f"{name} {query.limit}"

    app = App(__name__)
    app.add_url_rule("/<name>", view_func=Named.as_view("named"))

    assert validated(app).get("/x").text == "X 10"


def test_one_class_under_two_rules_and_defaults() -> None:
    class Users(MethodView):
        def get(self, number: int | None) -> str:
            return "all" if number is None else f"no. {number}"

    app = App(__name__)
    view = Users.as_view("users")
    app.add_url_rule("/users/", defaults={"number": None}, view_func=view)
    app.add_url_rule("/users/<int:number>", view_func=view)
    client = validated(app)

    assert [client.get("/users/").text, client.get("/users/4").text] == ["all", "no. 4"]


def test_methods_are_inherited() -> None:
    class Base(MethodView):
        def get(self) -> str:
            return "base"

    class Sub(Base):
        def put(self) -> str:
            return "sub"

    class Fixed(Sub):
        methods = ("GET",)

    assert (Base.methods, Sub.methods, Fixed.methods) == ({"GET"}, {"GET", "PUT"}, ("GET",))
    app = App(__name__)
    app.add_url_rule("/", view_func=Fixed.as_view("fixed"))
    assert validated(app).put("/").status_code == 405


def test_automatic_options_may_be_switched_off() -> None:
    class Quiet(MethodView):
        provide_automatic_options = False

        def get(self) -> str:
            return ""

    class Own(MethodView):
        def get(self) -> str:
            return ""

        def options(self) -> str:
            return "mine"

    app = App(__name__)
    app.add_url_rule("/quiet", view_func=Quiet.as_view("quiet"))
    app.add_url_rule("/own", view_func=Own.as_view("own"))
    client = validated(app)

    assert client.options("/quiet").status_code == 405
    assert client.options("/own").text == "mine"


def test_what_is_missing_is_told_at_once() -> None:
    class Empty(View):
        pass

    class Promised(MethodView):
        methods = ("GET", "POST")

        def get(self) -> str:
            return ""

    class Unreadable(MethodView):
        def get(self, body: Hidden) -> str:
            return ""

    with pytest.raises(TypeError, match=r"Empty has no dispatch_request\(\)"):
        Empty.as_view("empty")
    with pytest.raises(TypeError, match=r"Promised has no post\(\)"):
        Promised.as_view("promised")
    with pytest.raises(TypeError, match=r"the type '\w+' can't be read"):
        Unreadable.as_view("unreadable")


def viewing(web: Web) -> Any:
    """Return the module with the framework's `View` and `MethodView`; the type checker takes both for wz's."""
    return wz.views if web.module is wz else import_module("flask.views")


# Tests with `web` run on Flask and on wz. First come the examples of Flask's page "Class-based Views".


def test_a_view_is_made_with_what_it_shows(web: Web) -> None:
    class ListView(viewing(web).View):  # type: ignore[misc]
        def __init__(self, model: list[str], template: str) -> None:
            self.model = model
            self.template = template

        def dispatch_request(self) -> str:
            return self.template.format(*self.model)

    app = web.app()
    app.add_url_rule("/users/", view_func=ListView.as_view("user_list", ["ann"], template="users: {}"))
    app.add_url_rule("/stories/", view_func=ListView.as_view("story_list", ["tale"], "stories: {}"))
    client = web.client(app)

    assert [client.get(path).text for path in ("/users/", "/stories/")] == ["users: ann", "stories: tale"]


def test_url_values_and_an_object_for_all_requests(web: Web) -> None:
    class Detail(viewing(web).View):  # type: ignore[misc]
        init_every_request = False

        def __init__(self, model: str) -> None:
            self.model = model

        def dispatch_request(self, id: int) -> str:
            return f"{self.model} {id} {builtins_id(self)}"

    app = web.app()
    app.add_url_rule("/users/<int:id>", view_func=Detail.as_view("user_detail", "user"))
    client = web.client(app)

    assert client.get("/users/4").text == client.get("/users/4").text
    assert client.get("/users/4").text.startswith("user 4 ")


def test_methods_are_read_from_the_request(web: Web) -> None:
    class My(viewing(web).View):  # type: ignore[misc]
        methods: ClassVar[Any] = ["GET", "POST"]

        def dispatch_request(self) -> str:
            return str(web.request.method)

    app = web.app()
    app.add_url_rule("/my-view", view_func=My.as_view("my-view"))
    client = web.client(app)

    assert [client.get("/my-view").text, client.post("/my-view").text] == ["GET", "POST"]
    assert client.put("/my-view").status_code == 405


def test_an_api_is_generated_from_models(web: Web) -> None:
    class Item(viewing(web).MethodView):  # type: ignore[misc]
        init_every_request = False

        def __init__(self, model: dict[int, Any]) -> None:
            self.model = model

        def _get_item(self, id: int) -> Any:
            return self.model[id] if id in self.model else web.abort(404)

        def get(self, id: int) -> Any:
            return web.jsonify(self._get_item(id))

        def patch(self, id: int) -> Any:
            self._get_item(id).update(web.request.json)
            return web.jsonify(self._get_item(id))

        def delete(self, id: int) -> tuple[str, int]:
            self._get_item(id)
            del self.model[id]
            return "", 204

    class Group(viewing(web).MethodView):  # type: ignore[misc]
        init_every_request = False

        def __init__(self, model: dict[int, Any]) -> None:
            self.model = model

        def get(self) -> Any:
            return web.jsonify([*self.model.values()])

        def post(self) -> Any:
            self.model[len(self.model)] = web.request.json
            return web.jsonify(web.request.json)

    app = web.app()
    model: dict[int, Any] = {}
    app.add_url_rule("/users/<int:id>", view_func=Item.as_view("users-item", model))
    app.add_url_rule("/users/", view_func=Group.as_view("users-group", model))
    client = web.client(app)

    assert client.post("/users/", json={"name": "ann"}).json == {"name": "ann"}
    assert client.get("/users/").json == [{"name": "ann"}]
    assert client.patch("/users/0", json={"age": 4}).json == {"name": "ann", "age": 4}
    assert client.get("/users/0").json == {"name": "ann", "age": 4}
    assert client.delete("/users/0").status_code == 204
    assert client.get("/users/0").status_code == 404
    assert client.options("/users/0").allow.as_set() == {"get", "head", "patch", "delete", "options"}


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")  # wsgiref.validate knows the usual ones
@pytest.mark.parametrize("method", ["PROPFIND", "PURGE", "REPORT", "M-SEARCH"])
def test_a_method_may_have_any_name(web: Web, method: str) -> None:
    class Files(viewing(web).MethodView):  # type: ignore[misc]
        methods: ClassVar[Any] = ["GET", method]

        def get(self, name: str) -> str:
            return f"got {name}"

    setattr(Files, method.lower(), lambda self, name: f"{method} {name}")
    app = web.app()
    app.add_url_rule("/<name>", view_func=Files.as_view("files"))
    client = web.client(app)

    assert [client.get("/a").text, client.open("/a", method=method).text] == ["got a", f"{method} a"]
    assert client.head("/a").status_code == 200
    assert client.options("/a").allow.as_set() == {"get", "head", "options", method.lower()}


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")  # as above
def test_a_rule_may_let_other_methods_through_than_the_class_names(web: Web) -> None:
    class Cached(viewing(web).MethodView):  # type: ignore[misc]
        def get(self) -> str:
            return "got"

        def purge(self) -> str:
            return "purged"

    app = web.app()
    app.add_url_rule("/", view_func=Cached.as_view("cached"), methods=["GET", "PURGE", "LOCK"])
    client = web.client(app)

    assert client.open("/", method="PURGE").text == "purged"
    assert client.open("/", method="LOCK").status_code == 500  # the class does not have it


def bare(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that does not keep the signature."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return f"<{view(*args, **kwargs)}>"

    return call


def named(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def call(name: str) -> Any:
        return f"<{view(name=name)}>"

    return call


@pytest.mark.parametrize("decorator", [bare, named])
@pytest.mark.parametrize("kind", ["View", "MethodView"])
def test_a_decorator_need_not_keep_the_signature(web: Web, kind: str, decorator: Any) -> None:
    class Shown(getattr(viewing(web), kind)):  # type: ignore[misc]
        decorators: ClassVar[Any] = [decorator, bare]

        def dispatch_request(self, **values: Any) -> Any:
            if kind == "View":
                return f"{values['name']} {web.request.path}"
            return super().dispatch_request(**values)

        @decorator  # type: ignore[untyped-decorator]
        def shown(self, name: str) -> str:
            return name

        def get(self, name: str) -> str:
            return f"{name} {web.request.path}"

    app = web.app()
    app.add_url_rule("/<name>", view_func=Shown.as_view("shown"))

    assert web.client(app).get("/a").text == "<<a /a>>"


def test_a_decorator_that_does_not_keep_the_signature_hides_no_argument() -> None:
    class Typed(MethodView):
        decorators = (bare,)

        def get(self, request: Request, name: str, query: Page) -> str:
            return f"{request.method} {name} {query.limit}"

    app = App(__name__)
    app.add_url_rule("/<name>", view_func=Typed.as_view("typed"))

    assert validated(app).get("/a?limit=3").text == "<GET a 3>"


@pytest.mark.parametrize("kind", ["View", "MethodView"])
def test_the_class_may_be_replaced(web: Web, kind: str) -> None:
    class First(getattr(viewing(web), kind)):  # type: ignore[misc]
        def __init__(self, text: str) -> None:
            self.text = text

        def get(self, name: str) -> str:
            return f"first {self.text} {name}"

        if kind == "View":
            dispatch_request = get

    class Second(First):
        def get(self, name: str) -> str:
            return f"second {self.text} {name}"

        if kind == "View":
            dispatch_request = get

    class Other:
        def __init__(self, text: str) -> None:
            self.text = text

        def dispatch_request(self, name: str) -> str:
            return f"other {self.text} {name}"

    app = web.app()
    view: Any = First.as_view("view", "text")
    app.add_url_rule("/<name>", view_func=view)
    client = web.client(app)
    texts = [client.get("/a").text]
    for other in (Second, Other):
        view.view_class = other
        texts.append(client.get("/a").text)

    assert texts == ["first text a", "second text a", "other text a"]


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_a_method_need_not_be_one_of_the_object(web: Web, kind: Any) -> None:
    class Thing(viewing(web).MethodView):  # type: ignore[misc]
        get = kind(lambda *cls, name: f"{len(cls)} {name}")
        post = functools.partialmethod(lambda self, mark, name: f"{mark} {name}", "partly")

    app = web.app()
    app.add_url_rule("/<name>", view_func=Thing.as_view("thing"))
    client = web.client(app)

    assert client.get("/a").text == ("0 a" if kind is staticmethod else "1 a")
    assert client.post("/a").text == "partly a"


def test_a_url_value_may_be_called_request(web: Web) -> None:
    class Thing(viewing(web).MethodView):  # type: ignore[misc]
        def get(self, request: str) -> str:
            return request

    app = web.app()
    app.add_url_rule("/<request>", view_func=Thing.as_view("thing"))

    assert web.client(app).get("/a").text == "a"


def test_views_and_dispatch_may_be_coroutines() -> None:
    class Thing(MethodView):
        async def dispatch_request(self, **values: Any) -> Any:
            return f"<{super().dispatch_request(**values)}>"

        async def get(self, name: str, query: Page) -> str:
            return f"{name} {query.limit}"

    app = App(__name__)
    app.add_url_rule("/<name>", view_func=Thing.as_view("thing"))

    assert validated(app).get("/a").text == "<a 10>"

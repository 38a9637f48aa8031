"""Rules and URLs. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from werkzeug.routing import BaseConverter, BuildError, Rule

import wz
from wz import App

from .conftest import Web

RULES: list[Any] = [
    pytest.param([("/u/", {"defaults": {"page": 1}}), ("/u/<int:page>", {})], "/u/", 200, {"page": 1}, id="defaults"),
    pytest.param([("/u/", {"defaults": {"page": 1}}), ("/u/<int:page>", {})], "/u/1", 308, "/u/", id="their redirect"),
    pytest.param([("/old/<a>", {"redirect_to": "/new/<a>"})], "/old/x", 308, "/new/x", id="redirect_to a string"),
    pytest.param(
        [("/old/<a>", {"redirect_to": lambda adapter, a: f"/new/{a.upper()}"})],
        "/old/x",
        308,
        "/new/X",
        id="redirect_to a function",
    ),
    pytest.param([("/one", {}), ("/uno", {"alias": True})], "/uno", 308, "/one", id="an alias is redirected"),
    pytest.param([("/a/", {})], "/a", 308, "/a/", id="a slash is missing"),
    pytest.param([("/a", {})], "/a/", 404, None, id="a slash too many"),
    pytest.param([("/a/", {"strict_slashes": False})], "/a", 200, {}, id="a slash may be missing"),
    pytest.param([("/a", {"strict_slashes": False})], "/a/", 200, {}, id="a slash may be too many"),
    pytest.param([("/a/b", {})], "/a//b", 308, "/a/b", id="slashes are merged"),
    pytest.param([("/a/b", {"merge_slashes": False})], "/a//b", 404, None, id="slashes are not merged"),
    pytest.param([("/a", {"build_only": True})], "/a", 404, None, id="build_only"),
    pytest.param([("/a", {"websocket": True})], "/a", 400, None, id="a websocket's rule"),
    pytest.param([("/one", {}), ("/two", {})], "/two", 200, {}, id="several rules for one view"),
]


@pytest.mark.parametrize(("rules", "path", "status", "answer"), RULES)
def test_rule_options(web: Web, rules: list[tuple[str, dict[str, Any]]], path: str, status: int, answer: Any) -> None:
    app = web.app()

    def view(**values: Any) -> dict[str, Any]:
        return values

    for rule, options in rules:
        app.add_url_rule(rule, "view", view, **options)

    got = web.client(app).get(path)
    location = got.location and got.location.removeprefix("http://localhost")
    assert (got.status_code, location if status == 308 else got.json if status == 200 else None) == (status, answer)


def test_a_build_only_rule_is_built(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/cdn/<name>", "cdn", build_only=True)

    with app.test_request_context():
        assert web.url_for("cdn", name="a") == "/cdn/a"


def test_strictness_may_be_the_whole_map_s(web: Web) -> None:
    app = web.app()
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.add_url_rule("/a/", "a", lambda: "a")

    assert web.client(app).get("/a").text == "a"
    assert web.client(app).get("//a").status_code == 404


def test_a_rule_may_have_a_subdomain(web: Web) -> None:
    app = web.app(subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/", "index", lambda: "main")
    app.add_url_rule("/", "shop", lambda name: web.url_for("shop", name="b"), subdomain="<name>")
    client = web.client(app)

    assert client.get("/", base_url="http://example.com").text == "main"
    assert client.get("/", base_url="http://a.example.com").text == "http://b.example.com/"


def test_without_subdomain_matching_any_host_is_served(web: Web) -> None:
    app = web.app()
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/", "index", lambda: "main")

    assert web.client(app).get("/", base_url="http://other.org").text == "main"


def test_a_rule_may_have_a_host(web: Web) -> None:
    app = web.app(host_matching=True)
    app.add_url_rule("/", "one", lambda: "one", host="one.org")
    app.add_url_rule("/", "any", lambda name: name, host="<name>.two.org")
    client = web.client(app)

    assert client.get("/", base_url="http://one.org").text == "one"
    assert client.get("/", base_url="http://a.two.org").text == "a"
    assert client.get("/", base_url="http://three.org").status_code == 404


def test_a_converter_of_one_s_own(web: Web) -> None:
    class Listed(BaseConverter):
        def to_python(self, value: str) -> list[str]:
            return value.split("+")

        def to_url(self, value: list[str]) -> str:
            return "+".join(value)

    app = web.app()
    app.url_map.converters["list"] = Listed
    app.add_url_rule("/<list:names>", "view", lambda names: {"names": names})

    assert web.client(app).get("/a+b").json == {"names": ["a", "b"]}
    with app.test_request_context():
        assert web.url_for("view", names=["c", "d"]) == "/c+d"


def test_an_app_s_converters_are_its_own(web: Web) -> None:
    one, two = web.app(), web.app()
    one.url_map.converters["own"] = BaseConverter

    with pytest.raises(LookupError, match="own"):
        two.add_url_rule("/<own:x>", "x", lambda x: x)


def test_the_endpoint_decorator_names_the_view_of_a_rule(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/a", endpoint="a")

    @app.endpoint("a")
    def view() -> str:
        return "a"

    assert web.client(app).get("/a").text == "a"
    assert app.view_functions["a"] is view


def test_each_method_of_a_path_may_have_its_own_view(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "read", lambda: "read", methods=["GET", "TRACE"])
    app.add_url_rule("/", "write", lambda: "write", methods=["put", "PATCH"])
    client = web.client(app)

    answers = {method: client.open("/", method=method).text for method in ("GET", "TRACE", "PUT", "PATCH")}
    assert answers == {"GET": "read", "TRACE": "read", "PUT": "write", "PATCH": "write"}
    assert client.delete("/").allow.as_set() == {"get", "head", "options", "patch", "put", "trace"}
    assert client.options("/").allow.as_set() == {"get", "head", "options", "patch", "put", "trace"}


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_a_decorator_for_each_method(web: Web, method: str) -> None:
    app = web.app()
    getattr(app, method)("/")(lambda: "x")
    with pytest.raises(TypeError, match="route"):
        getattr(app, method)("/", methods=["GET"])

    assert web.client(app).open("/", method=method.upper()).text == "x"


VIEWS: list[Any] = [
    pytest.param(partial(lambda x: x, "answer"), id="a partial function"),
    pytest.param(lambda x="answer": x, id="an argument with a default"),
    pytest.param(lambda **values: values.get("x", "answer"), id="any keywords"),
]


@pytest.mark.parametrize("view", VIEWS)
def test_what_a_view_may_be(web: Web, view: Any) -> None:
    app = web.app()
    app.add_url_rule("/", "view", view)

    assert web.client(app).get("/").text == "answer"


def test_methods_must_be_a_list(web: Web) -> None:
    with pytest.raises(TypeError, match="must be a list of strings"):
        web.app().route("/", methods="GET")(lambda: "")


@pytest.mark.parametrize("how", ["app", "route", "view"])
def test_options_may_be_switched_off_for(web: Web, how: str) -> None:
    app = web.app()
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = how != "app"

    def view() -> str:
        return ""

    if how == "view":
        view.provide_automatic_options = False  # type: ignore[attr-defined]
    app.add_url_rule("/", "view", view, provide_automatic_options=False if how == "route" else None)

    assert web.client(app).options("/").status_code == 405


def test_a_view_s_attributes_are_its_methods(web: Web) -> None:
    def view() -> str:
        return "x"

    view.methods = ["POST"]  # type: ignore[attr-defined]
    view.required_methods = ["LOCK"]  # type: ignore[attr-defined]
    app = web.app()
    app.add_url_rule("/", "view", view)

    assert web.client(app).get("/").allow.as_set() == {"lock", "options", "post"}


def test_options_that_a_view_requires_are_still_the_app_s(web: Web) -> None:
    def view() -> str:
        return "the view"

    view.required_methods = ["OPTIONS"]  # type: ignore[attr-defined]
    app = web.app()
    app.add_url_rule("/", "view", view)

    assert web.client(app).options("/").text == ""


URLS: list[Any] = [
    pytest.param({}, "/page/1", id="a path"),
    pytest.param({"_external": True}, "https://h.org:8080/root/page/1", id="external"),
    pytest.param({"_external": True, "_scheme": "http"}, "http://h.org:8080/root/page/1", id="another scheme"),
    pytest.param({"_scheme": "http"}, "http://h.org:8080/root/page/1", id="a scheme makes it external"),
    pytest.param({"_external": True, "_scheme": ""}, "//h.org:8080/root/page/1", id="no scheme"),
    pytest.param({"_anchor": "a b/é?"}, "/page/1#a%20b/%C3%A9?", id="an anchor"),
    pytest.param({"_method": "POST"}, "/save/1", id="the rule of a method"),
    pytest.param({"q": "a b&c", "n": None}, "/page/1?q=a+b%26c", id="a query, without None"),
    pytest.param({"q": [1, 2]}, "/page/1?q=1&q=2", id="a list"),
]


@pytest.mark.parametrize(("arguments", "url"), URLS)
def test_url_for(web: Web, arguments: dict[str, Any], url: str) -> None:
    app = web.app()
    app.add_url_rule("/page/<int:n_>", "page", lambda n_: "", methods=["GET"])
    app.add_url_rule("/save/<int:n_>", "page", methods=["POST"])

    with app.test_request_context("/", base_url="https://h.org:8080/root"):
        built = web.url_for("page", n_=1, **arguments)
    assert built == (f"/root{url}" if url.startswith("/") and not url.startswith("//") else url)


@pytest.mark.parametrize("name", ["self", "app", "adapter", "values", "method", "request", "cls"])
def test_a_value_may_have_any_name(web: Web, name: str) -> None:
    app = web.app()
    app.add_url_rule(f"/<{name}>", "view", lambda **values: values[name])
    value: dict[str, Any] = {name: "a"}

    with app.test_request_context():
        assert web.url_for("view", **value) == app.url_for("view", **value) == "/a"
        assert web.url_for(endpoint="view", **value) == app.url_for(endpoint="view", **value) == "/a"
    assert web.client(app).get("/x").text == "x"


def test_a_value_may_be_called_endpoint() -> None:
    app = App("test")
    app.add_url_rule("/<endpoint>", "view", lambda endpoint: endpoint)

    with app.test_request_context():
        assert wz.url_for("view", endpoint="a") == app.url_for("view", endpoint="a") == "/a"
        with pytest.raises(TypeError, match="needs an endpoint"):
            wz.url_for(other="a")


def test_a_scheme_needs_an_external_url(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "index", lambda: "")

    with app.test_request_context(), pytest.raises(ValueError, match="external"):
        web.url_for("index", _external=False, _scheme="https")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        pytest.param({}, "http://example.com/x", id="SERVER_NAME"),
        pytest.param({"APPLICATION_ROOT": "/root"}, "http://example.com/root/x", id="APPLICATION_ROOT"),
        pytest.param({"PREFERRED_URL_SCHEME": "https"}, "https://example.com/x", id="PREFERRED_URL_SCHEME"),
    ],
)
def test_url_for_in_an_app_context_is_made_of_the_settings(web: Web, settings: dict[str, str], url: str) -> None:
    app = web.app()
    app.config.update({"SERVER_NAME": "example.com", **settings})
    app.add_url_rule("/x", "x", lambda: "")

    with app.app_context():
        assert web.url_for("x") == url
        assert web.url_for("x", _external=False) == "/" + url.split("/", 3)[3]


def test_without_a_server_s_name_a_script_gets_paths() -> None:
    app = App("test")
    app.add_url_rule("/x", "x", lambda: "")

    assert app.url_for("x") == "/x"
    with pytest.raises(RuntimeError, match="SERVER_NAME"):
        app.url_for("x", _external=True)


def test_values_that_many_urls_share_are_taken_out_and_put_in(web: Web) -> None:
    app = web.app()

    @app.url_value_preprocessor
    def pull(endpoint: str | None, values: dict[str, Any] | None) -> None:
        web.g.language = (values or {}).pop("language", None)

    @app.url_defaults
    def put(endpoint: str, values: dict[str, Any]) -> None:
        if "language" not in values and app.url_map.is_endpoint_expecting(endpoint, "language"):
            values["language"] = web.g.language

    app.add_url_rule("/<language>/here", "here", lambda: web.url_for("there"))
    app.add_url_rule("/<language>/there", "there", lambda: "")

    assert web.client(app).get("/de/here").text == "/de/there"
    assert web.client(app).get("/none").status_code == 404


def test_a_url_that_cannot_be_built_may_be_another_s(web: Web) -> None:
    app = web.app()
    seen = []

    def none(error: BuildError, endpoint: str, values: dict[str, Any]) -> Any:
        seen.append((endpoint, values))

    def other(error: BuildError, endpoint: str, values: dict[str, Any]) -> str:
        if endpoint != "elsewhere":
            raise error
        return f"https://other.org/{values['a']}"

    app.url_build_error_handlers += [none, other]

    with app.test_request_context():
        assert web.url_for("elsewhere", a=1, _anchor="x") == "https://other.org/1"
        with pytest.raises(BuildError):
            web.url_for("nowhere")
    endpoint, values = seen[0]
    assert endpoint == "elsewhere"
    assert values == {"a": 1, "_anchor": "x", "_method": None, "_scheme": None, "_external": False}


def test_the_error_of_a_url_suggests_the_nearest_endpoint(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "index", lambda: "")

    with app.test_request_context(), pytest.raises(BuildError, match=re.escape("Did you mean 'index' instead?")):
        web.url_for("indxe")


def test_the_error_for_a_static_file_says_what_the_app_lacks() -> None:
    app = App("test")

    with app.test_request_context(), pytest.raises(BuildError) as told:
        app.url_for("static", filename="style.css")
    assert told.value.__notes__ == [
        'The app serves no files: App(__name__, static_folder="static"), or wz.static.Static(app).'
    ]


def test_hosts_may_be_restricted(web: Web) -> None:
    app = web.app()
    app.config["TRUSTED_HOSTS"] = ["example.com", ".example.org"]
    app.add_url_rule("/", "index", lambda: "here")
    client = web.client(app)

    hosts = ("example.com", "a.example.org", "evil.com")
    assert [client.get("/", base_url=f"http://{host}").status_code for host in hosts] == [200, 200, 400]


def test_a_rule_may_be_added_to_the_map(web: Web) -> None:
    app = web.app()
    app.url_map.add(Rule("/x/<int:n>", endpoint="x", methods=["GET"]))
    app.endpoint("x")(lambda n: {"n": n})
    app.before_request(lambda: "hook" if web.request.args else None)
    client = web.client(app)

    assert client.get("/x/1").json == {"n": 1}
    assert client.get("/x/1?a").text == "hook"
    assert client.post("/x/1").status_code == 405

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from wz import App, Blueprint, Request, g
from wz.templates import (
    Templates,
    context_processor,
    get_template_attribute,
    render_template,
    render_template_string,
    stream_template,
    stream_template_string,
)
from wz.testing import Client

from ..client import validated


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    write(folder, "base.html", "<title>{% block title %}{% endblock %}</title>")
    write(folder, "page.html", '{% extends "base.html" %}{% block title %}{{ title }}{% endblock %}')
    write(folder, "page.txt", "{{ title }}")
    write(folder, "macros.html", "{% macro link(name) %}<a href={{ url_for('page', name=name) }}>{% endmacro %}")
    return folder


@pytest.fixture
def app(folder: Path) -> App:
    app = App(__name__)
    Templates(app, folder)
    return app


@pytest.fixture
def client(app: App) -> Client:
    return validated(app)


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_page_is_rendered(app: App, client: Client) -> None:
    app.add_url_rule("/", "page", lambda: render_template("page.html", title="Ann & Bob"))

    answer = client.get("/")

    assert (answer.mimetype, answer.text) == ("text/html", "<title>Ann &amp; Bob</title>")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[(f"x.{ending}", "&lt;") for ending in ("html", "htm", "xml", "xhtml", "svg", "HTML")],
        *[(f"x.{ending}", "<") for ending in ("txt", "js", "html.j2")],
    ],
)
def test_what_is_escaped_depends_on_the_name(app: App, folder: Path, name: str, text: str) -> None:
    write(folder, name, "{{ value }}")

    with app.app_context():
        assert render_template(name, value="<") == text


def test_text_is_escaped(app: App) -> None:
    with app.app_context():
        assert render_template_string("{{ v }}{{ v|safe }}{% autoescape false %}{{ v }}{% endautoescape %}", v="<") == (
            "&lt;<<"
        )


def test_every_template_knows_the_request_and_the_app(app: App, client: Client) -> None:
    app.config["NAME"] = "shop"

    @app.get("/page/<name>")
    def page(name: str) -> str:
        g.user = "ann"
        return render_template_string(
            "{{ config.NAME }} {{ g.user }} {{ g.nobody }} {{ request.path }} {{ request.args.q }} "
            "{{ url_for('page', name='x') }}"
        )

    assert client.get("/page/a?q=1").text == "shop ann  /page/a 1 /page/x"


def test_imported_macros_also_know_them(app: App, client: Client) -> None:
    @app.get("/<name>")
    def page(name: str) -> str:
        return render_template_string('{% from "macros.html" import link %}{{ link("b") }}')

    assert client.get("/a").text == "<a href=/b>"


def test_outside_of_a_request_there_is_none(app: App) -> None:
    with app.app_context():
        g.user = "ann"
        assert render_template_string("{{ g.user }}{% if request %} in a request{% endif %}") == "ann"


def test_sessions_and_flashes_are_there_if_the_app_has_them(app: App, client: Client) -> None:
    pytest.importorskip("itsdangerous")
    from wz.flashing import flash
    from wz.sessions import Sessions, session

    app.config["SECRET_KEY"] = "a key for this test"
    Sessions(app)

    @app.get("/")
    def index() -> str:
        session["user"] = "ann"
        flash("saved", "info")
        return render_template_string(
            "{{ session.user }}{% for category, text in get_flashed_messages(true) %} {{ category }}: {{ text }}"
            "{% endfor %}"
        )

    assert client.get("/").text == "ann info: saved"


def test_what_a_template_does_not_use_is_not_loaded() -> None:
    program = (
        "import sys; from wz import App; assert 'jinja2' not in sys.modules\n"
        "from wz.templates import Templates, render_template_string\n"
        "app = App('x'); Templates(app)\n"
        "with app.app_context(): render_template_string('{{ config }}')\n"
        "assert not {'wz.sessions', 'wz.flashing', 'wz.signals', 'itsdangerous', 'blinker'} & sys.modules.keys()\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_context_processors_go_from_the_app_inwards_and_the_caller_wins(app: App, client: Client) -> None:
    outer = Blueprint("outer", __name__, url_prefix="/outer")
    inner = Blueprint("inner", __name__, url_prefix="/inner")
    templates: Templates = app.extensions["templates"]

    @templates.context_processor
    def of_app() -> dict[str, str]:
        return dict.fromkeys("abcd", "app")

    @context_processor(outer)
    def of_outer() -> dict[str, str]:
        return dict.fromkeys("bcd", "outer")

    @context_processor(inner)
    def of_inner() -> dict[str, str]:
        return dict.fromkeys("cd", "inner")

    def view() -> str:
        return render_template_string("{{ a }} {{ b }} {{ c }} {{ d }}", d="view")

    for router in (app, outer, inner):
        router.add_url_rule("/", "view", view)
    outer.register_blueprint(inner)
    app.register(outer)

    assert client.get("/").text == "app app app view"
    assert client.get("/outer/").text == "app outer outer view"
    assert client.get("/outer/inner/").text == "app outer inner view"


def test_processors_see_the_request(app: App, client: Client) -> None:
    templates: Templates = app.extensions["templates"]
    templates.context_processor(lambda: {"shout": str.upper})
    app.add_url_rule("/", "view", lambda: render_template_string("{{ shout(request.method) }}"))

    assert client.get("/").text == "GET"


def test_filters_tests_and_globals(app: App) -> None:
    templates: Templates = app.extensions["templates"]

    @templates.template_filter()
    def backwards(text: str) -> str:
        return text[::-1]

    @templates.template_test("even_number")
    def even(number: int) -> bool:
        return number % 2 == 0

    @templates.template_global()
    def twice(text: str) -> str:
        return text * 2

    with app.app_context():
        text = render_template_string("{{ 'abc'|backwards }} {{ 2 is even_number }} {{ twice('x') }}")
    assert text == "cba True xx"


def test_json_is_the_app_s_and_safe_in_a_script(app: App) -> None:
    with app.app_context():
        assert render_template_string("{{ {'a': '</script>'}|tojson }}") == '{"a":"\\u003c/script\\u003e"}'


def test_the_app_s_folder_comes_before_its_blueprints_in_order(app: App, folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        blueprint = Blueprint(name, __name__, template_folder=str(tmp_path / name))
        app.register(blueprint)
        for file in ("all.html", "both.html", f"{name}.html"):
            write(tmp_path / name, file, f"{name}'s")
    write(folder, "all.html", "the app's")

    with app.app_context():
        found = [render_template(name) for name in ("all.html", "both.html", "one.html", "two.html")]

    assert found == ["the app's", "one's", "one's", "two's"]


def test_the_first_of_several_names_is_taken(app: App) -> None:
    with app.app_context():
        assert render_template(["nowhere.html", "page.txt"], title="x") == "x"


@pytest.mark.parametrize("name", ["nowhere.html", "../secret.html", ["nowhere.html", "nor here.html"]])
def test_a_template_that_is_missing_says_where_it_was_looked_for(app: App, folder: Path, name: Any) -> None:
    app.register(Blueprint("shop", __name__, template_folder="no/such/folder"))

    with app.app_context(), pytest.raises(jinja2.TemplateNotFound) as caught:
        render_template(name)

    text = str(caught.value)
    assert "nowhere.html" in text or "../secret.html" in text
    assert f"{folder} (the app's)" in text
    assert f"{Path(__file__).parent / 'no/such/folder'} (blueprint 'shop'; there is no such folder)" in text


def test_an_included_template_that_is_missing_is_named(app: App) -> None:
    with app.app_context():
        with pytest.raises(jinja2.TemplateNotFound, match=r"there is no template 'nowhere.html'. Looked in:"):
            render_template_string("{% include 'nowhere.html' %}")
        assert render_template_string("{% include 'nowhere.html' ignore missing %}ok") == "ok"


@pytest.mark.parametrize(
    ("debug", "setting", "reloaded"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
def test_changed_files_are_read_again_in_debug(
    app: App, folder: Path, debug: bool, setting: bool | None, reloaded: bool
) -> None:
    app.debug = debug
    app.config["TEMPLATES_AUTO_RELOAD"] = setting
    with app.app_context():
        render_template("page.txt")
        write(folder, "page.txt", "changed")
        os.utime(folder / "page.txt", (0, 0))
        assert render_template("page.txt", title="old") == ("changed" if reloaded else "old")


def test_a_stream_keeps_its_request(app: App, client: Client, folder: Path) -> None:
    write(folder, "list.html", "{% for n in numbers %}{{ request.path }} {{ n }};{% endfor %}")
    rendered = []

    def numbers() -> Iterator[int]:
        for number in (1, 2):
            rendered.append(number)
            yield number

    @app.get("/path")
    def view() -> Iterator[str]:
        return stream_template("list.html", numbers=numbers())

    @app.get("/text")
    def text(request: Request) -> Iterator[str]:
        return stream_template_string("{{ request.path }}")

    @app.after_request
    def not_yet(response: Any) -> Any:
        assert rendered == []
        return response

    assert client.get("/path").text == "/path 1;/path 2;"
    rendered.clear()
    assert client.get("/text").text == "/text"


def test_a_stream_needs_no_request(app: App) -> None:
    with app.app_context():
        assert "".join(stream_template("page.txt", title="x")) == "x"


def test_macros_may_be_called_from_python(app: App) -> None:
    app.add_url_rule("/<name>", "page", lambda name: name)

    with app.test_request_context():
        assert get_template_attribute("macros.html", "link")("c") == "<a href=/c>"


def test_receivers_of_both_signals_are_called(app: App) -> None:
    told = []

    class Signal:
        def __init__(self, name: str) -> None:
            self.name = name

        def send(self, sender: App, template: jinja2.Template, context: dict[str, Any]) -> None:
            told.append((self.name, sender is app, template.name, context["title"]))

    app.extensions["signals"] = SimpleNamespace(
        before_render_template=Signal("before"), template_rendered=Signal("rendered")
    )
    with app.app_context():
        render_template("page.html", title="x")
        stream = stream_template("page.txt", title="y")
        assert len(told) == 3
        list(stream)

    assert told == [
        ("before", True, "page.html", "x"),
        ("rendered", True, "page.html", "x"),
        ("before", True, "page.txt", "y"),
        ("rendered", True, "page.txt", "y"),
    ]


def test_jinja_s_own_options_may_be_given(folder: Path) -> None:
    app = App(__name__)
    Templates(app, folder, trim_blocks=True, undefined=jinja2.StrictUndefined, loader=jinja2.DictLoader({"a": "A"}))

    with app.app_context():
        assert render_template("a") == "A"
        with pytest.raises(jinja2.UndefinedError):
            render_template_string("{{ nothing }}")


def test_without_jinja_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['jinja2'] = None\nimport wz.templates"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )

    assert "wz.templates needs the package Jinja2: pip install jinja2" in done.stderr


def test_all_templates_are_compiled_at_once(app: App, folder: Path) -> None:
    write(folder, "one.html", "{{ 1 }}")
    write(folder, "inner/two.html", "{{ 2 }}")

    app.extensions["templates"].compile()

    (folder / "one.html").unlink()
    (folder / "inner/two.html").unlink()
    with app.test_request_context("/"):
        assert render_template("one.html") + render_template("inner/two.html") == "12"

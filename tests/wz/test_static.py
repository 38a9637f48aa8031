from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

import wz
from wz import App, Blueprint, url_for
from wz.static import Static, send_file, send_from_directory
from wz.testing import Client

from ..client import validated
from .conftest import Web

TEXT = "0123456789" * 10
WRITTEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder `static` to be served, beside a secret that must not be served."""
    folder = tmp_path / "static"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text(TEXT)
    (folder / "sub" / "style.css").write_text("p {}")
    (folder / "empty").touch()
    (folder / ".hidden").write_text("dot")
    (tmp_path / "secret.txt").write_text("secret")
    os.utime(folder / "a.txt", (WRITTEN.timestamp(), WRITTEN.timestamp()))
    return folder


@pytest.fixture
def app(folder: Path) -> App:
    app = App(__name__)
    Static(app, folder)
    return app


@pytest.fixture
def client(app: App) -> Client:
    return validated(app)


def test_a_file_is_sent_with_all_that_caches_want(client: Client) -> None:
    answer = client.get("/static/a.txt")

    assert (answer.status_code, answer.text, answer.content_type) == (200, TEXT, "text/plain; charset=utf-8")
    assert (answer.content_length, answer.last_modified) == (100, WRITTEN)
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["ETag"]
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("sub/style.css", "text/css; charset=utf-8"), ("empty", "application/octet-stream"), (".hidden", None)],
)
def test_the_type_comes_from_the_name(client: Client, path: str, content_type: str | None) -> None:
    answer = client.get(f"/static/{path}")

    assert answer.status_code == 200
    assert answer.content_type == (content_type or "application/octet-stream")


def test_head_has_the_headers_only(client: Client) -> None:
    answer = client.head("/static/a.txt")

    assert (answer.status_code, answer.data, answer.content_length) == (200, b"", 100)


def test_other_methods_are_refused(client: Client) -> None:
    assert client.post("/static/a.txt").status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("../secret.txt", 404, id="parent"),
        pytest.param("sub/../../secret.txt", 404, id="parent of parent"),
        pytest.param("%2e%2e/secret.txt", 404, id="escaped dots"),
        pytest.param("..%2fsecret.txt", 404, id="escaped slash"),
        pytest.param("..\\secret.txt", 404, id="backslash"),
        pytest.param("a.txt%00", 404, id="NUL"),
        pytest.param("%00", 404, id="NUL alone"),
        pytest.param("sub", 404, id="a folder"),
        pytest.param("sub/", 404, id="a folder with a slash"),
        pytest.param("", 404, id="the folder itself"),
        pytest.param("x" * 5000, 404, id="too long"),
        pytest.param("%ff", 404, id="not UTF-8"),
        pytest.param("sub/../a.txt", 200, id="a way round inside"),
    ],
)
def test_names_stay_inside_the_folder(client: Client, path: str, status: int) -> None:
    answer = client.get(f"/static/{path}")

    assert answer.status_code == status
    assert b"secret" not in answer.data or b"secret.txt" in answer.data


@pytest.mark.parametrize("name", ["{root}/secret.txt", "//{root}/secret.txt", "{root}/static/a.txt"])
def test_an_absolute_name_is_refused(folder: Path, name: str) -> None:
    app = App(__name__)
    app.add_url_rule("/", "file", lambda: send_from_directory(folder, name.format(root=folder.parent)))

    assert validated(app).get("/").status_code == 404


def test_symbolic_links_are_followed(client: Client, folder: Path) -> None:
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "broken").symlink_to("nowhere")

    assert client.get("/static/link.txt").text == "secret"
    assert client.get("/static/broken").status_code == 404


def test_only_regular_files_are_sent(client: Client, folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    assert client.get("/static/pipe").status_code == 404


RANGES: list[Any] = [
    pytest.param("bytes=0-9", 206, "bytes 0-9/100", TEXT[:10], id="first"),
    pytest.param("bytes=95-", 206, "bytes 95-99/100", TEXT[95:], id="from"),
    pytest.param("bytes=-5", 206, "bytes 95-99/100", TEXT[-5:], id="last"),
    pytest.param("bytes=90-200", 206, "bytes 90-99/100", TEXT[90:], id="past the end"),
    pytest.param("bytes=100-", 416, "bytes */100", None, id="behind the end"),
]


@pytest.mark.parametrize(("header", "status", "content_range", "body"), RANGES)
def test_ranges(client: Client, header: str, status: int, content_range: str, body: str | None) -> None:
    answer = client.get("/static/a.txt", headers={"Range": header})

    assert (answer.status_code, answer.headers["Content-Range"]) == (status, content_range)
    assert body is None or (answer.text, answer.content_length) == (body, len(body))


def test_if_range_sends_all_of_a_file_that_changed(client: Client) -> None:
    etag = client.get("/static/a.txt").headers["ETag"]
    same = client.get("/static/a.txt", headers={"Range": "bytes=0-1", "If-Range": etag})
    changed = client.get("/static/a.txt", headers={"Range": "bytes=0-1", "If-Range": '"other"'})

    assert (same.status_code, same.text) == (206, "01")
    assert (changed.status_code, changed.text) == (200, TEXT)


def test_what_the_client_has_is_not_sent_again(client: Client) -> None:
    first = client.get("/static/a.txt")
    by_etag = client.get("/static/a.txt", headers={"If-None-Match": first.headers["ETag"]})
    by_date = client.get("/static/a.txt", headers={"If-Modified-Since": first.headers["Last-Modified"]})
    other = client.get("/static/a.txt", headers={"If-None-Match": '"other"'})

    assert [by_etag.status_code, by_date.status_code, other.status_code] == [304, 304, 200]
    assert (by_etag.data, by_etag.headers["ETag"]) == (b"", first.headers["ETag"])


@pytest.mark.parametrize("value", [60, timedelta(minutes=1)], ids=["seconds", "timedelta"])
def test_how_long_to_cache_is_a_setting(app: App, client: Client, value: object) -> None:
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = value

    cache = client.get("/static/a.txt").cache_control

    assert (cache.public, cache.max_age, cache.no_cache) == (True, 60, None)


def test_how_long_to_cache_may_be_each_folder_s_own(folder: Path) -> None:
    app = App(__name__, config={"SEND_FILE_MAX_AGE_DEFAULT": 60})
    Static(app, folder, "/files", max_age=5)
    Static(app, folder, "/more", endpoint="more", max_age=lambda path: 7 if str(path).endswith(".css") else 0)
    client = validated(app)

    ages = [client.get(path).cache_control.max_age for path in ("/files/a.txt", "/more/sub/style.css", "/more/a.txt")]

    assert ages == [5, 7, 0]


def test_the_server_may_be_asked_to_read_the_file(app: App, client: Client, folder: Path) -> None:
    app.config["USE_X_SENDFILE"] = True

    answer = client.get("/static/a.txt")
    again = client.get("/static/a.txt", headers={"If-None-Match": answer.headers["ETag"]})

    assert (answer.status_code, answer.data, answer.headers["X-Sendfile"]) == (200, b"", str(folder / "a.txt"))
    assert (again.status_code, "X-Sendfile" in again.headers) == (304, False)


def test_the_url_is_built_from_the_endpoint(app: App) -> None:
    with app.test_request_context():
        assert url_for("static", filename="sub/é.css", v=1) == "/static/sub/%C3%A9.css?v=1"


def test_blueprints_have_their_own(folder: Path) -> None:
    app = App(__name__)
    (folder.parent / "assets").mkdir()
    (folder.parent / "assets" / "b.txt").write_text("the blueprint's")
    admin = Blueprint("admin", __name__, url_prefix="/admin")
    Static(app, folder)
    Static(admin, folder.parent / "assets")

    @admin.get("/")
    def index() -> str:
        return url_for(".static", filename="b.txt")

    app.register(admin)
    app.register(admin, name="again", url_prefix="/again")
    client = validated(app)

    assert [client.get("/admin/").text, client.get("/again/").text] == ["/admin/assets/b.txt", "/again/assets/b.txt"]
    assert client.get("/admin/assets/b.txt").text == "the blueprint's"
    assert client.get("/admin/assets/a.txt").status_code == 404
    assert client.get("/static/a.txt").text == TEXT


def test_relative_folders_are_beside_the_module() -> None:
    app = App(__name__)
    static = Static(app, ".", "/tests")

    assert static.folder == str(Path(__file__).parent)
    assert b"beside the module" in validated(app).get(f"/tests/{Path(__file__).name}").data


def test_a_folder_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(NotADirectoryError, match=r"there is no folder '.*/nowhere'"):
        Static(App(__name__), "nowhere")


@pytest.mark.parametrize(
    ("options", "disposition"),
    [
        pytest.param({}, "inline; filename=a.txt", id="shown"),
        pytest.param({"as_attachment": True}, "attachment; filename=a.txt", id="saved"),
        pytest.param({"as_attachment": True, "download_name": "b c.txt"}, 'attachment; filename="b c.txt"', id="named"),
        pytest.param({"download_name": "é.txt"}, "inline; filename=e.txt; filename*=UTF-8''%C3%A9.txt", id="not ASCII"),
    ],
)
def test_download_names(folder: Path, options: dict[str, Any], disposition: str) -> None:
    app = App(__name__)
    app.add_url_rule("/", "file", lambda: send_file(folder / "a.txt", **options))

    assert validated(app).get("/").headers["Content-Disposition"] == disposition


def test_open_files_are_sent_and_closed() -> None:
    app = App(__name__)
    file = io.BytesIO(TEXT.encode())

    @app.get("/")
    def view() -> Response:
        return send_file(file, "text/plain", etag="mine", last_modified=WRITTEN, max_age=1)

    answer = validated(app).get("/", headers={"Range": "bytes=2-3"})

    assert (answer.status_code, answer.text, answer.headers["ETag"]) == (206, "23", '"mine"')
    assert (answer.last_modified, answer.cache_control.max_age) == (WRITTEN, 1)
    assert file.closed


def test_it_may_be_unconditional(folder: Path) -> None:
    app = App(__name__)
    app.add_url_rule("/", "file", lambda: send_file(folder / "a.txt", conditional=False, etag=False))

    answer = validated(app).get("/", headers={"Range": "bytes=2-3"})

    assert (answer.status_code, answer.text, "ETag" in answer.headers) == (200, TEXT, False)


def test_a_relative_directory_is_beside_the_module() -> None:
    app = App(__name__)
    app.add_url_rule("/<path:name>", "file", lambda name: send_from_directory(".", name, mimetype="text/plain"))
    client = validated(app)

    assert client.get(f"/{Path(__file__).name}").status_code == 200
    assert client.get("/nowhere.py").status_code == 404


def test_outside_of_a_request_it_says_what_to_do(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="test_request_context"):
        send_file(folder / "a.txt")


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A program's folder, with files in `static` and `assets`."""
    for name in ("static", "assets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"in {name}")
    (tmp_path / "a.txt").write_text("in the folder itself")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "url", "text"),
    [
        ({"static_folder": "static"}, "/static", "in static"),
        ({"static_folder": "assets/"}, "/assets", "in assets"),
        ({"static_folder": Path("assets")}, "/assets", "in assets"),
        ({"static_folder": "assets", "static_url_path": "/files/"}, "/files", "in assets"),
        ({"static_folder": "assets", "static_url_path": ""}, "", "in assets"),
        ({"static_folder": "assets", "static_url_path": "/"}, "", "in assets"),
        ({"static_folder": ""}, "", "in the folder itself"),
    ],
)
def test_a_folder_may_be_an_argument(web: Web, beside: Path, options: dict[str, Any], url: str, text: str) -> None:
    app = web.app(root_path=str(beside), **options)
    blueprint = web.Blueprint("shop", "tests.wz", root_path=str(beside), url_prefix="/shop", **options)
    app.register_blueprint(blueprint)

    get = getter(web, app)
    assert (get(f"{url}/a.txt").text, get(f"/shop{url}/a.txt").text) == (text, text)
    for router in (app, blueprint):
        folder = os.path.join(beside, str(options["static_folder"]).rstrip("/"))
        assert (router.has_static_folder, router.static_folder, router.static_url_path) == (True, folder, url)
    with app.test_request_context():
        assert url_for_of(web, "static") == f"{url}/a.txt"
        assert url_for_of(web, "shop.static") == f"/shop{url}/a.txt"


def getter(web: Web, app: App) -> Callable[..., TestResponse]:
    """Return a client's `get`, whose answers have closed their files."""
    return partial(web.client(app).get, buffered=True)


def url_for_of(web: Web, endpoint: str) -> str:
    url: str = web.url_for(endpoint, filename="a.txt")
    return url


def test_without_one_there_is_none(web: Web) -> None:
    for router in (web.app(), web.Blueprint("shop", "tests.wz")):
        assert (router.has_static_folder, router.static_folder, router.static_url_path) == (False, None, None)
        with pytest.raises(RuntimeError, match="static_folder"):
            router.send_static_file("a.txt")


def test_the_url_alone_means_the_usual_folder(beside: Path) -> None:
    app = App("test", root_path=beside, static_url_path="/files")

    assert getter(Web(wz), app)("/files/a.txt").text == "in static"


def test_a_host_has_the_files_where_hosts_are_matched(web: Web, beside: Path) -> None:
    app = web.app(root_path=str(beside), static_folder="static", static_host="files.test", host_matching=True)

    get = getter(web, app)
    assert get("/static/a.txt", base_url="http://files.test").text == "in static"
    assert get("/static/a.txt", base_url="http://other.test").status_code == 404
    with pytest.raises((AssertionError, ValueError), match="host"):
        web.app(root_path=str(beside), static_folder="static", host_matching=True)
    with pytest.raises((AssertionError, ValueError), match="host"):
        web.app(root_path=str(beside), static_folder="static", static_host="files.test")


def test_the_folder_may_be_set_later(web: Web, beside: Path) -> None:
    app = web.app(root_path=str(beside))
    app.static_folder = "assets"
    app.add_url_rule("/more/<path:filename>", "static", app.send_static_file)

    get = getter(web, app)
    assert get("/more/a.txt").text == "in assets"
    app.static_folder = beside / "static"
    assert get("/more/a.txt").text == "in static"
    assert app.static_url_path == "/static"
    app.static_url_path = "/other/"
    assert app.static_url_path == "/other"
    app.static_folder = None
    assert not app.has_static_folder


def test_the_time_to_cache_may_be_overridden(web: Web, beside: Path) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 7 if str(filename).endswith(".txt") else super().get_send_file_max_age(filename)

    class Shop(web.Blueprint):  # type: ignore[name-defined, misc]
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 9

    app = Mine("tests.wz", root_path=str(beside), static_folder="static")
    app.register_blueprint(Shop("shop", "tests.wz", root_path=str(beside), static_folder="assets", url_prefix="/shop"))
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(hours=1)
    (beside / "static" / "b.css").touch()
    app.add_url_rule("/sent", "sent", lambda: web.send_file(str(beside / "a.txt")))

    get = getter(web, app)
    paths = ("/static/a.txt", "/shop/assets/a.txt", "/sent", "/static/b.css")
    assert [get(path).cache_control.max_age for path in paths] == [7, 9, 7, 3600]


def test_how_a_file_is_sent_may_be_overridden(web: Web, beside: Path) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        def send_static_file(self, filename: str) -> Any:
            response = super().send_static_file(filename)
            response.headers["X-Sent"] = filename
            return response

    get = getter(web, Mine("tests.wz", root_path=str(beside), static_folder="static"))

    assert get("/static/a.txt").headers["X-Sent"] == "a.txt"


def test_an_app_with_static_files_is_freed(beside: Path) -> None:
    static = Static(App("test", root_path=beside), "assets")

    with pytest.raises(RuntimeError, match="answers a request"):
        static.send_static_file("a.txt")

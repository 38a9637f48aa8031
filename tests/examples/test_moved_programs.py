"""Two programs of the package index do on wz what they do on Flask, with the changes that docs/from-flask.md shows."""

from __future__ import annotations

import ast
import json
import logging
import sqlite3
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from .moved import Visitor, copied, edit, edits, installed

pytest.importorskip("flask")

SCHEMA = """
    CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL, born DATE, photo BLOB);
    CREATE TABLE pet (name TEXT PRIMARY KEY, owner_id INTEGER REFERENCES person (id));
    CREATE VIEW scores AS SELECT name, score FROM person;
    CREATE INDEX by_name ON person (name);
    CREATE TRIGGER renamed AFTER UPDATE ON person BEGIN SELECT 1; END;
    INSERT INTO person VALUES
        (1, 'Ann <&>', 1.5, '2001-02-03', x'00ff'), (2, 'Bö', NULL, NULL, NULL), (3, 'C', 3, '', '');
    INSERT INTO pet VALUES ('Rex', 1);
"""


def test_the_document_changes_few_lines() -> None:
    assert sum(len(new.splitlines()) for _, _, new in edits()) < 30
    assert {file.partition("/")[0] for file, _, _ in edits()} == {"rq_dashboard", "sqlite_web"}


@pytest.mark.parametrize("package", ["rq_dashboard", "sqlite_web"])
def test_a_moved_program_imports_nothing_of_flask(package: str, tmp_path: Path) -> None:
    assert "flask" in imports_of(installed(package))
    with copied(package, "wz", tmp_path):
        assert "flask" not in imports_of(tmp_path / "wz" / package)


def imports_of(folder: Path) -> set[str]:
    """Return the packages that the modules of a folder import, in functions too."""
    nodes = [node for file in folder.rglob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    modules += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {module.partition(".")[0] for module in modules}


def same(first: Visitor, second: Visitor) -> None:
    """Fail with the first request that both did not answer alike; all endpoints must have been asked."""
    for one, other in zip(first.answers, second.answers, strict=True):
        assert other == one
    for visitor in (first, second):
        assert {rule.endpoint for rule in visitor.app.url_map.iter_rules()} == visitor.endpoints


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file for `sqlite_web`, which is started as its command does it, with a password, below a prefix."""
    file = tmp_path / "people.db"
    arguments = ["-u", "/db", "-P", "-L", "-F", "-U", tmp_path / "uploads", "-l", tmp_path / "log", file]
    monkeypatch.setattr(sys, "argv", ["sqlite_web", *map(str, arguments)])
    monkeypatch.setenv("SQLITE_WEB_PASSWORD", "secret")
    yield file
    logger = logging.getLogger("sqlite_web.sqlite_web")
    for handler in [*logger.handlers]:
        logger.removeHandler(handler)
        handler.close()


def test_sqlite_web_answers_as_on_flask(database: Path, tmp_path: Path) -> None:
    first, second = (sqlite_web(framework, database, tmp_path) for framework in ("flask", "wz"))

    same(first, second)
    statuses = {answer.status[:3] for answer in second.answers}
    assert statuses >= {"200", "302", "308", "403", "404", "405", "500"}


def sqlite_web(framework: str, database: Path, folder: Path) -> Visitor:
    """Run the program and use all that it has: log in, look, ask, change, import, export, upload, download, drop."""
    database.unlink(missing_ok=True)
    connection = sqlite3.connect(database)
    connection.executescript(SCHEMA)
    connection.close()
    with copied("sqlite_web", framework, folder) as importing:
        program = importing("sqlite_web.sqlite_web")
        program.configure_app()
        visitor = Visitor(program.app, framework, "/db")
        log_in(visitor)
        look_around(visitor)
        change(visitor)
        other_databases(visitor, database)
        for dataset in program.datasets.values():
            dataset.close()
    return visitor


def log_in(visitor: Visitor) -> None:
    visitor.send("GET", "/person/content/?page=2")
    visitor.look("/login/")
    visitor.look("/static/css/sqlbrowse.css")
    visitor.send("GET", "/static/css/sqlbrowse.css", headers={"Range": "bytes=3-9"})
    visitor.look("/static/none")
    visitor.send("POST", "/login/", data={"password": "wrong"})
    visitor.send("POST", "/login/", data={"password": "secret"})
    visitor.send("POST", "/query/", data={"sql": "SELECT 1"}, headers={"Sec-Fetch-Site": "cross-site"})


def row(*key: object) -> str:
    """The program's own form of a primary key in a URL."""
    return urlsafe_b64encode(json.dumps(key).encode()).decode()


def look_around(visitor: Visitor) -> None:
    for path in (
        "/",
        "/person/",
        "/person",
        "/none/",
        "/person/content/?ordering=-2",
        "/person/content/?page=x&ordering=x",
        "/person/insert/",
        "/pet/content/",
        "/scores/content/",
        f"/person/row/{row(1)}/",
        f"/person/row/{row(99)}/",
        f"/scores/row/{row(1)}/",
        "/person/row/broken/",
        f"/person/update/{row(1)}/",
        f"/pet/update/{row('Rex')}/",
        f"/person/delete/{row(1)}/",
        "/person/query/?sql=SELECT+name+FROM+person&ordering=1&count=1",
        "/none/query/?sql=SELECT+1",
        "/query/?sql=SELECT+x'00ff',+'<b>'",
        *(f"/person/{name}/" for name in ("add-column", "drop-column", "rename-column", "add-index", "drop-index")),
        *(f"/person/{name}/" for name in ("drop-trigger", "export", "import", "drop")),
        "/create-table/",
        "/download/",
        "/load/",
        "/unload/",
        "/select-dataset/?name=none",
    ):
        visitor.look(path)
    visitor.send("GET", "/query/?sql=DELETE+FROM+person")  # the program would do it at HEAD


def change(visitor: Visitor) -> None:
    def post(path: str, **data: object) -> None:
        visitor.send("POST", path, data=data)
        visitor.send("GET", "/person/content/")  # with what was flashed

    post("/query/", sql="SELECT * FROM person; SELECT 2;")
    post("/query/", sql="SELECT nonsense")
    post("/query/", sql="SELECT * FROM person", explain="1")
    for wanted in ("export_json", "export_csv"):
        post("/person/query/", sql="SELECT * FROM person", export_ordering="-2", **{wanted: "1"})
    post("/person/export/", export_format="csv", columns=["id", "name", "photo"])
    post("/person/export/", export_format="json", columns=["name", "born"])
    post("/person/export/")
    post("/person/insert/", name="Dora", score="2.5", born="2003-04-05", photo="c0ffee")
    post("/person/insert/", name="null", score="x", born="y", photo="z")
    post(f"/person/update/{row(2)}/", name="Bo", score="7")
    post(f"/person/delete/{row(3)}/")
    post("/person/content/?page=1", action="bulk-delete", pk=[row(2), "broken"])
    post("/person/content/", action="other")
    for text, name in (
        (b"name,score\nEve,4\n", "new.csv"),
        (b'[{"name": "F"}]', "n.json"),
        (b"\xff", "a.csv"),
        (b"", "x"),
    ):
        visitor.send("POST", "/person/import/", data={"file": (BytesIO(text), name)})
    post("/person/import/")
    post("/person/add-column/", name="a b", type="TEXT")
    post("/person/add-column/", name="", type="TEXT")
    post("/person/rename-column/", rename="a_b", rename_to="note")
    post("/person/drop-column/", name="note")
    post("/person/add-index/", indexed_columns=["score", "born"], unique="1")
    post("/person/drop-index/", name="by_name")
    post("/person/drop-trigger/", name="renamed")
    post("/create-table/", table_name="thing", redirect="//elsewhere.example")
    post("/create-table/", table_name=" ")
    post("/scores/drop/")
    post("/thing/drop/")
    post("/none/drop/")


def other_databases(visitor: Visitor, database: Path) -> None:
    content = database.read_bytes()
    visitor.send("POST", "/load/", data={"mode": "upload", "database": (BytesIO(content), "../other db.sqlite")})
    visitor.send("POST", "/load/", data={"mode": "filesystem", "filename": "/nowhere"})
    visitor.send("POST", "/load/", data={"mode": "none"})
    visitor.look("/")
    visitor.look(f"/select-dataset/?name={database}")
    other = database.parent / "uploads" / "other_db.sqlite"
    visitor.look(f"/unload/?dataset={other}")
    visitor.send("POST", "/unload/", data={"dataset": str(other)})
    database.write_bytes(b"this is no database" * 1000)
    visitor.send("GET", "/person/")
    database.write_bytes(content)
    visitor.send("PUT", "/query/")
    visitor.look("/logout/")
    visitor.send("GET", "/")


def fails() -> None:
    raise ValueError("<wrong>")


@pytest.fixture
def jobs(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis_py.Redis]:
    """A database with jobs that were done, failed, cancelled and not begun, and a worker."""
    from rq import Queue, Worker

    url = f"{redis_url}?db=15"
    monkeypatch.setenv("RQ_DASHBOARD_REDIS_URL", url)
    monkeypatch.setenv("RQ_DASHBOARD_USERNAME", "ann")
    monkeypatch.setenv("RQ_DASHBOARD_PASSWORD", "secret")
    connection = redis_py.Redis.from_url(url)
    connection.flushdb()
    now = Queue("now", connection=connection, is_async=False)
    now.enqueue(len, "four", job_id="done", meta={"by": "ann"})
    now.enqueue(fails, job_id="failed")
    later = Queue("later", connection=connection)
    for number in range(20):
        later.enqueue(len, str(number), job_id=f"job{number}")
    later.enqueue(len, "after", depends_on="job1", job_id="deferred")
    later.fetch_job("job2").cancel()
    Worker([later], name="worker", connection=connection).register_birth()  # type: ignore[no-untyped-call]
    yield connection
    connection.flushdb()
    connection.close()


def test_rq_dashboard_answers_as_on_flask(jobs: redis_py.Redis, tmp_path: Path) -> None:
    kept: dict[bytes, Any] = {key: jobs.dump(key) for key in jobs.scan_iter()}
    visitors = []
    for framework in ("flask", "wz"):
        jobs.flushdb()
        for key, value in kept.items():
            jobs.restore(key, 0, value)
        visitors.append(rq_dashboard(framework, tmp_path))

    same(*visitors)
    assert {answer.status[:3] for answer in visitors[1].answers} >= {"200", "308", "401", "404", "405", "500"}


def rq_dashboard(framework: str, folder: Path) -> Visitor:
    """Run the program: each page and each document, and each thing that is done to a job or a queue."""
    with copied("rq_dashboard", framework, folder) as importing:
        visitor = Visitor(importing("rq_dashboard.app").create_app(), framework)
        root = "/rq-dashboard"
        visitor.send("GET", f"{root}/")
        visitor.send("GET", f"{root}/", auth=("ann", "wrong"))
        visitor.client.environ_base["HTTP_AUTHORIZATION"] = "Basic YW5uOnNlY3JldA=="
        for path in (
            "/",
            "",
            "/0/",
            "/0/view",
            "/0/view/queues",
            "/0/view/workers",
            "/0/view/jobs",
            "/0/view/jobs/later/queued/8/dsc/2",
            "/0/view/job/failed",
            "/0/view/job/none",
            "/9/view/workers",
            "/x/view/workers",
            "/0/data/queues.json",
            "/0/data/workers.json",
            "/0/data/jobs/later/queued/8/asc/2.json",
            "/0/data/jobs/now/failed/8/dsc/1.json",
            "/0/data/jobs/now/nonsense/8/dsc/1.json",
            *(f"/0/data/job/{name}.json" for name in ("done", "failed", "deferred", "job2", "none")),
            "/favicon.ico",
            "/static/css/main.css",
            "/static/../app.py",
            "/job/failed/delete",
            "/requeue/now",
        ):
            visitor.look(root + path)
        visitor.look("/static/favicon.ico")
        for path in (
            "/job/failed/requeue",
            "/job/none/requeue",
            "/job/job3/delete",
            "/job/none/delete",
            "/requeue/now",
            "/queue/later/compact",
            *(f"/queue/later/{name}/empty" for name in ("canceled", "deferred", "queued")),
        ):
            visitor.send("POST", root + path)
            visitor.send("GET", f"{root}/0/data/queues.json")
    return visitor


def test_a_program_that_has_changed_is_told(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("from flask import Flask, g\n")

    with pytest.raises(ValueError, match=r"program\.py has 0 times what docs/from-flask\.md changes in it"):
        edit(file, "from flask import Flask\n", "from wz import App\n")

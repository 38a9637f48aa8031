"""`app.logger`, the same on Flask and on wz."""

from __future__ import annotations

import io
import logging
import logging.config
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wz import App

from ..stack import REPOSITORY
from .conftest import Web


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The root of a program where nobody has set up logging: on the true one, pytest has handlers of its own."""
    root: logging.Logger = logging.RootLogger(logging.WARNING)
    parent = root
    for name in ("tests", "tests.wz"):
        logger = logging.Logger(name)
        logger.parent, parent = parent, logger
        monkeypatch.setitem(logging.root.manager.loggerDict, name, logger)
    return root


def module_of(web: Web) -> ModuleType:
    return import_module(f"{web.module.__name__}.logging")


def failing(web: Web) -> App:
    app = web.app()

    @app.get("/")
    def index() -> str:
        web.current_app.logger.warning("few apples")
        raise KeyError("apples")

    return app


def test_it_shows_something_where_nobody_has_set_up_logging(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    app = web.app()
    app.logger.warning("few %s", "apples")
    app.logger.info("unseen")

    assert app.logger.name == "tests.wz"
    assert app.logger.handlers == [module_of(web).default_handler]
    line = capsys.readouterr().err
    assert line.startswith("[")
    assert line.endswith("] WARNING in test_logging: few apples\n")


def test_in_debug_it_shows_everything(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    app = web.app()
    app.debug = True
    app.logger.debug("details")

    assert app.logger.level == logging.DEBUG
    assert "DEBUG in test_logging: details" in capsys.readouterr().err


def test_a_level_that_is_set_stays_in_debug(web: Web) -> None:
    logging.getLogger("tests.wz").setLevel(logging.ERROR)
    app = web.app()
    app.debug = True

    assert app.logger.level == logging.ERROR


@pytest.mark.parametrize("name", ["", "tests", "tests.wz"])
def test_a_handler_that_is_there_is_the_only_one(
    web: Web, root: logging.Logger, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    (logging.getLogger(name) if name else root).addHandler(logging.StreamHandler(stream))
    app = web.app()
    app.logger.warning("few apples")

    assert module_of(web).default_handler not in app.logger.handlers
    assert stream.getvalue() == "few apples\n"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("silent", ["a level", "no propagation"])
def test_a_handler_that_would_not_write_its_records_does_not_count(web: Web, root: logging.Logger, silent: str) -> None:
    handler = logging.StreamHandler(io.StringIO())
    root.addHandler(handler)
    if silent == "a level":
        handler.setLevel(logging.CRITICAL)
    else:
        logging.getLogger("tests.wz").propagate = False

    assert web.app().logger.handlers == [module_of(web).default_handler]


def test_in_a_request_it_is_the_server_s_stream(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    errors = io.StringIO()
    app = failing(web)
    assert web.client(app).get("/", errors_stream=errors).status_code == 500

    text = errors.getvalue()
    assert "WARNING in test_logging: few apples\n" in text
    assert "Traceback (most recent call last):" in text
    assert text.endswith("KeyError: 'apples'\n")
    assert capsys.readouterr().err == ""


def test_the_stream_may_be_given_to_a_handler_of_one_s_own(web: Web, root: logging.Logger) -> None:
    errors = io.StringIO()
    root.addHandler(logging.StreamHandler(module_of(web).wsgi_errors_stream))
    web.client(failing(web)).get("/", errors_stream=errors)

    assert errors.getvalue().startswith("few apples\n")


def test_the_default_handler_may_be_taken_away(
    web: Web, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    app = web.app()
    app.logger.removeHandler(module_of(web).default_handler)
    root.addHandler(logging.StreamHandler())
    app.logger.warning("few apples")

    assert capsys.readouterr().err == "few apples\n"


def test_a_configuration_may_name_the_stream(web: Web, root: logging.Logger) -> None:
    """As `ext://`, of which this makes an object."""
    name = f"{web.module.__name__}.logging.wsgi_errors_stream"
    stream: Any = logging.config.BaseConfigurator({}).convert(f"ext://{name}")
    root.addHandler(logging.StreamHandler(stream))
    errors = io.StringIO()
    web.client(failing(web)).get("/", errors_stream=errors)

    assert errors.getvalue().startswith("few apples\n")


def test_a_formatter_may_add_what_is_known_of_the_request(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    class RequestFormatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            record.url = web.request.url if web.has_request_context() else None
            return super().format(record)

    handler = module_of(web).default_handler
    monkeypatch.setattr(handler, "formatter", RequestFormatter("%(url)s: %(message)s"))
    errors = io.StringIO()
    web.client(failing(web)).get("/", errors_stream=errors)

    assert errors.getvalue().startswith("http://localhost/: few apples\n")


def test_the_handler_may_be_given_to_other_loggers(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    other = logging.Logger("other")
    other.addHandler(module_of(web).default_handler)
    other.warning("from elsewhere")

    assert capsys.readouterr().err.endswith("] WARNING in test_logging: from elsewhere\n")


def output(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, cwd=REPOSITORY)


@pytest.mark.parametrize("made", ["wz.App", "flask.Flask"])
def test_a_script_s_logger_is_named_after_its_file(made: str, tmp_path: Path) -> None:
    script = tmp_path / "shop.py"
    script.write_text(f"import {made.partition('.')[0]}\nprint({made}(__name__).logger.name)\n")

    assert output(script).stdout == "shop\n"


SERVICE = """\
import sys
sys.path.insert(0, "")
from pipeline import logs
from wz import App

logs.configure("text")
app = App("shop")
app.add_url_rule("/", "fail", lambda: 1 / 0)
app.test_client().get("/")
"""


def test_the_service_s_lines_are_not_doubled(tmp_path: Path) -> None:
    """It sets its logs up before it makes the app, as handlers/wsgi.py does."""
    script = tmp_path / "service.py"
    script.write_text(SERVICE)

    assert output(script).stderr.count("GET / failed") == 1

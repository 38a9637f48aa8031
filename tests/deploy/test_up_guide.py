"""`wz up` builds the guide beside the service, with make, and serves it at /guide."""

from __future__ import annotations

import http.client
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from deploy.guide import Guide, can_build

from ..stack import PATIENCE, REPOSITORY, until
from .running import SMALL, Up, running, runs

#: Waits until the test lets it go on, so that it can look at what is there meanwhile.
MAKEFILE = """\
.PHONY: docs
docs:
	@echo building
	@until test -e go; do sleep 0.05; done
	@test ! -e fail
	@mkdir -p .site/reference && echo the guide > .site/index.html && echo errors > .site/reference/index.html
	@touch .site/.built
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The code of this checkout, with another Makefile and other docs."""
    folder = tmp_path / "checkout"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "index.md").write_text("# The guide\n")
    (folder / "Makefile").write_text(MAKEFILE)
    for name in ("deploy", "handlers", "pipeline", "pyproject.toml", "wz"):
        (folder / name).symlink_to(REPOSITORY / name)
    return folder


@contextmanager
def building(tmp_path: Path, checkout: Path) -> Iterator[Up]:
    """`wz up` of that checkout, which builds its guide."""
    with running(tmp_path, "--guide", environ={**SMALL, "PYTHONPATH": str(checkout)}, checkout=checkout) as up:
        yield up


def read(up: Up, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=PATIENCE)) as connection:
        connection.request("GET", path, headers={"Accept": "text/html"})
        response = connection.getresponse()
        return response.status, response.read().decode()


def test_the_guide_is_built_beside_the_service(checkout: Path, tmp_path: Path) -> None:
    with building(tmp_path, checkout) as up:
        assert f"Read the guide at http://127.0.0.1:{up.port}/guide/, once it is built" in up.text
        status, page = read(up, "/guide/")
        assert (status, "is being built" in page, "http-equiv=refresh" in page) == (200, True, True)
        assert up.get("/readyz") == 200
        assert up.get("/guide/reference/") == 404

        (checkout / "go").touch()
        until(lambda: "| the guide is built" in up.text)
        assert read(up, "/guide/") == (200, "the guide\n")
        assert read(up, "/guide/reference/") == (200, "errors\n")


def test_its_errors_lead_to_the_guide(checkout: Path, tmp_path: Path) -> None:
    with building(tmp_path, checkout) as up:
        with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=PATIENCE)) as connection:
            connection.request("GET", "/boards/none", headers={"Authorization": up.authorization})
            service = json.load(connection.getresponse())
            connection.request("PUT", "/boards/none", b"x" * 1_500_000)
            nginx = json.load(connection.getresponse())

        guide = f"http://127.0.0.1:{up.port}/guide/reference/errors/"
        assert service["see"] == f"{guide}#unknown-board"
        assert nginx["see"] == f"{guide}#413"


def test_an_end_ends_the_build(checkout: Path, tmp_path: Path) -> None:
    with building(tmp_path, checkout) as up:
        up.wait_for(lambda: builds(up))
        build = builds(up)
        up.process.terminate()
        up.process.wait(PATIENCE)

        assert not any(map(runs, build))


def builds(up: Up) -> list[int]:
    """Return the processes of its make."""
    found = []
    for pid in up.descendants():
        with suppress(psutil.Error):  # it has ended meanwhile
            found += [pid] if "make" in psutil.Process(pid).cmdline() else []
    return found


# -- the build itself -------------------------------------------------------------------------------------------------


@contextmanager
def guide_of(checkout: Path, run_dir: Path) -> Iterator[Guide]:
    run_dir.mkdir(exist_ok=True)
    with Guide(checkout, run_dir, run_dir / "guide.log") as guide:
        guide.start()
        assert guide.attend() == ""
        yield guide


def end(guide: Guide) -> str:
    """Wait for the build, and return what is said of its end."""
    said = ""

    def has_ended() -> bool:
        nonlocal said
        said = guide.attend()
        return said != ""

    until(has_ended)
    return said


def shown(run_dir: Path) -> str:
    return (run_dir / "guide" / "index.html").read_text()


def test_it_is_built_again_only_when_what_it_is_made_of_has_changed(checkout: Path, tmp_path: Path) -> None:
    (checkout / "go").touch()
    with guide_of(checkout, tmp_path / "1") as first:
        assert end(first) == "the guide is built"
    with guide_of(checkout, tmp_path / "2") as second:
        assert not second.is_being_built
        assert second.attend() == ""
        assert shown(tmp_path / "2") == "the guide\n"

    (checkout / "docs" / "index.md").write_text("# Another\n")
    with guide_of(checkout, tmp_path / "3") as third:
        assert third.is_being_built
        assert shown(tmp_path / "3") == "the guide\n"  # the old one, meanwhile


def test_a_source_that_can_not_be_looked_at_hinders_no_start(checkout: Path, tmp_path: Path) -> None:
    """As an editor leaves it that has the page open: `.#index.md`, a link to nothing."""
    (checkout / "go").touch()
    (checkout / "docs" / ".#index.md").symlink_to("somebody@somewhere.1234")
    with guide_of(checkout, tmp_path / "1") as first:
        assert end(first) == "the guide is built"
    with guide_of(checkout, tmp_path / "2") as second:
        assert not second.is_being_built


def test_a_build_that_fails_is_told_with_its_log_and_tried_again(checkout: Path, tmp_path: Path) -> None:
    (checkout / "go").touch()
    (checkout / "fail").touch()
    with guide_of(checkout, tmp_path / "1") as first:
        assert end(first) == f"the guide could not be built: {tmp_path / '1' / 'guide.log'} says why"
        assert "could not be built" in shown(tmp_path / "1")
        assert "refresh" not in shown(tmp_path / "1")
    assert "building" in (tmp_path / "1" / "guide.log").read_text()

    (checkout / "fail").unlink()
    with guide_of(checkout, tmp_path / "2") as second:
        assert end(second) == "the guide is built"


def test_a_disk_that_is_full_ends_the_build_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    """As far as one can bring it about: a place where nothing can be written any more."""
    with guide_of(checkout, tmp_path / "1") as guide:
        shutil.rmtree(tmp_path / "1")
        (checkout / "go").touch()

        assert end(guide).startswith("the guide could not be built: [Errno 2]")
        assert guide.attend() == ""


def test_two_do_not_build_at_the_same_time(checkout: Path, tmp_path: Path) -> None:
    with guide_of(checkout, tmp_path / "1") as first, guide_of(checkout, tmp_path / "2") as second:
        assert (first.attend(), second.attend()) == ("", "")
        (checkout / "go").touch()
        assert end(first) == "the guide is built"
        assert end(second) == "the guide is built"

        assert not (tmp_path / "2" / "guide.log").exists()
        assert shown(tmp_path / "2") == "the guide\n"


def test_it_has_what_others_leave_of_the_processor(checkout: Path, tmp_path: Path) -> None:
    with guide_of(checkout, tmp_path / "1") as guide:
        until(lambda: "building" in (tmp_path / "1" / "guide.log").read_text())
        assert guide._build is not None
        assert os.getpriority(os.PRIO_PROCESS, guide._build.pid) == 19


def test_what_is_no_checkout_has_no_guide(checkout: Path) -> None:
    assert can_build(checkout)
    (checkout / "Makefile").unlink()
    assert not can_build(checkout)

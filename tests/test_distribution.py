"""What `pip install` gives: the package `wz` and nothing else, under a name that is not a stranger's.

`pip` takes what it needs from wheels that are made of this environment's own packages, so that no index is asked.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path

import pytest

from wz.live_server import LiveServer
from wz.testing import Client

from .docs.code_blocks import BLOCKS
from .docs.markdown import Block
from .stack import PATIENCE, REPOSITORY, free_port, process

#: What pip has no business with, and what would make a wheel of yesterday's files.
NOT_SOURCE = shutil.ignore_patterns(
    ".?*", "__pycache__", "build", "dist", "*.egg-info", "node_modules", "tests", "docs", "bench"
)

#: What the texts may tell people to install besides what this project pins itself.
NOT_PINNED = {"bytewax", "pathway", "pip-tools"}


# -- the wheel --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this one, so that building leaves nothing behind in it."""
    return shutil.copytree(REPOSITORY, tmp_path_factory.mktemp("source") / "wz", ignore=NOT_SOURCE)


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "-w",
        str(folder),
        str(checkout),
    ]
    subprocess.run(command, check=True, capture_output=True, env=pip_environ(folder))
    (found,) = folder.glob("*.whl")
    return zipfile.ZipFile(found)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def pip_environ(wheels: Path) -> dict[str, str]:
    """Return an environment in which pip knows the folder `wheels` and nothing else, whoever's machine this is."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "WZ_"))}
    return inherited | {
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_INDEX": "1",
    }


def test_the_wheel_holds_the_framework_alone(wheel: zipfile.ZipFile) -> None:
    sources = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "wz").rglob("*.py")}
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert names == {*sources, "wz/py.typed"}


def test_it_has_a_name_of_its_own_and_needs_werkzeug_and_msgspec(metadata: Message) -> None:
    assert metadata["Name"] == "wz-wsgi"
    required = [line.split(";")[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(re.match(r"[\w-]+", line)[0] for line in required) == ["msgspec", "werkzeug"]


def test_its_extras_are_what_its_optional_modules_need(metadata: Message) -> None:
    lines = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" in line]
    extras = {(re.search('extra == "(.*)"', line)[1], re.match(r"[\w-]+", line)[0]) for line in lines}

    assert extras == {
        ("cli", "click"),
        ("dotenv", "python-dotenv"),
        ("docs", "swagger-ui-bundle-v2"),
        ("javascript", "quickjs-ng"),  # for the service in the checkout, not for wz
        ("sessions", "itsdangerous"),
        ("signals", "blinker"),
        ("templates", "jinja2"),
        ("testing", "pytest"),
        ("tracing", "opentelemetry-exporter-otlp-proto-http"),
        ("tracing", "opentelemetry-sdk"),
    }


# -- README's first screen --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that the examples need, and what builds wz, each as a wheel again."""
    folder = tmp_path_factory.mktemp("wheels")
    of_extras = ("blinker", "click", "itsdangerous", "jinja2", "python-dotenv")
    for name in ("werkzeug", "markupsafe", "msgspec", "setuptools", *of_extras):
        found = distribution(name)
        with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{found.version}-py3-none-any.whl", "w") as packed:
            for file in found.files or ():
                if ".." not in file.parts and file.suffix != ".pyc":
                    packed.write(str(found.locate_file(file)), str(file))
    return folder


def first_screen() -> tuple[str, list[str]]:
    """Return README's first program, and the commands that it has run."""
    text = (REPOSITORY / "README.md").read_text()
    program = re.search(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    console = re.search(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert program
    assert console
    return program[1], re.findall(r"^\$ (.*)$", console[1], re.MULTILINE)


@pytest.fixture(scope="module")
def environ(wheels: Path) -> dict[str, str]:
    return pip_environ(wheels)


@pytest.fixture(scope="module")
def folder(checkout: Path, environ: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `hello.py` in which README's commands up to `wz` have been run."""
    folder = tmp_path_factory.mktemp("hello")
    program, (make_environment, install, *_) = first_screen()
    (folder / "hello.py").write_text(program)
    for command in (make_environment, install.replace("/path/to/wz", str(checkout))):
        done = subprocess.run(
            shlex.split(command, comments=True), cwd=folder, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    return folder


def test_readme_s_first_example_answers_in_an_empty_environment(folder: Path, environ: Mapping[str, str]) -> None:
    _program, (*_, run, curl) = first_screen()
    port = free_port()
    server = LiveServer(f"http://127.0.0.1:{port}", PATIENCE)
    assert "http://127.0.0.1:5000/" in curl
    path = curl.partition(":5000")[2]

    def answers() -> bool:
        try:
            return Client(server).get(path).json == {"hello": "ann"}
        except OSError:
            return False

    command = [*shlex.split(run), "--port", str(port), "--no-reload"]
    with process([folder / command[0], *command[1:]], ready=answers, env=environ, cwd=folder):
        pass


def test_nothing_of_the_service_is_there(folder: Path) -> None:
    (packages,) = folder.glob("env/lib/python*/site-packages")
    found = {path.name for path in packages.iterdir()}

    assert "wz" in found
    assert not found & {"handlers", "pipeline", "deploy", "tests"}


@pytest.fixture
def without_click(folder: Path, environ: Mapping[str, str]) -> Iterator[None]:
    def pip(*words: str) -> None:
        subprocess.run([folder / "env/bin/pip", *words], check=True, capture_output=True, env=environ)

    pip("uninstall", "--yes", "click")
    yield
    pip("install", "click")


@pytest.mark.usefixtures("without_click")
def test_the_command_names_click_where_it_is_missing(folder: Path) -> None:
    done = subprocess.run([folder / "env/bin/wz"], capture_output=True, text=True, cwd=folder)

    assert done.returncode == 1
    assert done.stderr == "Error: the command line needs the package click: pip install click\n"


# -- the other examples, from the wheel -------------------------------------------------------------------------------

PAGES = ("docs/framework.md", "docs/from-flask.md")
EXAMPLES = [block for block in BLOCKS if block.page in PAGES and block.info == "python"]  # not those with Flask


@pytest.fixture(scope="module")
def scripts(folder: Path, wheel: zipfile.ZipFile, environ: Mapping[str, str]) -> Path:
    """The folder of `python` and `wz` in an environment that has the wheel, what its extras need, and nothing else."""
    wanted = f"{wheel.filename}[cli,dotenv,sessions,signals,templates]"
    subprocess.run([folder / "env/bin/pip", "install", wanted], check=True, capture_output=True, env=environ)
    return folder / "env" / "bin"


def own_environ(home: Path) -> dict[str, str]:
    """Return the environment of a user who has set nothing yet."""
    return {"HOME": str(home), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("block", [pytest.param(block, id=block.place) for block in EXAMPLES])
def test_an_example_of_the_pages_runs_from_the_wheel(block: Block, scripts: Path, tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "example.py").write_text(block.text())

    done = subprocess.run(
        [scripts / "python", "example.py"], cwd=tmp_path, env=own_environ(tmp_path), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_flaskr_runs_from_the_wheel(scripts: Path, tmp_path: Path) -> None:
    project = shutil.copytree(REPOSITORY / "examples" / "flaskr", tmp_path / "flaskr", ignore=NOT_SOURCE)
    environ = own_environ(tmp_path)
    done = subprocess.run([scripts / "wz", "init-db"], cwd=project, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    port = free_port()
    client = Client(LiveServer(f"http://127.0.0.1:{port}", PATIENCE))

    def answers() -> bool:
        try:
            return "Log in" in client.get("/").text
        except OSError:
            return False

    command = [scripts / "wz", "run", "--port", str(port), "--no-reload"]
    with process(command, ready=answers, env=environ, cwd=project):
        ann = {"username": "ann", "password": "a long password"}
        assert client.post("/auth/register", data=ann).headers["Location"] == "/auth/login"
        assert client.post("/auth/login", data=ann).headers["Location"] == "/"
        assert "ann" in client.get("/").text


# -- what the texts say -----------------------------------------------------------------------------------------------


def texts() -> Iterator[tuple[str, str]]:
    """Yield each text of the repository, with its path."""
    for folder, folders, files in os.walk(REPOSITORY):
        names = [*folders, *files]
        left_out = {"__pycache__", "build", "dist", "node_modules", *(n for n in names if n.endswith(".egg-info"))}
        left_out |= {name for name in names if name.startswith(".")} - {".ci", ".pre-commit-config.yaml"}
        folders[:] = sorted({*folders} - left_out)
        for path in (Path(folder, name) for name in files if name not in left_out):
            if path != Path(__file__):
                yield str(path.relative_to(REPOSITORY)), path.read_text(errors="replace")


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_by(text: str) -> Iterator[str]:
    """Yield the projects that a text has pip install from an index: no files, no paths, no URLs."""
    for match in re.finditer(r"pip\s+install\s+([^`\n;&|)]+)", text):
        for word in match[1].replace(" @ ", "@").split():
            if word in ("-r", "#"):
                break
            found = re.match(r"['\"]?([A-Za-z][\w.-]*?)[.,:'\"]*(?:$|[\[=<>~!])", word)
            if found and "@git+" not in word:
                yield normalized(found[1])
            if re.search("[.,:\"]$|^[^'].*'$", word):  # the end of a string or of a part of a sentence
                break


def test_what_the_texts_install_is_found() -> None:
    text = """run `pip install --quiet 'wz[cli]'` or "pip
    install ./wz[cli] a==1 b" in it, or pip install -r x.txt, or pip install 'c[d] @ git+https://e'"""

    assert [*installed_by(text)] == ["wz", "a", "b"]


def test_no_text_installs_what_somebody_else_may_publish() -> None:
    """`wz` on the index is a stranger's package, and `wz-wsgi` is on none."""
    pinned = re.findall(r"^([\w.-]+)==", (REPOSITORY / "requirements" / "dev.txt").read_text(), re.MULTILINE)
    known = {*map(normalized, pinned), *NOT_PINNED}
    unknown = {path: names for path, text in texts() if (names := {*installed_by(text)} - known)}

    assert unknown == {}


def test_no_text_asks_for_extras_of_a_stranger_s_package() -> None:
    assert [path for path, text in texts() if re.search(r"(?<![\w./-])wz\[", text)] == []


def test_the_example_does_not_have_wz_fetched_from_an_index() -> None:
    project = tomllib.loads((REPOSITORY / "examples" / "flaskr" / "pyproject.toml").read_text())["project"]

    assert not [line for line in project["dependencies"] if re.match(r"wz\b", line)]

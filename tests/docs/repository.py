"""Which files the repository has, as far as its texts may name them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: The folders of code.
PACKAGES = ("wz", "handlers", "pipeline", "deploy", "tests", "bench")

FILES = frozenset(
    path
    for folder in (*PACKAGES, "docs", "examples", "jobs", "requirements")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts)
) | frozenset(path for path in ROOT.iterdir() if path.is_file())

_BY_NAME: dict[str, list[Path]] = defaultdict(list)
for _path in FILES:
    _BY_NAME[_path.name].append(_path)


def find_file(name: str, folder: Path) -> list[Path]:
    """Return the file that a text in `folder` calls so: by its path from there or from the root, or by its end.

    [] if there is none, or if several files of code are called so and none of them is in the folder. Of other files
    (`job.toml`) there may be several.
    """
    for path in (folder / name, ROOT / name):
        if path in FILES:
            return [path]
    ends = [path for path in _BY_NAME[Path(name).name] if path.as_posix().endswith(f"/{name}")]
    return [] if len(ends) > 1 and Path(name).suffix in (".py", ".lua") else ends

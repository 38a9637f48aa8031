"""sphinx-build with the packages of `make docs`, as if the others, which only the tests need, were not installed."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

from sphinx.cmd.build import main

REPOSITORY = Path(__file__).parents[2]


def locked(*names: str) -> set[str]:
    """Return the packages that some files of requirements/ pin."""
    texts = ((REPOSITORY / "requirements" / name).read_text() for name in names)
    return {found.lower() for text in texts for found in re.findall(r"(?m)^([\w.-]+)==", text)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class Others(MetaPathFinder):
    """Finds no module of a package that `make docs` does not install."""

    def __init__(self) -> None:
        there = {*map(normal, locked("stack.txt", "docs.txt")), "wz-wsgi", "pip", "setuptools"}
        by_module = packages_distributions()
        self._names = {module for module, names in by_module.items() if there.isdisjoint(map(normal, names))}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}, as far as `make docs` goes", name=name)
        return None


if __name__ == "__main__":
    sys.meta_path.insert(0, Others())
    sys.exit(main(sys.argv[1:]))

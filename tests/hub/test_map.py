"""The map of pipeline/hub in its docstring: each module has its place, once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pipeline.hub

_MODULES = re.compile(r"^ {8}(\w+(?:, \w+)*) {1,}\S", re.MULTILINE)


def test_each_module_is_on_the_map() -> None:
    folder = Path(pipeline.hub.__file__).parent
    there = Counter(file.stem for file in folder.glob("*.py") if file.stem != "__init__")
    named = Counter(name for names in _MODULES.findall(pipeline.hub.__doc__ or "") for name in names.split(", "))

    assert named == there

"""An earlier revision of the product under today's measuring code, so that both are compared in one run.

`tree` makes a temporary git worktree of the revision whose folder `bench/` is ours. `measure` runs a function of a
bench in a new process that imports everything from a tree, ours or that one. So the function must only use names that
both trees have, or look which of them there are.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

#: The tree that this file is in.
OURS = Path(__file__).resolve().parent.parent


@contextmanager
def tree(revision: str) -> Iterator[Path]:
    """Give the root of a tree with `revision` of the product, until the block ends. Raises `click.ClickException`."""
    with tempfile.TemporaryDirectory(prefix="wz-bench-") as folder:
        root = Path(folder) / "tree"
        _git("worktree", "add", "--detach", "--quiet", str(root), revision)
        try:
            shutil.rmtree(root / "bench", ignore_errors=True)  # the first revisions have none
            (root / "bench").symlink_to(OURS / "bench")
            yield root
        finally:
            _git("worktree", "remove", "--force", str(root))


def measure(root: Path, function: str, *arguments: Any) -> Any:
    """Call a function in a new process that imports from the tree at `root`, and return what it returns.

    `function` is MODULE:NAME, such as bench.windows:run_one. Arguments and the result travel as JSON, so tuples become
    lists. What the process writes goes to stderr. Raises `subprocess.CalledProcessError` if it fails.
    """
    command = [sys.executable, "-m", "bench.revision", function, json.dumps(arguments)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def _git(*arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=OURS, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"git {' '.join(arguments)}: {done.stderr.strip()}")


def _call(function: str, arguments: str) -> None:
    result, sys.stdout = sys.stdout, sys.stderr
    module, _, name = function.partition(":")
    json.dump(getattr(import_module(module), name)(*json.loads(arguments)), result)


if __name__ == "__main__":
    _call(*sys.argv[1:])

from __future__ import annotations

import subprocess

import click
import pytest

from bench.revision import OURS, measure, tree


def test_a_function_of_a_bench_runs_with_the_product_of_an_earlier_revision() -> None:
    with tree("HEAD") as root:
        (root / "pipeline" / "of_this_tree.py").write_text(
            "WHERE = __file__\n\ndef where(*said):\n    return WHERE, said\n"
        )
        where = "pipeline.of_this_tree:where"

        assert measure(root, where, 1, "two") == [str(root / "pipeline" / "of_this_tree.py"), [1, "two"]]
        assert (root / "bench").resolve() == OURS / "bench"
        with pytest.raises(subprocess.CalledProcessError):
            measure(OURS, where)
    assert not root.exists()
    assert str(root) not in subprocess.check_output(["git", "worktree", "list"], cwd=OURS, text=True)


def test_an_unknown_revision_is_named() -> None:
    with pytest.raises(click.ClickException, match="no-such-revision"), tree("no-such-revision"):
        pass

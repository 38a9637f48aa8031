"""`wz reference`: tables are put from files, listed, shown and deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.commands.reference import reference as command
from pipeline.settings import Settings

Wz = Callable[..., Result]


@pytest.fixture
def wz(redis: redis_py.Redis, settings: Settings) -> Wz:
    env = {"WZ_ENVIRONMENT": settings.environment, "WZ_REDIS_URL": settings.redis_url, "WZ_MAX_REFERENCE_SIZE": "2KiB"}
    return lambda *args, **more: CliRunner().invoke(command, [str(arg) for arg in args], env=env, **more)


def test_a_table_is_put_listed_shown_and_deleted(wz: Wz, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k,name\na,Ann\n")
    assert wz("put", "devices", tmp_path / "t.csv").output == "made: 1 row\n"
    assert wz("put", "devices", "-", "--from", "2999-01-01T00:00:00", input='{"k": 1}\n{"k": 2}\n').output == (
        "changed: 2 rows\n"
    )

    assert wz("show", "devices").output == '{"k":"a","name":"Ann"}\n'
    head, first, second = (line.split() for line in wz("list").output.splitlines())
    assert head[0] == "table"
    assert (first[:2], first[3:]) == (["devices", "always"], ["1", "24", "B"])
    assert (second[:2], second[3:]) == (["devices", "2999-01-01T00:00:00+00:00"], ["2", "17", "B"])
    assert wz("delete", "devices", "--yes").exit_code == 0
    assert wz("show", "devices").output == (
        "Error: there is no reference data 'devices'; `wz reference list` shows which there is\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "k\n1,2\n", "t.csv, line 2, column 2: more values than names in the first line"),
        ("t.json", '[{"k": 1}', "t.json, line 1, column 10: is not JSON: "),
        ("t.json", " " * 2049, "t.json: larger than 2.0 KiB; WZ_MAX_REFERENCE_SIZE sets the limit"),
    ],
)
def test_what_can_t_be_read_is_an_error_of_one_line(wz: Wz, tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    result = wz("put", "devices", tmp_path / name)

    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith(f"Error: {tmp_path}/{message}")
    assert wz("list").output.split() == ["table", "version", "from", "put", "rows", "size"]

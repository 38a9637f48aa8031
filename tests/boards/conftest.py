"""Boards of one shard in the tests' Redis, and boards of eight on a cluster of three nodes: the same tests for both."""

from __future__ import annotations

import pytest

from pipeline.boards import Board, Boards

from ..cluster import SHARDS
from ..cluster import cluster as cluster
from ..cluster import cluster_settings as cluster_settings
from ..cluster import cluster_urls as cluster_urls


@pytest.fixture(params=["one shard", "cluster"])
def boards(request: pytest.FixtureRequest) -> Boards:
    if request.param == "cluster":
        return Boards(request.getfixturevalue("cluster"), SHARDS)
    return Boards(request.getfixturevalue("redis"))


@pytest.fixture
def board(boards: Boards) -> Board:
    return boards["b"]

from __future__ import annotations

from bench.boards import own_server
from bench.jobs import LAYOUTS, run_one


def test_all_layouts_of_the_job_give_the_same_rows_of_windows() -> None:
    with own_server() as client:
        socket = str(client.connection_pool.connection_kwargs["path"])
        found = {layout: run_one(socket, layout, 1_000, 50) for layout in LAYOUTS}
        copied = client.xlen("output:Output")

    assert all(ours > 0 and rows > 0 for ours, _, rows, _ in found.values())
    assert len({digest for *_, digest in found.values()}) == 1
    assert copied == 1_000  # by the last layout

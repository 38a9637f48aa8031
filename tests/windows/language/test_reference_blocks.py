"""Every query block of Microsoft's reference, unchanged: it plans, or is refused by the name of what is not there."""

from __future__ import annotations

import pytest

from pipeline.windows.language.parser import parse
from pipeline.windows.language.render import render
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.planning.planner import plan

from .reference_blocks import Block, blocks

BLOCKS = blocks()


@pytest.mark.parametrize("block", BLOCKS, ids=[f"{block.page} {block.number}" for block in BLOCKS])
def test_a_block_of_the_reference_does_what_the_file_says(block: Block) -> None:
    if block.verdict == "plans":
        query = parse(block.text)
        plan(query, block.detail.split(", "))
        assert parse(render(query)) == query
    else:
        with pytest.raises(QueryError) as caught:
            plan(parse(block.text))
        assert block.detail
        assert block.detail in caught.value.message


def test_no_block_stands_twice() -> None:
    assert len({block[:2] for block in BLOCKS}) == len(BLOCKS) > 160

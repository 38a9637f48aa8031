"""Draws an explanation: in Mermaid, which GitHub shows, or in Graphviz's dot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .describe import ExplainedNode

STAGES = {1: "for each partition", 2: "for all partitions"}


def mermaid(nodes: Sequence[ExplainedNode]) -> str:
    drawn = _drawn(
        nodes,
        lambda stage, title: [f'subgraph stage{stage}["{title}"]'],
        lambda node: f'n{node.number}["{_entities(node.title)}"]',
        "end",
        "-->",
    )
    return "\n".join(["flowchart LR", *drawn]) + "\n"


def dot(nodes: Sequence[ExplainedNode]) -> str:
    drawn = _drawn(
        nodes,
        lambda stage, title: [f"subgraph cluster{stage} {{", f'  label="{title}"'],
        lambda node: f'n{node.number} [label="{_quoted(node.title)}"]',
        "}",
        "->",
    )
    return "\n".join(["digraph job {", "  rankdir=LR", "  node [shape=box]", *drawn, "}"]) + "\n"


def _drawn(
    nodes: Sequence[ExplainedNode],
    begin: Callable[[int, str], list[str]],
    box: Callable[[ExplainedNode], str],
    end: str,
    arrow: str,
) -> Iterator[str]:
    """Yield the lines of what both have alike: a frame around the boxes of each stage, then the arrows."""
    for stage, title in STAGES.items():
        if inside := [f"  {box(node)}" for node in nodes if node.stage == stage]:
            yield from (f"  {line}" for line in [*begin(stage, title), *inside, end])
    yield from (f"  n{source} {arrow} n{node.number}" for node in nodes for source in node.reads)


def _entities(text: str) -> str:
    """Return text for Mermaid's quotes: signs that may mean something in Markdown or HTML are written as #code;."""
    return "".join(letter if letter.isalnum() or letter in " ,.:()=-" else f"#{ord(letter)};" for letter in text)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')

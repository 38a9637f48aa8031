"""Draws an explanation: in Mermaid, which GitHub shows, or in Graphviz's dot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol


class Drawn(Protocol):
    """What a diagram needs to know of a node. `stage` is 1 or 2; `reads` are the numbers of its sources."""

    @property
    def number(self) -> int: ...
    @property
    def stage(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def reads(self) -> tuple[int, ...]: ...


STAGES = {1: "for each partition", 2: "for all partitions"}


def mermaid(nodes: Sequence[Drawn]) -> str:
    return "\n".join(["flowchart LR", *_mermaid(nodes)]) + "\n"


def _mermaid(nodes: Sequence[Drawn]) -> Iterator[str]:
    for stage, title in STAGES.items():
        inside = [node for node in nodes if node.stage == stage]
        if inside:
            yield f'  subgraph stage{stage}["{title}"]'
            for node in inside:
                yield f'    n{node.number}["{_entities(node.title)}"]'
            yield "  end"
    for node in nodes:
        for source in node.reads:
            yield f"  n{source} --> n{node.number}"


def _entities(text: str) -> str:
    """Return text for Mermaid's quotes: signs that may mean something in Markdown or HTML are written as #code;."""
    return "".join(letter if letter.isalnum() or letter in " ,.:()=-" else f"#{ord(letter)};" for letter in text)


def dot(nodes: Sequence[Drawn]) -> str:
    return "\n".join(["digraph job {", "  rankdir=LR", "  node [shape=box]", *_dot(nodes), "}"]) + "\n"


def _dot(nodes: Sequence[Drawn]) -> Iterator[str]:
    for stage, title in STAGES.items():
        inside = [node for node in nodes if node.stage == stage]
        if inside:
            yield f"  subgraph cluster{stage} {{"
            yield f'    label="{title}"'
            for node in inside:
                yield f'    n{node.number} [label="{_quoted(node.title)}"]'
            yield "  }"
    for node in nodes:
        for source in node.reads:
            yield f"  n{source} -> n{node.number}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')

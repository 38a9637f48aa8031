"""Explains to people what a job does with events: its steps, windows, state, time, and what runs in parallel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from textwrap import wrap

import msgspec

from ..engine.event_times import EARLY_TOLERANCE, TimePolicies
from ..jobs.job_toml import FileInput, HubInput, JobConfig
from ..language.render import render_expression
from ..language.ticks import TICKS_PER_SECOND
from ..language.warned import Warned
from ..planning.nodes import Input, Plan, Stream
from ..planning.topology import Topology, topology
from .describe import ExplainedNode, describe, in_words
from .diagrams import STAGES, dot, mermaid

FORMATS = ("text", "json", "mermaid", "dot")


class Explanation(msgspec.Struct, frozen=True):
    """`span` is the longest time, in seconds, by which an event can come before an output's row that it changes.

    `partitions` is the number of partitions of each input, as far as it is known. `named` are the columns without AS
    and their names, as `step.name = expression`; `warnings` are what the query may not mean.
    """

    is_embarrassingly_parallel: bool
    span: float
    nodes: tuple[ExplainedNode, ...]
    partitions: Mapping[str, int] = {}
    named: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()


def explain(
    plan: Plan,
    config: JobConfig | None = None,
    format: str = "text",
    partitions: Mapping[str, int] | None = None,
    warnings: Sequence[Warned] = (),
) -> str:
    """Return the explanation in one of `FORMATS`. Raises `ValueError` for another format.

    The stages are those of a job whose inputs have so many `partitions`; an input that is not given has several.
    `warnings` are those of the query.
    """
    explained = explanation(plan, config, partitions, warnings)
    match format:
        case "text":
            return _text(explained)
        case "json":
            return msgspec.json.format(msgspec.json.encode(explained)).decode()
        case "mermaid":
            return mermaid(explained.nodes)
        case "dot":
            return dot(explained.nodes)
    raise ValueError(f"{format!r} is not one of {', '.join(FORMATS)}")


def explanation(
    plan: Plan,
    config: JobConfig | None = None,
    partitions: Mapping[str, int] | None = None,
    warnings: Sequence[Warned] = (),
) -> Explanation:
    """Return the explanation as values. The arguments are as in `explain`."""
    keys: Mapping[str, str | None] = config.partition_keys if config else {}
    divided = topology(plan, keys, partitions)
    return Explanation(
        divided.is_embarrassingly_parallel,
        plan.span / TICKS_PER_SECOND,
        tuple(_explained(number, divided, config) for number in range(len(divided.plan.nodes))),
        partitions or {},
        plan.named,
        tuple(warnings),
    )


def _explained(number: int, divided: Topology, config: JobConfig | None) -> ExplainedNode:
    node = divided.plan.nodes[number]
    stage = 1 if number in divided.partitioned else 2
    title, details = describe(number, divided.plan)
    if isinstance(node, Input):
        stream = divided.plan.streams[node.stream]
        details = (*_origin(stream.input, config), _time(stream, config.policies if config else TimePolicies()))
    return ExplainedNode(number, node.step, stage, title, details, node.sources, divided.reasons.get(number))


def _origin(name: str, config: JobConfig | None) -> Iterator[str]:
    match config.inputs.get(name) if config else None:
        case HubInput(hub=hub, partition_key=key):
            yield f"from: hub {hub}, " + (f"partitioned by {key}" if key else "its partition_key is not known")
        case FileInput(file=file):
            yield f"from: file {file}"


def _time(stream: Stream, policies: TimePolicies) -> str:
    if stream.timestamp is None:
        return "time: arrival; the settings for late and disordered events apply to TIMESTAMP BY only"
    over = ", ".join(render_expression(key.expression) for key in stream.over)
    late = "taken however late" if policies.late is None else f"later than {in_words(policies.late)} after it"
    verb = "adjusted" if policies.action == "adjust" else "dropped"
    limits = [late if policies.late is None else f"{verb} if {late}"]
    limits.append(f"{verb} if out of order by more than {in_words(policies.out_of_order)}")
    limits.append(f"dropped if more than {in_words(EARLY_TOLERANCE)} before it")
    each = f", for each {over} by itself" if over else ""
    return f"time: {render_expression(stream.timestamp.expression)}{each}; {'; '.join(limits)}"


# Text: a tree for each stage


def _text(explained: Explanation) -> str:
    return "\n".join(_lines(explained)) + "\n"


def _lines(explained: Explanation) -> Iterator[str]:
    if explained.partitions and set(explained.partitions.values()) == {1}:
        yield "One partition: all of it runs in one stage."
    elif explained.is_embarrassingly_parallel:
        yield "Embarrassingly parallel: all of it runs for each partition by itself."
    else:
        yield "Not embarrassingly parallel: a merging stage takes rows of all partitions."
        for node in explained.nodes:
            if node.reason is not None:
                yield f"  {node.title}"
                yield from wrap(f"{node.reason}.", 110, initial_indent="    ", subsequent_indent="    ")
        if not explained.partitions:
            yield "Over hubs of one partition there is no merging stage: all of it runs in one."
    if explained.span:
        yield f"An event can change rows for {in_words(ceil(explained.span) * TICKS_PER_SECOND)} after it."
    if explained.named:
        yield "Columns without AS:"
        yield from (f"  {named}" for named in explained.named)
    yield from map(str, explained.warnings)
    for stage, title in STAGES.items():
        roots = [node for node in explained.nodes if node.stage == stage and _is_root(node, explained.nodes)]
        if roots:
            yield ""
            yield f"Stage {stage}, once {title}"
        for root in roots:
            yield from _tree(root, explained.nodes, "", "")


def _is_root(node: ExplainedNode, nodes: Sequence[ExplainedNode]) -> bool:
    return all(nodes[source].stage != node.stage for source in node.reads)


def _tree(node: ExplainedNode, nodes: Sequence[ExplainedNode], branch: str, below: str) -> Iterator[str]:
    """Yield a node and the nodes that read it. One that reads several is drawn under the first; the others name it."""
    elsewhere = [nodes[source] for source in node.reads if nodes[source].stage != node.stage]
    yield branch + node.title + "".join(f"  <- stage 1: {source.step}" for source in elsewhere)
    readers = [each for each in nodes if node.number in each.reads]
    here = [each for each in readers if each.stage == node.stage]
    margin = below + ("│    " if here else "     ")
    for detail in node.details:
        yield margin + detail
    for each in here:
        last = each is here[-1]
        mark, inner = ("└─ ", "   ") if last else ("├─ ", "│  ")
        if each.reads[0] == node.number or not _is_below(each.reads[0], nodes, each.stage):
            yield from _tree(each, nodes, below + mark, below + inner)
        else:
            yield f"{below}{mark}-> {each.title}"


def _is_below(source: int, nodes: Sequence[ExplainedNode], stage: int) -> bool:
    return nodes[source].stage == stage

"""The alerts of deploy/prometheus/rules.yml, in words: what is wrong, and where to look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from .markdown import cell, table

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yml"


def markdown() -> str:
    return table(("Alert", "After", "What is wrong", "Where to look"), _rows())


def _rows() -> Iterator[tuple[str, ...]]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            notes = rule["annotations"]
            name = rule["alert"] + (", critical" if rule["labels"]["severity"] == "critical" else "")
            yield name, rule.get("for", "at once"), _words(notes["summary"]), _words(notes["description"])


def _words(text: str) -> str:
    """Return a text of Prometheus's templates with a word in capitals for each value."""
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda label: label[1].upper(), text)
    return cell(re.sub(r"\{\{ \$value.*? \}\}", "N", text))

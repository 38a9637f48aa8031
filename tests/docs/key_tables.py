"""The tables of docs/keys.md, made from the keys that each domain lists. Printed by python -m tests.docs.key_tables."""

from __future__ import annotations

import pipeline.boards.keys
import pipeline.console.keys
import pipeline.hub.keys
import pipeline.reference.keys
import pipeline.store.keys
import pipeline.windows.jobs.keys
import pipeline.work.keys
from pipeline.store.keys import Key

MODULES = {
    "The database": pipeline.store.keys,
    "Hubs": pipeline.hub.keys,
    "Boards": pipeline.boards.keys,
    "Window jobs and their outputs": pipeline.windows.jobs.keys,
    "Reference data": pipeline.reference.keys,
    "Tasks": pipeline.work.keys,
    "The console": pipeline.console.keys,
}

DOMAINS: dict[str, tuple[Key, ...]] = {title: module.KEYS for title, module in MODULES.items()}

HEAD = "| Key | Type | What it holds | Goes by itself | Deleted by |\n|---|---|---|---|---|\n"


def table(keys: tuple[Key, ...]) -> str:
    return HEAD + "".join(
        f"| `{key.pattern}` | {key.type} | {_cell(key.holds)} | {_cell(key.ttl or 'no')} | {_cell(key.deleted_by)} |\n"
        for key in keys
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for title, keys in DOMAINS.items():
        print(f"## {title}\n\n{table(keys)}")

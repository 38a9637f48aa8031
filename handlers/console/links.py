"""The addresses of what has a page of its own, by its name."""

from __future__ import annotations

from urllib.parse import quote


def hub_href(name: str) -> str:
    return f"/console/hubs/{quote(name, safe='')}"


def dead_letters_href(hub: str) -> str:
    return f"{hub_href(hub)}/deadletters"


def job_href(name: str) -> str:
    return f"/console/jobs/{quote(name, safe='')}"


def board_href(name: str) -> str:
    return f"/console/boards/{quote(name, safe='')}"

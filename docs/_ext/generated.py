"""Pages that are made of the code: a block that names what is to stand there is replaced before the page is read.

    ```{generated} commands
    ```

So what a command or an endpoint says of itself is written once, and its headings can be linked to as any other's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from . import alerts, commands, framework_reference, http_reference

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MAKERS: Mapping[str, Callable[[], str]] = {
    "alerts": alerts.markdown,
    "commands": commands.markdown,
    "framework": framework_reference.markdown,
    "operations": http_reference.operations,
    "bodies": http_reference.bodies,
}

BLOCK = re.compile(r"^```\{generated\} (\w+)\n```$", re.MULTILINE)


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = BLOCK.sub(lambda block: MAKERS[block[1]](), source[0])


def setup(app: Sphinx) -> None:
    app.connect("source-read", fill, priority=400)  # before the links in what is made are looked at

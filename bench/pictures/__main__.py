"""Draw all pictures of the guide anew, each from code or from stored figures; say which have changed."""

from __future__ import annotations

import logging

import click

from .registry import DOCS, drawn


@click.command(help=__doc__)
def main() -> None:
    logging.disable()  # the engine warns of the events that a picture is about
    for path, draw in drawn():
        new = draw()
        if not path.exists() or path.read_text() != new:
            path.write_text(new)
            click.echo(path.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()

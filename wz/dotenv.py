"""Environment variables from files, for development: `.env`, which stays on one machine, and `.wzenv`, which is shared.

What the environment has already wins, then a file that is named (`wz --env-file`), then `.env`, then `.wzenv`. Both are
looked for in the current folder and those above it. WZ_SKIP_DOTENV=1 leaves them alone. Needs python-dotenv.
"""

from __future__ import annotations

import os
import sys

_DEFAULTS = (".wzenv", ".env")
_FALSE = ("0", "false", "no")


def get_load_dotenv(default: bool = True) -> bool:
    """Say whether the default files are to be read: `default`, unless WZ_SKIP_DOTENV is set."""
    skip = os.environ.get("WZ_SKIP_DOTENV")
    return skip.lower() in _FALSE if skip else default


def load_dotenv(path: str | os.PathLike[str] | None = None, load_defaults: bool = True) -> bool:
    """Set the variables of the file at `path`, and with `load_defaults` those of `.env` and `.wzenv`, that are not set.

    Return whether a file had any. Without python-dotenv nothing is read; if there is a file, a hint is printed.
    """
    if load_defaults and os.path.isfile(".flaskenv"):
        _hint("there is a .flaskenv, which is not read: rename it to .wzenv, and FLASK_ in it to WZ_")
    try:
        import dotenv  # optional: most programs are told their environment
    except ModuleNotFoundError:
        if path or (load_defaults and any(map(os.path.isfile, _DEFAULTS))):
            _hint("there are .env files: install python-dotenv to use them")
        return False
    found: dict[str, str | None] = {}
    for name in _DEFAULTS if load_defaults else ():
        try:
            file = dotenv.find_dotenv(name, usecwd=True)
        except FileNotFoundError:  # the current folder was deleted
            file = ""
        if file:
            found |= dotenv.dotenv_values(file, encoding="utf-8")
    if path is not None and os.path.isfile(path):
        found |= dotenv.dotenv_values(path, encoding="utf-8")
    for name, value in found.items():
        if value is not None:
            os.environ.setdefault(name, value)
    return bool(found)


def _hint(text: str) -> None:
    print(f" * Tip: {text}.", file=sys.stderr)

"""The `wz` command. Where click is not installed, it says so."""

from __future__ import annotations

import sys


def main() -> None:
    try:
        from .cli import main as command  # here, where click may be missing
    except ModuleNotFoundError as exc:
        if exc.name != "click":
            raise
        sys.exit(f"Error: {exc}")
    command(prog_name="wz")


if __name__ == "__main__":
    main()

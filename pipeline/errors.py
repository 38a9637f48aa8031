"""The root of what the pipeline raises. Leaves live beside the code that raises them."""

from __future__ import annotations


class PipelineError(Exception):
    """Something that the caller can be told.

    The message says what is wrong and what to do; `field` is the name of the input that was wrong, where one
    was. `handlers.error_table` says which status each has over HTTP, or where it is answered.
    """

    field: str | None = None

    @property
    def with_notes(self) -> str:
        """The message, and below it what was added by `add_note`: lines that logs and tables have no room for."""
        return "\n".join([str(self), *getattr(self, "__notes__", [])])


class InvalidValue(PipelineError, ValueError):
    """A value that can't be taken as it is, and is never rounded or cut to fit."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field

"""What can be wrong with a question to a board. A wrong value is `pipeline.errors.InvalidValue`."""

from __future__ import annotations

from ..errors import PipelineError


class UnknownMember(PipelineError, LookupError):
    def __init__(self, board: str, member: str) -> None:
        super().__init__(f"{member!r} has no score on the board {board!r}")
        self.board, self.member = board, member


class UnknownBoard(PipelineError, LookupError):
    def __init__(self, board: str) -> None:
        super().__init__(f"there is no board {board!r}, or it has no members")
        self.board = board


class UnknownSegment(PipelineError, LookupError):
    def __init__(self, board: str, segment: str) -> None:
        super().__init__(f"nobody on the board {board!r} with a score is in the segment {segment!r}")
        self.board, self.segment = board, segment


class BoardExists(PipelineError):
    def __init__(self, board: str) -> None:
        super().__init__(f"there is a board {board!r} already: delete it, or ask for it to be replaced")
        self.board = board


class WrongPlaces(PipelineError):
    def __init__(self, board: str, places: int) -> None:
        super().__init__(
            f"the board {board!r} has members whose scores have {places} places, and can't have others: "
            "make another board"
        )
        self.board, self.places = board, places


class StaleBoard(PipelineError):
    """The sums don't belong to the scores: something else wrote to the sorted set, or made it."""

    def __init__(self, board: str, what: str) -> None:
        super().__init__(
            f"the sums of the board {board!r} are not those of its scores ({what}): `wz board rebuild {board}` mends it"
        )
        self.board = board


class BoardChanged(PipelineError):
    """The board was written to while all of it was read. Ask again when it is quiet."""

    def __init__(self, board: str) -> None:
        super().__init__(f"the board {board!r} was written to meanwhile: try again")
        self.board = board


class NoSample(PipelineError):
    def __init__(self, board: str) -> None:
        super().__init__(f"the board {board!r} keeps no sample to estimate from: configure it with a `sample` size")
        self.board = board

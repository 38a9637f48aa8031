"""What the tour's program is about, without a word of HTTP: scores, ranks, and a signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from urllib.parse import quote

KEY_NAME = "tour"
KEY = "no secret, since it stands in the guide"


class UnknownMember(LookupError):
    """No score was given to this member."""


class Boards:
    """Scores in dicts. Ranks begin at 0 for the best; those with one score are in order of name."""

    def __init__(self) -> None:
        self.scores: dict[str, dict[str, float]] = {}

    def put(self, board: str, member: str, score: object) -> dict[str, object]:
        """Set a score, and return the standing. Raises ValueError for what is no score."""
        if type(score) not in (int, float) or not abs(score) < 2**53:
            raise ValueError("score must be a number below 2**53")
        self.scores.setdefault(board, {})[member] = score
        return self.standing(board, member)

    def standing(self, board: str, member: str) -> dict[str, object]:
        """Return score and rank. Raises UnknownMember."""
        for rank, (name, score) in enumerate(self._ranked(board)):
            if name == member:
                return {"member": member, "score": score, "rank": rank}
        raise UnknownMember(f"{member} has no score on {board}")

    def top(self, board: str, limit: int) -> dict[str, object]:
        """Return the best members of a board, at most `limit`."""
        best = self._ranked(board)[:limit]
        return {
            "board": board,
            "members": [{"member": name, "score": score} for name, score in best],
        }

    def _ranked(self, board: str) -> list[tuple[str, float]]:
        scores = self.scores.get(board, {})
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def token(url: str, seconds: int = 600) -> str:
    """Sign a URL as Event Hubs want it: what a relay sends as Authorization with each event."""
    resource, expiry = quote(url.lower(), safe=""), int(time.time()) + seconds
    signature = hmac.digest(KEY.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256)
    text = quote(base64.b64encode(signature), safe="")
    return f"SharedAccessSignature sr={resource}&sig={text}&se={expiry}&skn={KEY_NAME}"

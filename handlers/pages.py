"""Pages of a stream: `after` is the last offset that a reader has, `next` in the answer the one for its next page."""

from __future__ import annotations

from typing import Annotated

import msgspec

from pipeline.store.offsets import OFFSET


class Page(msgspec.Struct, forbid_unknown_fields=True):
    after: Annotated[str, msgspec.Meta(pattern=f"^{OFFSET}$")] = "0"
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100

from __future__ import annotations

import pytest

from handlers.readers import Readers, ShareTaken, TooManyReaders


def test_a_place_that_is_given_back_twice_is_one() -> None:
    readers = Readers(places=2, share=1)
    place = readers.enter("ann")
    place.leave()
    with place:
        pass

    with readers.enter("ann"), pytest.raises(ShareTaken):
        readers.enter("ann")
    readers.enter("bob")
    readers.enter("cid")
    with pytest.raises(TooManyReaders):
        readers.enter("dan")

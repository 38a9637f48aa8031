from __future__ import annotations

from collections import Counter

import pytest

from pipeline.windows.operators.faults import INPUT, ROW, Faults


def test_all_are_counted_and_the_first_of_each_thousand_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    counts: Counter[str] = Counter()
    faults = Faults("job", counts)
    for number in range(1, 2002):
        faults.report(INPUT, number)
    faults.report(ROW, "another kind")

    assert counts == {INPUT: 2001, ROW: 1}
    assert [record.args[1] for record in caplog.records if isinstance(record.args, tuple)] == [
        1,
        1001,
        2001,
        "another kind",
    ]

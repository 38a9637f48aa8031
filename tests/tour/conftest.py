"""The one fixture of the tour: a test that takes `step` runs on every step, and on the same program in Flask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .steps import FLASK, OVER_A_SOCKET, STEPS, Step, number, open_step


@pytest.fixture(params=[*STEPS, *(f"{name}, socket" for name in OVER_A_SOCKET)])
def step(request: pytest.FixtureRequest) -> Iterator[Step]:
    name, _, socket = request.param.partition(", ")
    if socket and request.node.get_closest_marker("in_process"):
        pytest.skip("the server decides this, and not the client")
    if mark := request.node.get_closest_marker("since"):
        learnt, reason, raises, flask = mark.args
        if socket:  # a server answers what is raised, and the test sees its 500
            raises = (raises, AssertionError) if isinstance(raises, type) else (*raises, AssertionError)
        # Strict, as all of this suite: a step that has learnt it may not say that it has not.
        if number(name) < learnt:
            request.applymarker(pytest.mark.xfail(reason=f"not yet: {reason}", raises=raises))
        elif flask and name == FLASK:
            request.applymarker(pytest.mark.xfail(reason=f"not in Flask: {flask}", raises=raises))
    with open_step(name, over_a_socket=bool(socket)) as opened:
        yield opened

"""Whether the installed Werkzeug is the one that the short ways were written for, by every private name that they use.

A plain request goes short ways: it is matched by walking a small tree (`wz/fast.py`), its body is read without a stream
around it (`wz/bodies.py`), its response is made and sent without Werkzeug's constructors (`wz/reply.py`). Whatever is
in doubt goes the long way, to Werkzeug's own Map, Request and Response. Both ways must give the same answers:
tests/wz/test_match.py, test_request.py, test_response.py and test_fast.py compare them. `python -m bench.framework`
measures how much time it saves.

If Werkzeug changes, so that a name used here is gone or means something else, `AVAILABLE` is False and everything goes
the long way, with the same answers, but slower. A warning in the log of `wz.compat` says so and names what does not
fit, once in each process.
"""

from __future__ import annotations

import io
import logging

from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

#: The default converter's pattern where it is alone in its segment: any text that is not empty.
ANY_TEXT = r"(?P<__werkzeug_0>[^/]{1,})\Z"


def find_misfit() -> str:
    """Return what has changed about the private names that are used; an empty text if nothing has."""
    try:
        rule = Rule("/a/<b>", endpoint="e", methods=["GET"])
        url_map = Map([rule])
        url_map.update()
        ((part, child),) = url_map._matcher._root.static[""].static[""].static["a"].dynamic
        if part.content != ANY_TEXT:
            return f"the default converter's pattern is {part.content!r}"
        if part.final or child.rules != [rule] or list(rule._converters) != ["b"]:
            return "the matcher's states have another structure"
        response = Response(b"{}", 201, content_type="text/json")
        known = {
            "headers": response.headers,
            "response": [b"{}"],
            "direct_passthrough": False,
            "_on_close": [],
            "_status": "201 CREATED",
            "_status_code": 201,
        }
        if vars(response).keys() != known.keys():
            return f"a response has other attributes: {', '.join(sorted(vars(response).keys() ^ known.keys()))}"
        if vars(response) != known or response.headers._list != [
            ("Content-Type", "text/json"),
            ("Content-Length", "2"),
        ]:
            return "a response's attributes have other values"
        posted = Request({"wsgi.input": io.BytesIO(b"body"), "CONTENT_LENGTH": "4"})
        if posted.get_data() != b"body" or vars(posted).get("_cached_data") != b"body" or "stream" not in vars(posted):
            return "a request keeps its body in another place"
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        return f"{type(exc).__name__}: {exc}"
    return ""


_misfit = find_misfit()
AVAILABLE = not _misfit
if _misfit:
    logging.getLogger(__name__).warning(
        "wz takes Werkzeug's own way for each request, which gives the same answers several times slower, since its "
        "short ways were not written for this Werkzeug: %s",
        _misfit,
    )

"""The pictures of docs/hub.md and docs/deploy.md."""

from __future__ import annotations

from ..drawing import arrow, box, legend, line, rect, svg, text

KINDS = {"done": "grey", "held": "yellow", "new": "green", "box": "page"}


def way() -> str:
    """Draw the way of an event, from the client into a partition and on to its readers."""
    lines = [*box(20, 112, 84, 76, "box", "client", "POST"), *box(152, 84, 136, 132, "box", *_SERVER)]
    lines += [*arrow(104, 138, 152, 138), *arrow(152, 166, 104, 166), text(128, 184, "201", "code middle")]
    lines.append(text(424, 36, "Redis: a stream each partition", "middle"))
    for number, (passed, waiting) in enumerate(((4, 3), (5, 0), (2, 4), (4, 0))):
        y = 56 + 56 * number
        lines += arrow(288, 150, 336, y + 14)
        lines += [rect(344 + 22 * place, y, 22, 28, "done") for place in range(passed)]
        lines += [rect(344 + 22 * place, y, 22, 28, "new") for place in range(passed, passed + waiting)]
        at = 344 + 22 * passed
        lines += [line((at, y - 5), (at, y + 33), kind="mark")]
        lines.append(text(344, y + 45, f"{{hub:events:{number}}}:events", "code small"))
    for number, (name, meaning) in enumerate(_READERS.items()):
        y = 60 + 76 * number
        lines += [*arrow(516, 150, 560, y + 26), rect(560, y, 160, 52, "box", 4), text(572, y + 22, name, "code")]
        lines.append(text(572, y + 41, meaning, "small"))
    lines += [text(728, 82, "→ Azure", "small"), text(728, 98, "→ another wz", "small")]
    lines += [
        text(728, 166, "→ boards", "small"),
        *legend(344, 284, {"done": "$relay is done with it; the line is its offset"}),
    ]
    description = (
        "A client posts an event. gunicorn checks its token, finds the partition of its key, and answers 201 when "
        "one script call has stored it. Each partition is a stream in Redis. The relay, window jobs and clients "
        "read it, each from its own offset."
    )
    return svg("The way of an event", description, 820, 312, lines, KINDS)


_SERVER = ("nginx, gunicorn", "token", "key → partition", "one script call", "201 when stored")
_READERS = {
    "$relay": "one request a partition",
    "job:NAME": "windows of its query",
    "a client": "pages, poll, stream",
}


def retention() -> str:
    """Draw what holds events in a partition, and what does not."""
    lines = [text(24, 36, "{hub:events:2}: one partition, oldest event first", "code")]
    held_from = 6
    lines += [rect(24 + 36 * place, 92, 36, 44, "done" if place < held_from else "held") for place in range(20)]
    for place, name, meaning, is_above in (
        (held_from, "$relay", "attached, and the furthest behind", True),
        (15, "job:rewards", "attached", True),
        (3, "$Default", "offset of a client: holds nothing", False),
    ):
        x = 24 + 36 * place
        top = 68 if is_above else 92
        lines += [line((x, top), (x, top + 68), kind="mark"), text(x + 6, 64 if is_above else 162, name, "code")]
        lines.append(text(x + 6, 82 if is_above else 180, meaning, "small"))
    goes = "goes when it is older than the retention, or the partition is above nine tenths of its bytes"
    held = "is held for an attached group, whatever its age; a partition that is full of it answers 503"
    lines += [rect(24, 206, 18, 18, "done"), text(52, 220, goes), rect(24, 234, 18, 18, "held"), text(52, 248, held)]
    description = (
        "Events up to the offset of the attached group that is the furthest behind may go by age and by size. "
        "Those after it are held. The offset of a group of a client holds nothing."
    )
    return svg("What holds events in a partition", description, 800, 272, lines, KINDS)


def processes() -> str:
    """Draw the processes of a machine."""
    lines = [text(10, 55, "client"), *arrow(55, 50, 130, 50), text(92, 42, "8080, 8443", "small middle")]
    lines += [*box(130, 20, 120, 60, "box", "nginx", "wz-nginx.service"), *arrow(250, 50, 370, 50)]
    lines += [text(310, 42, "gunicorn.sock", "small middle"), text(310, 66, "wz-web.socket", "small middle")]
    lines += [*box(370, 20, 140, 60, "box", "gunicorn", "wz-web.service"), *arrow(510, 50, 640, 50)]
    lines += [*box(640, 20, 140, 170, "box", "Redis", "append-only file"), *arrow(520, 160, 640, 160)]
    lines += [*box(360, 130, 160, 60, "box", "workers", "wz-worker@1.service ..."), *arrow(360, 160, 262, 160)]
    lines += [
        text(180, 157, "an Event Hub, webhooks,", "small middle"),
        text(180, 174, "files in /var/lib/wz", "small middle"),
    ]
    description = (
        "A client's request goes to nginx, which passes it on by a unix socket to gunicorn's master's workers; "
        "they ask Redis. Workers of wz read Redis, and send on to another namespace. systemd holds the socket."
    )
    return svg("The processes of a machine", description, 800, 210, lines, KINDS)


PICTURES = {"hub/way.svg": way, "hub/retention.svg": retention, "deploy/processes.svg": processes}

"""What the pages of docs/life show of the recordings, as parts that this writes: see page_parts.py."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Mapping

from myst_parser.slugs import github_slugify

from deploy.nginx import DEPLOY
from pipeline.store.options import SOCKET_TIMEOUT

from . import figures
from .life_stations import FOLDER, STATIONS, TOGETHER, Recording, Said
from .page_parts import filled

GET, POST = "request.json", "event.json"
PAGES = ("index.md", "event.md")

#: As which the pages name it.
PROGRAM = "bench.life"


def write(recordings: Mapping[str, Recording]) -> None:
    """Write the parts of the pages anew."""
    for page in PAGES:
        path = FOLDER / page
        path.write_text(filled(path.read_text(), PROGRAM, blocks(recordings)))


def percent(share: float) -> str:
    return "less than 1 %" if share < 0.005 else f"{share:.0%}".replace("%", " %")


def blocks(recordings: Mapping[str, Recording]) -> dict[str, str]:
    """Return all parts that a page may have, by name."""
    get, post = recordings[GET], recordings[POST]
    found = {"get.of": _of(GET, get), "post.of": _of(POST, post), "way": _way(get), "ways": _ways(get, post)}
    for prefix, file, recording in (("get", GET, get), ("post", POST, post)):
        said = recording.said
        found |= {f"{prefix}.{name}.time": _time(file, recording, name) for name in STATIONS}
        found |= {
            f"{prefix}.client": _fence("http", _lines(said.client.sent)),
            f"{prefix}.nginx": _http("What nginx sends to gunicorn", said.gunicorn.sent),
            f"{prefix}.parse": _folded("What the parser has made of it", "text", _parsed(said)),
            f"{prefix}.environ": _folded("The environ", "json", _json(said.environ)),
            f"{prefix}.layers": _folded("The layers, and the share that is each one's own", "text", _layers(recording)),
            f"{prefix}.match": _fence("text", _detail(recording, "match")),
            f"{prefix}.hooks": _fence("text", _hooks(recording, "before")),
            f"{prefix}.redis": _folded("The command", "text", _resp(said.redis.sent))
            + "\n\n"
            + _folded("The reply", "text", _resp(said.redis.received)),
            f"{prefix}.after": _fence("text", _hooks(recording, "after")),
            f"{prefix}.response": _folded("What gunicorn's start_response is given", "text", _head(said)),
            f"{prefix}.send": _http("What gunicorn sends to nginx", said.gunicorn.received),
            f"{prefix}.back": _http("What nginx sends to the client", said.client.received),
            f"{prefix}.logs": "\n\n".join(
                _folded(f"{name}'s line", "json", _json(json.loads(line))) for name, line in said.logs.items()
            ),
        }
    found["get.untraced"] = _untraced(get)
    found["timeouts"] = _timeouts()
    found["get.nginx.changed"] = _changed(get.said)
    found["post.environ.changed"] = _fence("json", _json(_other(get.said.environ, post.said.environ)))
    return found


def _of(file: str, recording: Recording) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in recording.versions.items())
    return (
        f"Recorded by `{recording.by}`: {figures.origin(figures.stored(FOLDER / file))}; {versions}. The times are "
        f"the medians of {recording.traces} traces, the quickest quarter of all."
    )


def _untraced(recording: Recording) -> str:
    share = _figure(GET, percent(recording.untraced), "untraced")
    return f"By the client's clock, the same request without a trace took {share} of the time."


def _timeouts() -> str:
    nginx, gunicorn = (DEPLOY / "nginx.conf").read_text(), runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))

    def of_nginx(name: str) -> float:
        found = re.search(rf"^ *{name} (\d+)s;", nginx, re.MULTILINE)
        if found is None:
            raise LookupError(f"nginx.conf has no {name}")
        return float(found[1])

    rows = [
        ("`client_header_timeout`, nginx", of_nginx("client_header_timeout"), "a client whose header comes slowly"),
        ("`socket_timeout`, the service", SOCKET_TIMEOUT, "a command that Redis does not answer"),
        ("`timeout`, gunicorn", gunicorn["timeout"], "a worker without a heartbeat: its master kills it"),
        ("`proxy_read_timeout`, nginx", of_nginx("proxy_read_timeout"), "the wait for gunicorn's next byte"),
        ("`send_timeout`, nginx", of_nginx("send_timeout"), "a client that takes nothing"),
    ]
    lines = [f"| {name} | {seconds:g} | {what} |" for name, seconds, what in rows]
    return "\n".join(["| Limit | Seconds | What it ends |", "|---|---|---|", *lines])


def _way(recording: Recording) -> str:
    lines = ["| Station | What it does | Share |", "|---|---|---|"]
    for name, station in STATIONS.items():
        lines.append(f"| {_link(name)} | {station.summary} | {_share(recording, name)} |")
    return "\n".join(lines)


def _ways(get: Recording, post: Recording) -> str:
    lines = ["| Station | The GET | The POST |", "|---|---|---|"]
    for name in get.shares:
        lines.append(f"| {_link(name, 'index.md')} | {_share(get, name)} | {_share(post, name)} |")
    return "\n".join(lines)


def _share(recording: Recording, name: str) -> str:
    if name in TOGETHER:
        return f"with {_link(TOGETHER[name])}"
    return percent(recording.shares[name])


def _time(file: str, recording: Recording, name: str) -> str:
    if name in TOGETHER:
        return f"**Time.** With {_link(TOGETHER[name])}."
    share = percent(recording.shares[name])
    if not share[0].isdigit():
        return f"**Time.** {share.capitalize()} of the whole."
    return f"**Time.** {_figure(file, share, f'shares/{name}')} of the whole."


def _figure(file: str, text: str, place: str) -> str:
    """Return a figure with the link to its place, as figures.py has it."""
    return f"[{text}]({file}#/{place})"


def _link(name: str, page: str = "") -> str:
    heading = STATIONS[name].heading
    return f"[{heading}]({page}#{github_slugify(heading)})"


def _parsed(said: Said) -> str:
    parsed = said.parsed
    facts = {
        "method": parsed.method,
        "uri": parsed.uri,
        "path": parsed.path,
        "query": parsed.query,
        "version": parsed.version,
    }
    lines = [f"{name:8} {value!r}" for name, value in facts.items()]
    return "\n".join([*lines, "headers", *(f"    {header!r}" for header in parsed.headers)])


def _layers(recording: Recording) -> str:
    layers = [step for step in recording.steps if step.step == "layer"]
    inside = [f"{'  ' * depth}{step.name:<{32 - 2 * depth}}{step.share:6.1%}" for depth, step in enumerate(layers)]
    return "\n".join([*inside, f"{'  ' * len(layers)}app"])


def _hooks(recording: Recording, kind: str) -> str:
    return "\n".join(f"{step.name:<24} {step.file}" for step in recording.steps if step.step == kind) or "(none)"


def _detail(recording: Recording, kind: str) -> str:
    return next(step.detail for step in recording.steps if step.step == kind)


def _head(said: Said) -> str:
    return "\n".join([repr(said.status), *map(repr, said.headers)])


def _headers(message: str) -> list[str]:
    return [line.partition(":")[0] for line in message.partition("\r\n\r\n")[0].split("\r\n")[1:]]


def _changed(said: Said) -> str:
    came, sent = _headers(said.client.sent), _headers(said.gunicorn.sent)
    added = ", ".join(f"`{name}`" for name in sent if name not in came)
    gone = ", ".join(f"`{name}`" for name in came if name not in sent)
    return f"nginx has added {added}, and taken away {gone or 'nothing'}."


def _other(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in after.items() if before.get(key) != value and key != "HTTP_X_REQUEST_ID"}


def _resp(data: str) -> str:
    """Return a message of Redis's protocol, a line each; bytes that are no text as escapes."""
    lines = data.removesuffix("\r\n").split("\r\n")
    return "\n".join(
        "".join(c if c.isascii() and c.isprintable() else f"\\x{ord(c):02x}" for c in line) for line in lines
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)


def _http(title: str, message: str) -> str:
    return _folded(title, "http", _lines(message))


def _lines(message: str) -> str:
    return message.replace("\r\n", "\n").rstrip("\n")


def _folded(title: str, language: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{_fence(language, text)}\n\n</details>"


def _fence(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"

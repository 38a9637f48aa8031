"""nginx.conf for another place than /run/wz: what `wz up`, tests and benches run is the file of production."""

from __future__ import annotations

import grp
import os
import pwd
import re
import resource
from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

from . import servers

DEPLOY = Path(__file__).parent
DESCRIPTORS = 20_000  # worker_rlimit_nofile, unless the user's hard limit is lower
INCLUDE = "include /etc/wz/nginx.d/*.conf;"
INCLUDE_ORIGINS = "include /etc/wz/nginx.d/*.origins;"
GUIDE_URL = 'default "";  # WZ_GUIDE_URL'


class TLS(NamedTuple):
    """A certificate with its chain, its key, both in PEM, and the port for HTTPS."""

    certificate: Path
    key: Path
    port: int = 8443


def render_nginx(
    run_dir: Path,
    listen: str,
    tls: TLS | None = None,
    log: Literal["json", "text"] = "text",
    conf: Path = DEPLOY / "nginx.conf",
    origins: Collection[str] = (),
    guide_url: str = "",
) -> str:
    """Return nginx.conf, complete, for the user of this process, with `run_dir` in place of /run/wz.

    `listen` is `HOST:PORT`; with `tls`, that port sends clients on to HTTPS on the same host. No file of the machine is
    included, and the guide is what is in `guide` of `run_dir`. `log` is the form of the access log, `origins` are those
    of WZ_CORS_ORIGINS, `guide_url` is WZ_GUIDE_URL. Raises `ValueError` if what is to be replaced is not there.
    """
    text = conf.read_text()
    host = listen.rpartition(":")[0]
    block = _tls(tls, host) if tls else ""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    descriptors = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    for old, new in {
        f"worker_rlimit_nofile {DESCRIPTORS};": f"worker_rlimit_nofile {descriptors};",
        "/run/wz/": f"{run_dir}/",
        "listen 8080;": f"listen {listen};",
        INCLUDE: block,
        INCLUDE_ORIGINS: " ".join(map(_page, sorted(origins))),
        "access_log /dev/stdout json ": f"access_log /dev/stdout {log} ",
        "root /usr/local/share/wz;": f"root {run_dir};",
        GUIDE_URL: GUIDE_URL.replace('""', f'"{guide_url}"'),
    }.items():
        text = _replaced(conf, text, old, new)
    if os.geteuid() == 0:
        # nginx's master would give its workers to "nobody", who could not reach the socket.
        text = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(os.getegid()).gr_name};\n{text}"
    return text


def _tls(tls: TLS, host: str) -> str:
    conf = DEPLOY / "nginx.d" / "tls.conf"
    text = conf.read_text()
    http2 = "listen 8443 ssl;\nhttp2 on;"
    listen = f"listen {host}:{tls.port} ssl"
    for old, new in {
        http2: f"{listen};\nhttp2 on;" if servers.version(servers.nginx()) >= (1, 25, 1) else f"{listen} http2;",
        "$host:8443": f"$host:{tls.port}",
        "/etc/wz/tls/fullchain.pem": str(tls.certificate),
        "/etc/wz/tls/privkey.pem": str(tls.key),
    }.items():
        text = _replaced(conf, text, old, new)
    return re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)


def _page(origin: str) -> str:
    return "~. *;" if origin == "*" else f"{origin} $http_origin;"


def _replaced(conf: Path, text: str, old: str, new: str) -> str:
    if old not in text:
        raise ValueError(f"{conf} has no {old!r} to replace")
    return text.replace(old, new)

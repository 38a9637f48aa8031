"""Connections to a namespace, by the proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name.

The variables are read as by curl and Python's own clients: in either case, ALL_PROXY for both schemes, and NO_PROXY
with names, which stand for all below them, separated by commas.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import urllib3

from ..settings.row import InvalidSetting

#: Longer than a request's `timeout`, at which the service itself gives up: see upstream.py.
TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)


@dataclass(frozen=True)
class Proxy:
    """`url` has no user name or password; they are in `headers`, which no log shows."""

    url: str
    headers: dict[str, str] = field(repr=False)


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for requests to this URL, None if they go there straight. Raises `InvalidSetting`."""
    target = urlsplit(url)
    proxies = getproxies_environment()
    variable = f"{target.scheme}_proxy"
    text = proxies.get(target.scheme)
    if text is None:
        variable, text = "all_proxy", proxies.get("all")
    if not text or proxy_bypass(target.netloc):
        return None
    return _parse(variable.upper(), text if "://" in text else f"http://{text}")


def _parse(variable: str, text: str) -> Proxy:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:  # of the host, or of the port
        host = None
    if not host or parts.scheme not in ("http", "https") or port == 0:
        raise InvalidSetting(
            variable, "write http://[user:password@]host:port, or https:// for a proxy that speaks TLS"
        )
    place = f"[{host}]" if ":" in host else host
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    headers = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}") if user or password else {}
    return Proxy(f"{parts.scheme}://{place}" + (f":{port}" if port else ""), headers)


def pool(proxy: Proxy | None, ca: Path | None) -> urllib3.PoolManager:
    """Return connections that are kept, by a proxy if there is one.

    Certificates are checked, against the system's authorities or those in the PEM file `ca`. Nothing is sent twice.
    """
    options: dict[str, Any] = {"maxsize": 64, "retries": False, "timeout": TIMEOUT, "cert_reqs": "CERT_REQUIRED"}
    trusted = str(ca) if ca else None
    if proxy is None:
        return urllib3.PoolManager(ca_certs=trusted, **options)
    return urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, ca_certs=trusted, **options)

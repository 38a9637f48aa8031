"""Whether an address is this service's own, so that a relay to it would feed itself.

That is known as far as settings tell it: the root rule's connection string has a name and the port, WZ_HOSTS has more
names. A way back that has other names is found by the events' hops: see hops.py.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Set
from dataclasses import dataclass

from ..connection_string import ConnectionString
from ..settings import Settings


@dataclass(frozen=True)
class OwnAddress:
    """The host names of this service, in lower case, and its port. Without a port nothing is known."""

    hosts: Set[str] = frozenset()
    port: int | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> OwnAddress:
        root = settings.connection_string
        if root is None:
            return cls()
        return cls(frozenset({root.host, *settings.hosts}), root.port)

    def why_not(self, target: ConnectionString, there: str, hub: str) -> str:
        """Say why `hub` can't be relayed to the hub `there` of `target`: it is `hub` itself; "" if it can."""
        if not self.is_at(target) or there.lower() != hub.lower():
            return ""
        return f"{target.host}:{target.port} is this service, so the hub {hub} would be relayed to itself"

    def is_at(self, target: ConnectionString) -> bool:
        """Say whether a connection string is one of this service."""
        if target.port != self.port:
            return False
        host = target.host.removesuffix(".")
        return host in self.hosts or (is_loopback(host) and any(map(is_loopback, self.hosts)))


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, however it is spelt: `localhost`, `127.1`, `::1`, or 0.0.0.0 for all."""
    if host in ("localhost", "localhost.") or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # what `connect` takes: 127.1, 0x7f000001
        except OSError:
            return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified

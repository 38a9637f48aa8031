"""A way to a server that a test can change, or cut."""

from __future__ import annotations

import socket
import threading

from .socket_proxy import SocketProxy


class Proxy(SocketProxy):
    """Sends each new connection to `target`, which may be changed; those that there are stay where they are.

    Once it is `cut`, connections stay open, and all that is sent is lost, as between machines.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.cut = threading.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        super().__init__(listener)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.target))

    def passes(self, data: bytes, connection: int, by_server: bool) -> bool:
        return not self.cut.is_set()

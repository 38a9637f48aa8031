"""What stands between a client and a server, and passes on what each sends: a class to be made into more."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class SocketProxy:
    """Opens a connection to the server for each that comes to `listener`, which it closes at its end."""

    def __init__(self, listener: socket.socket) -> None:
        self._ends = [listener]
        self._connections = 0
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def connect(self) -> socket.socket:
        """Return a new connection to the server. Raises `OSError` if it does not listen: the client's is closed."""
        raise NotImplementedError

    def passes(self, data: bytes, connection: int, by_server: bool) -> bool:
        """Say whether these bytes are passed on; connections are counted from 1."""
        return True

    def close(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = listener.accept()
                try:
                    server = self.connect()
                except OSError:
                    client.close()
                    continue
                self._connections += 1
                self._ends += (client, server)
                for source, sink, by_server in ((client, server, False), (server, client, True)):
                    ends = (source, sink, self._connections, by_server)
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, connection: int, by_server: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self.passes(data, connection, by_server):
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

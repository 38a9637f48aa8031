"""Clients that are slow, large or many, and what they do to all others: with and without nginx.

    gunicorn -c docs/tour/10_gunicorn/1_listen.conf.py --pythonpath docs/tour/11_nginx slow:app
    nginx -p /tmp -e stderr -c $PWD/docs/tour/11_nginx/3_edge.conf
    python docs/tour/11_nginx/experiments.py 127.0.0.1:8000 127.0.0.1:8080

Each of them is a function of an address, and of the seconds after which "nothing came" is said.
"""

import select
import socket
import sys


def connect(address):
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)))


def first_line(client, seconds):
    """Return the first line of an answer, "" if the connection was closed, None if nothing came."""
    if not select.select([client], [], [], seconds)[0]:
        return None
    try:
        return client.recv(4096).decode().partition("\r\n")[0]
    except ConnectionResetError:
        return ""


def others(address, seconds):
    """Say how somebody else fares at this moment."""
    with connect(address) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: tour\r\n\r\n")
        return "others are served" if first_line(client, seconds) else "others wait"


def silent(address, seconds):
    with connect(address):
        return others(address, seconds)


def half_a_body(address, seconds):
    with connect(address) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: tour\r\nContent-Length: 2\r\n\r\n1")
        return others(address, seconds)


def reads_nothing(address, seconds):
    with connect(address) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: tour\r\n\r\n")
        return others(address, seconds)


def two_requests(address, seconds):
    with connect(address) as client:
        for after in ("at once", "after the first"):
            answer = b""
            while b"ended" not in answer:
                try:
                    client.sendall(b"" if answer else b"GET / HTTP/1.1\r\nHost: tour\r\n\r\n")
                    received = (
                        client.recv(4096) if select.select([client], [], [], seconds)[0] else b""
                    )
                except OSError:
                    received = b""
                if not received:
                    return f"it is closed {after}"
                answer += received
    return "both are answered"


def large_body(address, seconds):
    """Announce more than nginx takes; if that is not refused at once, send it."""
    with connect(address) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: tour\r\nContent-Length: 2000000\r\n\r\n")
        line = first_line(client, seconds)
        return line.split()[1]


def many(address, seconds):
    statuses = set()
    for _ in range(40):
        with connect(address) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: tour\r\nConnection: close\r\n\r\n")
            statuses.add(first_line(client, seconds).split()[1])
    return " and ".join(sorted(statuses))


EXPERIMENTS = {
    "A client connects, and says nothing": silent,
    "A client sends half of a body": half_a_body,
    "A client reads nothing of 32 MB": reads_nothing,
    "A client has a second request on its connection": two_requests,
    "A client announces a body of 2 MB": large_body,
    "A client sends 40 requests": many,
}

if __name__ == "__main__":
    for name, experiment in EXPERIMENTS.items():
        print(name, *(experiment(address, 2.0) for address in sys.argv[1:]), sep=" | ")

"""What lasts too long, and how a process ends: the seconds of all that waits."""

from pathlib import Path

wsgi_app = "waiting:app"
pythonpath = str(Path(__file__).parent)
bind = "127.0.0.1:8000"
backlog = 1024  # connections that wait in the kernel until a worker takes them

workers = 2  # processes; about one a core
worker_class = "gthread"  # the default, "sync", has one thread, and keeps no connection open
threads = 4  # requests at once, of each process
preload_app = False  # workers import the app after the fork, so that no two share a connection

timeout = 20  # seconds without a heartbeat until a worker is killed: no limit of a request
graceful_timeout = 15  # seconds for requests under way, once their worker is told to end
keepalive = 35  # seconds for a connection's next request; longer than the proxy in front waits
control_socket_disable = True  # signals are enough

"""Several at once: processes, which use the cores, and threads in each, which fill the waits."""

from pathlib import Path

wsgi_app = "waiting:app"
pythonpath = str(Path(__file__).parent)
bind = "127.0.0.1:8000"
backlog = 1024  # connections that wait in the kernel until a worker takes them

workers = 2  # processes; about one a core
worker_class = "gthread"  # the default, "sync", has one thread, and keeps no connection open
threads = 4  # requests at once, of each process

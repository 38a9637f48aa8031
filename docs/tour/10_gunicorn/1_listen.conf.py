"""The least: a socket, and one process that takes one connection after the other from it."""

from pathlib import Path

wsgi_app = "waiting:app"
pythonpath = str(Path(__file__).parent)
bind = "127.0.0.1:8000"

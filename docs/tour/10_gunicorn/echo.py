"""Has Redis echo a word, over a connection that is made when this file is imported.

WZ_REDIS_SOCKET=/PATH gunicorn --chdir docs/tour/10_gunicorn --workers 2 echo:app
curl -sNT . 127.0.0.1:8000/word      # lasts until Ctrl-D
"""

import os
import socket

redis = socket.socket(socket.AF_UNIX)
redis.connect(os.environ["WZ_REDIS_SOCKET"])


def app(environ, start_response):
    word = environ["PATH_INFO"][1:]  # of less than ten letters
    redis.sendall(f"ECHO {word}\r\n".encode())
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"asked\n"
    environ["wsgi.input"].read()  # the client says when, as in waiting.py
    yield redis.recv(len(f"$4\r\n{word}\r\n")).split()[1]

"""A connection that crosses a fork is one connection in two processes, which read each other's answers.

python docs/tour/10_gunicorn/fork.py PATH-OF-THE-SOCKET-OF-A-REDIS
"""

import os
import socket
import sys


def ask(word):
    redis.sendall(f"ECHO {word}\r\n".encode())


def tell(word):
    print(f"{word} was answered {redis.recv(12).split()[1].decode()}", flush=True)  # b"$6\r\nparent\r\n"


redis = socket.socket(socket.AF_UNIX)
redis.connect(sys.argv[1])
ask("parent")
if os.fork():
    os.wait()
    tell("parent")
else:
    ask("child.")
    tell("child.")

"""A connection that crosses a fork is one, in two processes that read each other's answers.

python docs/tour/10_gunicorn/fork.py PATH-OF-THE-SOCKET-OF-A-REDIS
"""

import os
import socket
import sys


def ask(word):
    redis.sendall(f"ECHO {word}\r\n".encode())


def tell(word):
    reply = redis.recv(12)  # b"$6\r\nparent\r\n"
    print(f"{word} was answered {reply.split()[1].decode()}", flush=True)


redis = socket.socket(socket.AF_UNIX)
redis.connect(sys.argv[1])
ask("parent")
if os.fork():
    os.wait()
    tell("parent")
else:
    ask("child.")
    tell("child.")

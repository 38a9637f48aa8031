"""The program of the process in which functions run. It is run as a file, and imports nothing of the project.

On standard input comes a line of JSON, [seconds a call, bytes of memory a function, [[name, source], ...]], and then a
line for each call: the function's place in that list, a blank, and the arguments as JSON. Each is answered by one line:
JSON, or "!" and an error as JSON text. The answer to the first is null, or "!" and JSON of [place of the function that
is wrong, why].
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PREPARE = Path(__file__).with_name("values.js").read_text()


class _Functions:
    def __init__(self, seconds: float, memory: int) -> None:
        self._seconds = seconds
        self._memory = memory

    def prepared(self, name: str, source: str) -> Callable[[str], str]:
        """Return what calls a function. Raises `JSException`."""
        import quickjs  # an extra: who only imports this file does not need it

        context = quickjs.Context()
        context.set_memory_limit(self._memory)
        context.set_time_limit(self._seconds)
        with self.limited():
            call: Callable[[str], str] = context.eval(_PREPARE)(source, name)
        return call

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Have the system end this process by SIGPROF if what is done takes twice as long as QuickJS allows."""
        signal.setitimer(signal.ITIMER_PROF, 2 * self._seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def told(self, exc: Exception) -> bytes:
        text = str(exc).partition("\n")[0].removeprefix("TypeError: ").removeprefix("InternalError: ")
        return json.dumps(f"it took more than {self._seconds} s" if text == "interrupted" else text).encode()


def main() -> None:
    import quickjs

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    read, write = sys.stdin.buffer, sys.stdout.buffer
    seconds, memory, sources = json.loads(read.readline())
    functions = _Functions(seconds, memory)
    calls: list[Callable[[str], str]] = []
    for place, (name, source) in enumerate(sources):
        try:
            calls.append(functions.prepared(name, source))
        except quickjs.JSException as exc:
            write.write(b"![%d,%b]\n" % (place, functions.told(exc)))
            return
    write.write(b"null\n")
    write.flush()
    for line in read:
        number, arguments = line.split(b" ", 1)
        place = int(number)
        try:
            with functions.limited():
                answer = calls[place](arguments.decode()).encode()
        except quickjs.JSException as exc:
            answer = b"!" + functions.told(exc)
            calls[place] = functions.prepared(*sources[place])  # what is left of its memory is not known
        write.write(answer + b"\n")
        write.flush()


if __name__ == "__main__":
    main()

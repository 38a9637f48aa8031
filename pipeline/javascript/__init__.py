"""Runs JavaScript functions that somebody else wrote: pure functions of JSON values, with limits of time and memory.

    functions.py    starts the process, and calls functions in it
    process.py      what runs in that process: QuickJS, a context for each function
    values.js       in each context: makes JavaScript's values of JSON and JSON of them; takes clock and chance away

The engine is the package quickjs-ng, which is an extra: pip install '.[javascript]'. It stops loops in JavaScript
itself, but not in its own C code, such as [].indexOf.call({length: 2 ** 53}), and a fault in it could end the process
or read its memory. So it runs in a process of its own, which has no secrets in its environment, and which the
operating system ends when a call has used too much processor time. QuickJS knows no files, sockets or modules.

What goes in and out is JSON, except that an array is written [0, items...] and a Date [1, milliseconds since 1970].
"""

from __future__ import annotations

from .functions import SECONDS, FunctionError, JavaScript, WrongFunction

__all__ = ["SECONDS", "FunctionError", "JavaScript", "WrongFunction"]

"""Functions in JavaScript, in the real engine: values both ways, errors, limits, and what they may not do."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.javascript import FunctionError, JavaScript, WrongFunction

pytest.importorskip("quickjs", reason="the extra is not installed: pip install '.[javascript]'")

Call = Callable[..., Any]


def calling(source: str, name: str = "f") -> Call:
    """Return what calls one function with arguments that are JSON in the form of the package."""
    functions = JavaScript({name: source})

    def call(*arguments: Any) -> Any:
        return msgspec.json.decode(functions.call(name, msgspec.json.encode([0, *arguments])))

    return call


def process_of(functions: JavaScript) -> subprocess.Popen[bytes]:
    assert functions._process is not None
    return functions._process.process


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("function main(x) { return x + 1 }", "f"),
        ("// of the portal\nfunction hex2Int(x) { return x + 1 } // the end", "other"),
        ("function (x) { return x + 1 }", "f"),
        ("x => x + 1", "f"),
        ("var one = { a: 1 };\nfunction main(x) { return add(x) }\nfunction add(x) { return x + one.a }", "f"),
        ("function other() {}\nfunction twice(x) { return x + 1 }", "twice"),
        ("function main(x) { return x + 1 };", "f"),
    ],
    ids=[
        "main",
        "one, of any name",
        "without a name",
        "an arrow",
        "with others",
        "of its own name",
        "with a semicolon",
    ],
)
def test_a_function_may_be_written_in_several_ways(source: str, name: str) -> None:
    assert calling(source, name)(41) == 42


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -5,
        2**53,
        -(2**53),
        1.5,
        1e300,
        "",
        "é \U0001f600 \0 \n \u2028 \" \\ '",
        [1, 1_714_521_600_123],
        [1, -62_135_596_800_000],
        [0],
        [0, 1, [0, [1, 5]], {"a": None}],
        {},
        {"a": {"b": [0, {"c": "d"}]}, "A": 1},
        {"__proto__": 1, "constructor": 2, "toString": 3},
    ],
    ids=repr,
)
def test_a_value_comes_back_as_it_went_in(value: Any) -> None:
    assert calling("x => x")(value) == value


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("() => undefined", None),
        ("() => {}", None),
        ("() => -0", 0),
        ("() => [, 1]", [0, None, 1]),
        ("() => ({ a: undefined })", {"a": None}),
        ("d => d instanceof Date && d.getTime()", 5),
        ("() => new Date(2024, 0, 1, 5).toISOString()", "2024-01-01T05:00:00.000Z"),
        ("() => new Date('2024-01-01T05:00:00+02:00')", [1, 1_704_078_000_000]),
        ("function main() { return arguments.length }", 1),
        ("(a, b) => b", None),
    ],
)
def test_what_a_function_gives(source: str, answer: Any) -> None:
    assert calling(source)([1, 5]) == answer


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("function main(x) {\n  return x.a.b\n}", "^TypeError: cannot read property 'b' of undefined, line 2$"),
        ("() => { throw new RangeError('too far') }", "^RangeError: too far, line 1$"),
        ("() => { throw 'as text' }", "^as text$"),
        ("() => 0 / 0", "^it gives NaN$"),
        ("() => -1 / 0", "^it gives -Infinity$"),
        ("() => 5n", "^it gives a bigint, for which a query has no type$"),
        ("() => Symbol('x')", "^it gives a symbol, "),
        ("() => main", "main is not defined"),
        ("() => () => 1", "^it gives a function, "),
        ("() => new Error('x')", "^it gives a Error, "),
        ("() => [new Map()]", "^it gives a Map, "),
        ("async () => 1", "^it gives a Promise, "),
        ("() => new Date('never')", "^it gives an invalid Date$"),
        ("() => { var a = {}; a.a = a; return a }", "^it gives more than 100 levels of records and arrays$"),
    ],
)
def test_what_is_no_value_is_an_error_that_says_why(source: str, message: str) -> None:
    with pytest.raises(FunctionError, match=message):
        calling(source)({})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("while (true);", "^it took more than 0.[12] s$"),
        ("for (;;) { try { for (;;); } catch (e) {} }", "^it took more than 0.[12] s$"),
        ("return /(a+)+$/.test('a'.repeat(40) + 'b')", "^it took more than 0.[12] s$"),
        ("return new Array(4e9).join('x').length", "^it took more than 0.2 s$"),  # in the engine's own code
        ("var a = []; for (;;) a.push(new Array(1000).fill(1))", "out of memory|it took more than"),
        ("return 'x'.repeat(1 << 28)", "out of memory"),
        ("var s = 'x'; for (;;) s += s", "too long|out of memory"),
        ("return main() + 1", "Maximum call stack size exceeded"),
        ("throw { toString: function () { for (;;); } }", "^it took more than 0.[12] s$"),
    ],
)
def test_a_call_without_an_end_is_one_error_and_the_next_call_is_right(source: str, message: str) -> None:
    functions = JavaScript({"bad": f"function main() {{ {source} }}", "good": "x => x + 1"})
    for _ in range(2):
        with pytest.raises(FunctionError, match=message):
            functions.call("bad", b"[0]")
        assert functions.call("good", b"[0,1]") == b"2"


def test_nothing_is_kept_from_one_call_to_the_next() -> None:
    for source in [
        "var n = 0; function main() { n += 1; return n }",
        "function main() { main.n = (main.n || 0) + 1; return main.n }",
        "function main() { n = (typeof n === 'undefined' ? 0 : n) + 1; return n }",
        "function main() { globalThis.n = (globalThis.n || 0) + 1; return n }",
        "function main() { var s = Symbol.for('n'); globalThis[s] = (globalThis[s] || 0) + 1; return globalThis[s] }",
        "arguments.callee.n = (arguments.callee.n || 0) + 1; var n = arguments.callee.n; "
        "function main() { return n || 1 }",
        "n = 1; function main() { return typeof m === 'number' ? n : 2 } m = 1",
        "function main() { (0, eval)('var n; n = (n || 0) + 1'); return n }",
    ]:
        count = calling(source)
        assert [count(), count(), count()] == [1, 1, 1]


@pytest.mark.parametrize(
    "kept",
    [
        "Math",
        "Array.prototype",
        "parseInt",
        "Object.getPrototypeOf(function* () {})",
        "Object.prototype",
        "[].values()",
    ],
)
def test_nothing_is_kept_in_built_in_objects(kept: str) -> None:
    own = f"Object.getPrototypeOf({kept})" if kept.startswith("[]") else kept
    set_ = calling(f"function main() {{ var o = {own}, n = o.n || 0; o.n = n + 1; return n }}")
    assert [set_(), set_()] == [0, 0]
    defined = calling(f"function main() {{ Object.defineProperty({own}, 'n', {{ value: 1 }}); return 1 }}")
    for _ in range(2):
        with pytest.raises(FunctionError, match="not extensible"):
            defined()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("Object.defineProperty(globalThis, 'n', { value: 1 })", "it defines a global that can't be deleted"),
        ("Object.setPrototypeOf(globalThis, { n: 1 })", "it changes what globalThis inherits"),
    ],
)
def test_what_would_stay_in_the_global_object_is_an_error(change: str, message: str) -> None:
    call = calling(f"function main(really) {{ var had = typeof n; if (really) {change}; return had }}")
    for _ in range(2):
        with pytest.raises(FunctionError, match=message):
            call(True)
        assert call(False) == "undefined"


def test_own_objects_may_have_what_built_in_ones_have() -> None:
    source = """
        function Point(x) { this.x = x; }
        Point.prototype.toString = function () { return 'at ' + this.x; };
        function main() {
            'use strict';
            const record = {}, error = new Error('a');
            record.constructor = 1; record['toString'] = 2; error.name = 'Own';
            return [record, String(error), String(new Point(3))];
        }"""
    assert calling(source)() == [0, {"constructor": 1, "toString": 2}, "Own: a", "at 3"]


def test_an_error_with_half_of_a_surrogate_pair_is_a_text() -> None:
    with pytest.raises(FunctionError, match=r"^\?$"):
        calling(r"() => { throw '\ud800' }")()


@pytest.mark.parametrize(
    "expression",
    [
        "Date.now()",
        "new Date()",
        "Date()",
        "new (new Date(0).constructor)()",
        "Math.random()",
        "Reflect.construct(Date, [])",
    ],
)
def test_what_differs_from_call_to_call_is_refused(expression: str) -> None:
    with pytest.raises(FunctionError, match=r"is not allowed: it would give other rows when events are read again$"):
        calling(f"() => {expression}")()


@pytest.mark.parametrize(
    "name",
    ["require", "process", "fetch", "XMLHttpRequest", "std", "os", "print", "console", "setTimeout", "performance"],
)
def test_a_function_reaches_nothing_outside(name: str) -> None:
    assert calling(f"() => typeof {name}")() == "undefined"


def test_the_process_has_no_secrets_and_the_time_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WZ_SECRET", "hidden")
    monkeypatch.setenv("TZ", "America/New_York")
    functions = JavaScript({"f": "() => new Date(0).getHours()"})

    assert functions.call("f", b"[0]") == b"0"
    assert b"hidden" not in Path(f"/proc/{process_of(functions).pid}/environ").read_bytes()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("function main( {", "^SyntaxError: .*line"),
        ("\n\nvar a = ;", "^SyntaxError: unexpected token in expression: ';', line 3$"),
        ("function other() {}\nfunction another() {}", "^it has no function main$"),
        ("", "^it has no function main$"),
        ("5", "^it has no function main$"),
        ("nothing.there; function main() {}", "nothing is not defined"),
        ("while (true);", "^it took more than 0.[12] s$"),
    ],
)
def test_a_source_that_is_wrong_is_refused_at_once(source: str, message: str) -> None:
    with pytest.raises(WrongFunction, match=message) as error:
        JavaScript({"good": "x => x", "bad": source})
    assert error.value.name == "bad"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_somebody_ends_is_started_anew(end: signal.Signals) -> None:
    functions = JavaScript({"f": "x => x + 1"})
    for _ in range(3):
        assert functions.call("f", b"[0,1]") == b"2"
        process = process_of(functions)
        os.kill(process.pid, end)
        process.wait()


def test_the_process_ends_with_the_object() -> None:
    functions = JavaScript({"f": "x => x"})
    functions.call("f", b"[0,1]")
    process = process_of(functions)
    del functions

    assert process.returncode is not None


def test_threads_take_turns() -> None:
    functions = JavaScript({"f": "x => x"})
    found: list[list[bytes]] = [[] for _ in range(4)]

    def work(number: int) -> None:
        found[number] = [functions.call("f", b"[0,%d]" % number) for _ in range(200)]

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [[b"%d" % number] * 200 for number in range(4)]


def test_the_answer_of_a_call_that_was_interrupted_is_not_the_next_call_s() -> None:
    functions = JavaScript({"f": "x => { if (x) for (;;); return x }"})

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(KeyboardInterrupt):
            functions.call("f", b"[0,1]")
    finally:
        signal.signal(signal.SIGALRM, before)

    assert functions.call("f", b"[0,0]") == b"0"


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WrongFunction, match=r"install quickjs-ng: pip install '\.\[javascript\]'$"):
        JavaScript({"f": "x => 'never checked before'"})

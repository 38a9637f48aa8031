// Evaluated once in each context. Gives prepare(source, name), which gives call(text): JSON of the arguments in, JSON of
// the answer out (__init__.py says in which form), or '!' and the error as JSON text. What it needs of the built-in
// objects it takes before the function could change them.
(function () {
    'use strict';
    const evaluate = eval, { parse, stringify } = JSON, { isArray } = Array;
    const { keys, freeze, getPrototypeOf, getOwnPropertyDescriptor, defineProperty } = Object;
    const { apply, construct, deleteProperty, ownKeys } = Reflect, { isFinite } = Number, OwnDate = Date, Text = String;
    const kindOf = Object.prototype.toString, getTime = OwnDate.prototype.getTime, exec = RegExp.prototype.exec;
    const DEEPEST = 100;

    // Rows are made again from the same events after a crash, and must be the same.
    function refuse(what) {
        throw what + ' is not allowed: it would give other rows when events are read again';
    }
    globalThis.Date = new Proxy(OwnDate, {
        construct: (date, given, made) => given.length ? construct(date, given, made) : refuse('new Date()'),
        apply: () => refuse('Date()'),
    });
    OwnDate.prototype.constructor = globalThis.Date;
    OwnDate.now = () => refuse('Date.now()');
    Math.random = () => refuse('Math.random()');
    for (const name of ['performance', 'WeakRef', 'FinalizationRegistry']) delete globalThis[name];

    // A function keeps nothing from one call to the next, so the built-in objects stay as they are.
    function keep(...objects) {
        const seen = new Set([globalThis]);
        for (let object; objects.length;) {
            object = objects.pop();
            if ((typeof object !== 'object' && typeof object !== 'function') || object === null || seen.has(object)) continue;
            seen.add(object);
            objects.push(getPrototypeOf(object));
            const names = ownKeys(object), isPrototype = names.includes('constructor');
            for (const name of names) {
                const { value, get, set, configurable, enumerable } = getOwnPropertyDescriptor(object, name);
                objects.push(value, get, set);
                if (isPrototype && configurable && !get && !set) defineProperty(object, name, inherited(name, value));
            }
            freeze(object);
        }
    }

    // What inherits a property that can't be written could else not be given one of this name: { }.constructor = 1.
    function inherited(name, value) {
        return {
            get: () => value,
            set(own) { defineProperty(this, name, { value: own, writable: true, enumerable: true, configurable: true }); },
        };
    }

    const builtIn = ownKeys(globalThis), ofGlobal = getPrototypeOf(globalThis);
    keep(
        ...builtIn.map(name => globalThis[name]), ofGlobal, function* () {}, async function () {}, async function* () {},
        [].values(), ''[Symbol.iterator](), new Map().values(), new Set().values(), ''.matchAll(/x/g),
    );
    for (const name of builtIn) {
        if (getOwnPropertyDescriptor(globalThis, name).configurable) {
            defineProperty(globalThis, name, { writable: false, configurable: false });
        }
    }
    const isBuiltIn = { __proto__: null };
    for (const name of builtIn) isBuiltIn[name] = true;

    // Takes away what a function set without `var`. What can't be taken away ends this context: see process.py.
    function clean() {
        const names = ownKeys(globalThis);
        for (let at = 0; at < names.length; at++) {
            if (!isBuiltIn[names[at]] && !deleteProperty(globalThis, names[at])) {
                throw new TypeError("it defines a global that can't be deleted");
            }
        }
        if (getPrototypeOf(globalThis) !== ofGlobal) throw new TypeError('it changes what globalThis inherits');
    }

    function given(value) {
        if (value === null || typeof value !== 'object') return value;
        if (isArray(value)) {
            if (value[0] === 1) return new OwnDate(value[1]);
            const items = [];
            for (let place = 1; place < value.length; place++) items[place - 1] = given(value[place]);
            return items;
        }
        for (const names = keys(value), last = { at: 0 }; last.at < names.length; last.at++) {
            value[names[last.at]] = given(value[names[last.at]]);
        }
        return value;
    }

    function written(value, depth) {
        switch (typeof value) {
            case 'undefined': return 'null';
            case 'boolean': return value ? 'true' : 'false';
            case 'string': return stringify(value);
            case 'number':
                if (!isFinite(value)) throw 'it gives ' + value;
                return stringify(value);
            case 'object': break;
            default: throw 'it gives a ' + typeof value + ', for which a query has no type';
        }
        if (value === null) return 'null';
        if (depth === DEEPEST) throw 'it gives more than ' + DEEPEST + ' levels of records and arrays';
        if (value instanceof OwnDate) {
            const time = apply(getTime, value, []);
            if (!isFinite(time)) throw 'it gives an invalid Date';
            return '[1,' + time + ']';
        }
        let text = '';
        if (isArray(value)) {
            for (let place = 0; place < value.length; place++) text += ',' + written(value[place], depth + 1);
            return '[0' + text + ']';
        }
        const kind = apply(kindOf, value, []);
        if (kind !== '[object Object]') throw 'it gives a ' + kind.slice(8, -1) + ', for which a query has no type';
        const names = keys(value);
        for (let at = 0; at < names.length; at++) {
            text += (at ? ',' : '') + stringify(names[at]) + ':' + written(value[names[at]], depth + 1);
        }
        return '{' + text + '}';
    }

    // Strings are thrown by this file, all else by the function or by the engine on its behalf.
    function told(error) {
        if (typeof error === 'string') return error;
        const place = error instanceof Error ? apply(exec, /<input>:(\d+):/, [Text(error.stack)]) : null;
        return Text(error) + (place ? ', line ' + place[1] : '');
    }

    // The source is one function, or it has some and perhaps tables, and calls one of them main or as itself.
    function compiled(source, name) {
        try {
            const make = evaluate('(function () { return (' + source + '\n) })');
            if (typeof make() === 'function') return make;
        } catch (error) {
            if (!(error instanceof SyntaxError)) throw error;
        }
        evaluate('(function () { ' + source + '\n})');  // so that an error in it is not one of the text below
        const own = apply(exec, /^[A-Za-z_$][\w$]*$/, [name]) ? ' : typeof ' + name + " === 'function' ? " + name : '';
        const main = "typeof main === 'function' ? main" + own + ' : undefined';
        const make = evaluate('(function () { ' + source + '\nreturn ' + main + ' })');
        if (typeof make() !== 'function') throw 'it has no function main';
        return make;
    }

    return function prepare(source, name) {
        let make;
        try {
            make = compiled(source, name);
            keep(make);
            clean();
        } catch (error) {
            throw new TypeError(told(error));
        }
        return function call(text) {
            try {
                return written(apply(make(), undefined, given(parse(text))), 0);  // made anew, so it remembers nothing
            } catch (error) {
                return '!' + stringify(told(error));
            } finally {
                clean();
            }
        };
    };
})()

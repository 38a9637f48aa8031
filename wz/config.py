"""The configuration: a dict that can fill itself from objects, files and the environment.

    app.config.from_object("shop.defaults")              the upper-case names of a module or class
    app.config.from_file("config.toml", silent=True)     a file beside the app's module, if there is one
    app.config.from_prefixed_env()                       WZ_SECRET_KEY=..., WZ_REDIS__DATABASE=4

What is read later wins. Needs nothing but the standard library.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from errno import EISDIR, ENOENT, ENOTDIR
from importlib import import_module
from types import ModuleType
from typing import IO, Any

from .config_attribute import ConfigAttribute as ConfigAttribute

#: What an app begins with. Sessions add their own when they are named.
DEFAULT_CONFIG: Mapping[str, Any] = {
    "APPLICATION_ROOT": "/",
    "DEBUG": False,
    "EXPLAIN_TEMPLATE_LOADING": False,
    "MAX_CONTENT_LENGTH": None,  # bytes
    "MAX_COOKIE_SIZE": 4093,  # bytes; a larger cookie is warned of, 0 warns of none
    "MAX_FORM_MEMORY_SIZE": 500_000,  # bytes of a form's fields, files not counted
    "MAX_FORM_PARTS": 1_000,
    "PREFERRED_URL_SCHEME": "http",
    "PROPAGATE_EXCEPTIONS": None,  # None: in debug and testing only
    "PROVIDE_AUTOMATIC_OPTIONS": True,
    "SECRET_KEY": None,
    "SEND_FILE_MAX_AGE_DEFAULT": None,  # seconds
    "SERVER_NAME": None,
    "TEMPLATES_AUTO_RELOAD": None,  # None: in debug only
    "TESTING": False,
    "TRAP_BAD_REQUEST_ERRORS": None,  # None: in debug, for a key that a form or query lacks
    "TRAP_HTTP_EXCEPTIONS": False,
    "TRUSTED_HOSTS": None,
    "USE_X_SENDFILE": False,
}

#: Settings that Flask has, or had, and that nothing reads: see `wz.untaken`.
UNTAKEN = {
    "ENV",
    "JSONIFY_MIMETYPE",
    "JSONIFY_PRETTYPRINT_REGULAR",
    "JSON_AS_ASCII",
    "JSON_SORT_KEYS",
    "PRESERVE_CONTEXT_ON_EXCEPTION",
}

#: What a text, as the environment has it, would make each request fail for.
_NUMBERS = {"MAX_CONTENT_LENGTH", "MAX_COOKIE_SIZE", "MAX_FORM_MEMORY_SIZE", "MAX_FORM_PARTS"}


def get_debug_flag() -> bool:
    """Say whether WZ_DEBUG asks for debug; `wz --debug` sets it."""
    return os.environ.get("WZ_DEBUG", "").lower() not in ("", "0", "false", "no")


class Config(dict[str, Any]):
    """A dict of settings, named in capitals. Relative file names start at `root_path`, the app's folder."""

    def __init__(self, root_path: str | os.PathLike[str] = ".", defaults: Mapping[str, Any] | None = None) -> None:
        super().__init__(defaults or {})
        self.root_path = root_path

    def __setitem__(self, name: str, value: Any) -> None:
        if name in UNTAKEN:
            from .untaken import warn_of_setting  # optional: a program that does nothing in vain does not load it

            warn_of_setting(name)
        if name in _NUMBERS and isinstance(value, str):
            raise TypeError(f"the setting {name} must be a number, not the text {value!r}")
        super().__setitem__(name, value)

    def update(self, *args: Any, **values: Any) -> None:
        for name, value in dict(*args, **values).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def from_object(self, obj: object) -> None:
        """Take the upper-case attributes of `obj`: a module, a class, an instance, or the import name of one."""
        if isinstance(obj, str):
            obj = _import(obj)
        for name in dir(obj):
            if name.isupper():
                self[name] = getattr(obj, name)

    def from_mapping(self, mapping: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None, **values: Any) -> bool:
        """Take the items with upper-case keys, keywords over those of a mapping or of pairs. Always returns True."""
        self.update({key: value for key, value in dict(mapping or {}, **values).items() if key.isupper()})
        return True

    def from_file(
        self,
        filename: str | os.PathLike[str],
        load: Callable[[IO[Any]], Mapping[str, Any]] | None = None,
        silent: bool = False,
        text: bool = True,
    ) -> bool:
        """Take what `load(file)` returns; without `load`, the ending of the file's name decides: `.toml` or `.json`.

        The file is opened as text or as bytes, as `text` says (`tomllib.load` wants bytes). Raises OSError for a file
        that does not exist; if `silent`, returns False.
        """
        if load is None:
            load, text = _loader(filename)
        path = os.path.join(self.root_path, filename)
        try:
            with open(path, "r" if text else "rb", encoding="utf-8" if text else None) as file:
                return self.from_mapping(load(file))
        except ValueError as exc:  # of JSON and of TOML: they know the line, and not the file
            exc.add_note(f"The configuration file is {path!r}.")
            raise
        except OSError as exc:
            return _missing(exc, silent)

    def from_pyfile(self, filename: str | os.PathLike[str], silent: bool = False) -> bool:
        """Run a Python file, which you trust, and take its upper-case names; `silent` as in `from_file`."""
        path = os.path.join(self.root_path, filename)
        module = ModuleType("config")
        module.__file__ = path
        try:
            with open(path, "rb") as file:
                source = file.read()
        except OSError as exc:
            return _missing(exc, silent)
        exec(compile(source, path, "exec"), module.__dict__)
        self.from_object(module)
        return True

    def from_envvar(self, variable_name: str, silent: bool = False) -> bool:
        """Run the Python file that an environment variable names. RuntimeError if it is not set, unless `silent`."""
        filename = os.environ.get(variable_name)
        if filename:
            return self.from_pyfile(filename, silent=silent)
        if silent:
            return False
        raise RuntimeError(f"the environment variable {variable_name} is not set: let it name a configuration file")

    def from_prefixed_env(self, prefix: str = "WZ", *, loads: Callable[[str], Any] | None = None) -> bool:
        """Take the environment variables that begin with `prefix` and an underscore, sorted. Always returns True.

        A value is JSON (`4`, `true`, `["a", "b"]`), or else the text itself; `loads` reads it another way. Two
        underscores lead into a dict: `WZ_REDIS__DATABASE=4` sets `config["REDIS"]["DATABASE"]`. Raises TypeError if
        what they lead into is not a dict.
        """
        if loads is None:
            loads = json.loads
        prefix += "_"
        for variable in sorted(name for name in os.environ if name.startswith(prefix)):
            value: Any = os.environ[variable]
            with suppress(Exception):  # whatever `loads` raises: the value is plain text then
                value = loads(value)
            *parents, name = variable.removeprefix(prefix).split("__")
            target: dict[str, Any] = self
            for parent in parents:
                target = target.setdefault(parent, {})
                if not isinstance(target, dict):
                    raise TypeError(
                        f"{variable} sets an item of {parent}, which is a {type(target).__name__} and not a dict"
                    )
            target[name] = value
        return True

    def get_namespace(self, namespace: str, lowercase: bool = True, trim_namespace: bool = True) -> dict[str, Any]:
        """Return the items whose keys begin with `namespace`, ready to be keywords: `REDIS_URL` becomes `url`."""
        found = {}
        for key, value in self.items():
            if key.startswith(namespace):
                name = key.removeprefix(namespace) if trim_namespace else key
                found[name.lower() if lowercase else name] = value
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {super().__repr__()}>"


def duration(value: timedelta | float) -> timedelta:
    """Return a setting that may be a timedelta or seconds as a timedelta. Raises TypeError for anything else."""
    if isinstance(value, timedelta):
        return value
    try:
        return timedelta(seconds=value)
    except TypeError:
        raise TypeError(f"{value!r} is no time: write a timedelta, or a number of seconds") from None


def _import(name: str) -> Any:
    """Return a module, or a name in one: `shop.defaults`, `shop.defaults.Production`."""
    try:
        return import_module(name)
    except ModuleNotFoundError as exc:
        module, _, attribute = name.rpartition(".")
        if exc.name != name or not module:
            raise  # it exists, but something that it imports does not
    try:
        return getattr(import_module(module), attribute)
    except AttributeError as exc:
        raise ImportError(f"the module {module!r} has no {attribute!r}, which the configuration asks for") from exc


def _loader(filename: str | os.PathLike[str]) -> tuple[Callable[[IO[Any]], Mapping[str, Any]], bool]:
    suffix = os.path.splitext(filename)[1].lower()
    if suffix == ".toml":
        import tomllib  # here, as most apps read no TOML

        return tomllib.load, False
    if suffix == ".json":
        return json.load, True
    raise TypeError(f"from_file can't tell how to read {os.fspath(filename)!r}: name it .toml or .json, or give load=")


def _missing(exc: OSError, silent: bool) -> bool:
    """Return False if the caller may go on without the file; otherwise raise `exc`, with what the file was for."""
    if silent and exc.errno in (ENOENT, EISDIR, ENOTDIR):
        return False
    exc.strerror = f"the configuration file can't be read: {exc.strerror}"
    raise exc

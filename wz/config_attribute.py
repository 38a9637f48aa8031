"""ConfigAttribute: a setting that is read and set as an attribute. It is what a request passes of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class ConfigAttribute(Generic[T]):
    """An attribute that is an item of its owner's `config`: `secret_key = ConfigAttribute("SECRET_KEY")`.

    `get` converts what is read. An item that is missing reads as None.
    """

    def __init__(self, name: str, get: Callable[[Any], T] | None = None) -> None:
        self.name = name
        self.get = get

    @overload
    def __get__(self, owner: None, owner_type: type | None = None) -> ConfigAttribute[T]: ...

    @overload
    def __get__(self, owner: Any, owner_type: type | None = None) -> T: ...

    def __get__(self, owner: Any, owner_type: type | None = None) -> ConfigAttribute[T] | T:
        if owner is None:
            return self
        value = owner.config.get(self.name)
        return value if self.get is None else self.get(value)

    def __set__(self, owner: Any, value: T) -> None:
        owner.config[self.name] = value

"""What the page remembers: as much as fits, the latest used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Values by key, of so many bytes and so many in all; the one that was used longest ago goes first.

    size: bytes of a value, asked for when it is put. The latest is kept whatever its size. It may be used
    from several threads.
    """

    def __init__(self, size: Callable[[Value], int], most: int, count: int) -> None:
        """most: bytes, count: values, in all."""
        self._size, self._most, self._count = size, most, count
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._sizes: dict[Key, int] = {}
        self._lock = Lock()

    def get(self, key: Key) -> Value | None:
        """A value that is still there, or None; it counts as used."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Remember a value, and forget what no longer fits."""
        with self._lock:
            self._values[key], self._sizes[key] = value, self._size(value)
            self._values.move_to_end(key)
            while len(self._values) > 1 and (len(self._values) > self._count or self._held > self._most):
                forgotten, _ = self._values.popitem(last=False)
                del self._sizes[forgotten]

    @property
    def held(self) -> int:
        """Bytes of all values."""
        with self._lock:
            return self._held

    @property
    def _held(self) -> int:
        return sum(self._sizes.values())

    def __len__(self) -> int:
        """How many values."""
        return len(self._values)

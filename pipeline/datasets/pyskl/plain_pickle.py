"""The part of pickle that holds data: numbers, words, lists, dicts and NumPy arrays. Nothing is ever called.

A pickle is a program for a small stack machine, and Python's own machine calls whatever a file names. This one
knows the few operations that build data (Python's `pickletools` decodes them) and, of all names, those under
which NumPy 1 and 2 write arrays; what stands behind a name is built here, from sizes checked against the bytes
that the file truly holds. Everything else is refused by its name and place.
"""

import mmap
import pickletools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline.datasets.pyskl.pickled_arrays import NAMES, Array, Name, NotPlainError, call, fill, kind_of
from pipeline.errors import PickleError

_VALUES = frozenset(
    (
        "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
        "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
        "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8",
    )
)  # fmt: skip
"""Operations whose argument is the value itself."""


def read_plain_pickle(path: Path) -> Any:
    """Read plain data from a pickle. Raises PickleError where it holds anything else; nothing of it is run."""
    with path.open("rb") as file:
        try:
            stream = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise PickleError(f"{path.name} is empty: no pickle") from error
        with stream:
            try:
                return _Machine().run(pickletools.genops(stream))  # type: ignore[arg-type]  # reads like a file
            except ValueError as error:
                raise PickleError(f"{path.name}: {error}; nothing of it was run") from error


class _Machine:
    """Stack, marks and memo. Wrong programs end in ValueError."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def run(self, operations: Iterable[tuple[pickletools.OpcodeInfo, Any, int | None]]) -> Any:
        """Carry out operation after operation; gives what is left at the end."""
        for operation, argument, place in operations:
            name = operation.name
            if name in _VALUES:
                self.stack.append(argument)
                continue
            try:
                _STEPS[name](self, argument)
            except NotPlainError as error:
                raise ValueError(f"byte {place}: {error}") from error
            except (IndexError, KeyError) as error:
                if name not in _STEPS:
                    raise ValueError(f"byte {place}: operation {name} holds no plain data") from error
                raise ValueError(f"byte {place}: {name} finds nothing to work on: a broken pickle") from error
        if len(self.stack) != 1 or self._marks:
            raise ValueError("it ends with values left over: a broken pickle")
        return self.stack[0]

    def mark(self, _: Any) -> None:
        self._marks.append(self.stack)
        self.stack = []

    def to_mark(self) -> list[Any]:
        """What was put since the last mark."""
        items = self.stack
        self.stack = self._marks.pop()
        return items

    def take(self, count: int) -> list[Any]:
        """The last `count` values, off the stack."""
        if len(self.stack) < count:
            raise IndexError(count)
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def put(self, argument: int | None) -> None:
        self._memo[len(self._memo) if argument is None else argument] = self.stack[-1]

    def get(self, argument: int) -> None:
        found = self._memo[argument]
        filled = found.value if isinstance(found, Array) else None
        self.stack.append(found if filled is None else filled)

    def append(self, items: list[Any]) -> None:
        _expect(list, self.stack[-1], "a list").extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = _expect(dict, self.stack[-1], "a dict")
        target.update(_pairs(items))

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise NotPlainError(f"it makes a name of {kind_of(module)} and {kind_of(name)}")
        full = f"{module}.{name}"
        if full not in NAMES:
            raise NotPlainError(f"it names {full!r:.100}; only NumPy arrays and plain containers are read")
        self.stack.append(Name(NAMES[full]))

    def push_marked(self, made: Callable[[list[Any]], Any]) -> None:
        """One container of all that was put since the last mark."""
        items = self.to_mark()
        self.stack.append(made(items))


_KEYS = (str, int, float, bool, bytes, type(None))
"""Kinetics' annotations have dicts of floats; what nobody asks for is passed over."""


def _pairs(items: list[Any]) -> dict[Any, Any]:
    keys = items[::2]
    if len(items) % 2 or any(type(key) not in _KEYS for key in keys):
        raise NotPlainError("a dict whose keys are not words or numbers")
    return dict(zip(keys, items[1::2], strict=True))


def _expect(kind: type, value: Any, what: str) -> Any:
    if type(value) is not kind:
        raise NotPlainError(f"it fills {kind_of(value)} where {what} must stand")
    return value


def _ignored(machine: _Machine, argument: Any) -> None:
    """PROTO, FRAME and STOP say nothing about the data."""


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _ignored),
    "NONE": lambda m, _: m.stack.append(None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "TUPLE1": lambda m, _: m.stack.append(tuple(m.take(1))),
    "TUPLE2": lambda m, _: m.stack.append(tuple(m.take(2))),
    "TUPLE3": lambda m, _: m.stack.append(tuple(m.take(3))),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "MARK": _Machine.mark,
    "TUPLE": lambda m, _: m.push_marked(tuple),
    "LIST": lambda m, _: m.push_marked(list),
    "DICT": lambda m, _: m.push_marked(_pairs),
    "APPEND": lambda m, _: m.append(m.take(1)),
    "APPENDS": lambda m, _: m.append(m.to_mark()),
    "SETITEM": lambda m, _: m.set_items(m.take(2)),
    "SETITEMS": lambda m, _: m.set_items(m.to_mark()),
    "GLOBAL": lambda m, name: m.name(*name.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.name(*m.take(2)),
    "REDUCE": lambda m, _: m.stack.append(call(*m.take(2))),
    "BUILD": lambda m, _: m.stack.append(fill(*m.take(2))),
}

"""Options that params.yaml hands to a class of datasets, networks or heads: checked against its own signature."""

import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pipeline.params.sections import Mistake, nearest, unknown_key

_PLAIN: dict[object, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a word"),
    NoneType: ((NoneType,), "null"),
}
"""Types as YAML has them: which Python types stand for each, and what it is called."""


def option_mistakes(
    make: Callable[..., Any], options: Mapping[str, Any], given: Collection[str] = ()
) -> Iterator[Mistake]:
    """Options that `make` does not take, or whose types its annotations rule out; places are below the options.

    `given` are the parameters that are filled otherwise. A whole number may stand for a fraction; true and "3"
    are no numbers. An annotation that is no type of YAML's (a class of the author's) leaves the verdict to `make`.
    """
    parameters = inspect.signature(make).parameters
    free = sorted(name for name, p in parameters.items() if name not in given and p.kind is not p.VAR_KEYWORD)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    hints = _hints(make)
    for name, value in options.items():
        if name not in free:
            if name in given or not takes_any:
                yield (name,), unknown_key(name, free)
        elif not fits(value, hints.get(name, Any)):
            yield (name,), f"must be {spoken(hints[name])}, got {value!r}{_near_choice(value, hints[name])}"


def fits(value: Any, hint: Any) -> bool:
    """Whether a value of YAML's is one of those that a type hint means."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        plain = [part for part in parts if _is_plain(part)]
        return any(fits(value, part) for part in plain or parts)
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in parts)
    if hint in _PLAIN:
        finite = not isinstance(value, float) or math.isfinite(value)
        return isinstance(value, _PLAIN[hint][0]) and (isinstance(value, bool) <= (hint is bool)) and finite
    if origin is tuple and parts[-1] is not Ellipsis:
        return isinstance(value, list) and len(value) == len(parts) and all(map(fits, value, parts))
    if origin in (tuple, list, Sequence):
        return isinstance(value, list) and all(fits(item, parts[0]) for item in value)
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(fits(item, parts[1]) for item in value.values())
    return True


def spoken(hint: Any) -> str:
    """A type hint in words: `a whole number or null`."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(spoken(part) for part in parts if _is_plain(part))
    if origin is Literal:
        return f"one of {list(parts)}"
    if hint in _PLAIN:
        return _PLAIN[hint][1]
    if origin is tuple and parts[-1] is not Ellipsis:
        return f"a list of {len(parts)}: {', '.join(spoken(part) for part in parts)}"
    if origin in (tuple, list, Sequence):
        return f"a list, each {spoken(parts[0])}"
    return "a mapping"


def _is_plain(hint: Any) -> bool:
    """Whether values of YAML's can be of a type: all but classes of somebody's own."""
    if get_origin(hint) in (tuple, list, Sequence):
        return all(_is_plain(part) for part in get_args(hint) if part is not Ellipsis)
    return get_origin(hint) is not None or hint in _PLAIN


def _near_choice(value: Any, hint: Any) -> str:
    choices = [str(choice) for part in (hint, *get_args(hint)) for choice in _choices(part)]
    return nearest(value, choices) if isinstance(value, str) and value not in choices else ""


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


def _hints(make: Callable[..., Any]) -> dict[str, Any]:
    """Of a class, its constructor's; none where an annotation names what cannot be found."""
    made: Any = getattr(make, "func", make)  # of functools.partial
    try:
        return get_type_hints(made.__init__ if isinstance(made, type) else made)  # type: ignore[misc]
    except NameError:
        return {}

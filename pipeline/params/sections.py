"""Base of all params: frozen sections that refuse unknown keys."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict

Options = dict[str, Any]

Place = tuple[str, ...]
"""Keys on the way from a section to what is meant, outermost first."""

Mistake = tuple[Place, str]
"""A place in params.yaml, and what is wrong there."""


class MistakesError(ValueError):
    """Mistakes found by our own checks, each with its place below the checked section; reported by `load_preset`."""

    def __init__(self, found: list[Mistake]) -> None:
        super().__init__("; ".join(f"{'.'.join(place)}: {message}" for place, message in found))
        self.found = tuple(found)


def nearest(name: str, known: list[str]) -> str:
    """` (did you mean 'size'?)`, or nothing where no known name is near."""
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def unknown_key(name: str, known: list[str]) -> str:
    """Return the message for a key that is none of `known`."""
    return f"unknown key{nearest(name, known)}; it may have {sorted(known)}"


def known_keys(kind: type) -> Callable[[Any], Any]:
    """Refuses a mapping with a key that the dataclass `kind`, or one inside it, does not have."""
    assert is_dataclass(kind)

    def check(given: Any) -> Any:
        if found := list(_unknown(given, kind)):
            raise MistakesError(found)
        return _with_tuples(given)

    return check


def _with_tuples(given: Any) -> Any:
    """Lists as the tuples that frozen values hold: what has passed a check is no JSON to pydantic any more."""
    if isinstance(given, dict):
        return {key: _with_tuples(value) for key, value in given.items()}
    return tuple(map(_with_tuples, given)) if isinstance(given, list) else given


def _unknown(given: Any, kind: type) -> Iterator[Mistake]:
    if not isinstance(given, dict):
        return
    known, types = [field.name for field in fields(kind)], get_type_hints(kind)
    for key, value in given.items():
        if key not in known:
            yield (key,), unknown_key(key, known)
            continue
        for inner in (types[key], *get_args(types[key])):
            if isinstance(inner, type) and is_dataclass(inner):
                yield from (((key, *place), message) for place, message in _unknown(value, inner))


class Section(BaseModel):
    """Frozen, and refuses keys that it does not know and numbers that are not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

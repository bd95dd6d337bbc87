"""What every part of params.yaml is made of: frozen sections that refuse what they do not know."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict

Options = dict[str, Any]


def nearest(name: str, known: list[str]) -> str:
    """` (did you mean 'size'?)`, or nothing where no known name is near."""
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def known_keys(kind: type) -> Callable[[Any], Any]:
    """Refuses a mapping with a key that the dataclass `kind` does not have."""
    known = [field.name for field in fields(kind)]

    def check(given: Any) -> Any:
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                raise ValueError(f"unknown key {key!r}{nearest(key, known)}; it may have {sorted(known)}")
        return given

    assert is_dataclass(kind)
    return check


class Section(BaseModel):
    """Frozen, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

"""Fields of a value that enter a key: one rule for every rule, recipe and section of params."""

from dataclasses import MISSING, fields, is_dataclass
from typing import Any, ClassVar, Protocol


class Keyed(Protocol):
    """A frozen dataclass or section whose content names results."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]]
    """Fields that each key has. A field that is not among them was declared later, and is left out where it equals
    its default: what was made before it was there keeps its key."""


_NEVER = "NEVER_IN_KEYS"
"""Class attribute, where there are any: fields that decide no result (a path, rows a shard), and are in no key."""

_REQUIRED = object()
"""Default of a field that has none."""


def in_key(value: Keyed) -> dict[str, Any]:
    """Return what names `value` in a fingerprint document, and values inside it. Nothing else decides this."""
    never = getattr(value, _NEVER, ())
    return {
        name: _inner(found)
        for name, default in _defaults(value).items()
        if name not in never and ((found := getattr(value, name)) != default or name in value.ALWAYS_IN_KEYS)
    }


def _inner(value: Any) -> Any:
    return in_key(value) if hasattr(value, "ALWAYS_IN_KEYS") else value


def _defaults(value: Any) -> dict[str, Any]:
    """Every field, to its default."""
    if is_dataclass(value):
        return {
            f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(value)
        }
    kind: Any = type(value)
    return {
        name: _REQUIRED if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in kind.model_fields.items()
    }

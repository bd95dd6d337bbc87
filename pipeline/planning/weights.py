"""Files of weights that a preset names, wherever in it."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

PATHS = ("path", "weights")
"""Fields that name a file, in a section that states its sha256."""


def weights_named(section: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (place in the preset, path, sha256) of each file of weights, in a section's own order."""
    inner = _members(section)
    file = next((inner[name] for name in PATHS if isinstance(inner.get(name), str)), None)
    if file is not None and isinstance(inner.get("sha256"), str):
        yield place, file, inner["sha256"]
    for name, value in inner.items():
        yield from weights_named(value, f"{place}.{name}" if place else name)


def _members(section: Any) -> Mapping[str, Any]:
    """What is inside a section, a rule or a mapping, by name; nothing of a plain value."""
    if isinstance(section, BaseModel):
        return {name: getattr(section, name) for name in type(section).model_fields}
    if is_dataclass(section) and not isinstance(section, type):
        return {field.name: getattr(section, field.name) for field in fields(section)}
    return section if isinstance(section, dict) else {}

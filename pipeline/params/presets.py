"""params.yaml, read once at the edge. What it cannot mean is refused with its place and the nearest name."""

from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.errors import ParamError
from pipeline.params.params import Preset
from pipeline.params.sections import nearest


def load_preset(path: Path, name: str) -> Preset:
    """Preset `name` of params.yaml; raises ParamError."""
    presets = _presets(path)
    if name not in presets:
        raise ParamError(
            f"{path}: no preset {name!r}{nearest(name, list(presets))}; it has {sorted(presets)}"
        )
    try:
        return Preset.model_validate(presets[name])
    except ValidationError as error:
        lines = "\n".join(f"  {_line(name, problem)}" for problem in error.errors())
        raise ParamError(f"{path} cannot be used:\n{lines}") from error


def _presets(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise ParamError(f"{path} is not there; run this in a harcache checkout") from error
    except yaml.YAMLError as error:
        raise ParamError(f"{path} is not YAML: {error}") from error
    presets = document.get("presets") if isinstance(document, dict) else None
    if not isinstance(presets, dict):
        raise ParamError(f"{path} needs a mapping called `presets`, one entry a preset")
    return presets


def _line(name: str, problem: ErrorDetails) -> str:
    place = ".".join(str(part) for part in ("presets", name, *problem["loc"]))
    if problem["type"] == "extra_forbidden":
        known = _siblings(problem["loc"])
        return f"{place}: unknown key{nearest(str(problem['loc'][-1]), known)}; it may have {sorted(known)}"
    given = "" if isinstance(problem["input"], dict) else f", got {problem['input']!r}"
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}{given}"


def _siblings(place: tuple[int | str, ...]) -> list[str]:
    """The keys that the section holding `place` may have."""
    kinds: list[Any] = [Preset]
    for part in place[:-1]:
        kinds = [inner for kind in kinds for inner in _inside(kind, str(part))]
    return sorted({name for kind in kinds if _is_section(kind) for name in kind.model_fields})


def _inside(kind: Any, part: str) -> list[Any]:
    """Types that may stand under key `part` of `kind`: a section's field, a mapping's value, a union's member."""
    if _is_section(kind):
        field = kind.model_fields.get(part)
        return _members(field.annotation) if field else [kind]  # a union's tag is part of the place: stay
    return [kind]


def _members(annotation: Any) -> list[Any]:
    """Every section named anywhere in a type."""
    if _is_section(annotation):
        return [annotation]
    return (
        [m for argument in get_args(annotation) for m in _members(argument)] if get_origin(annotation) else []
    )


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)

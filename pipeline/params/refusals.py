"""Messages for mistakes in params.yaml: the place, what is wrong, and the nearest name."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.params.params import Preset
from pipeline.params.sections import MistakesError, nearest, unknown_key


def place_in(document: Any, keys: tuple[int | str, ...]) -> str:
    """`presets.demo.train.seeds[0]`: as much of `keys` as stands in the document, so that it can be looked up.

    pydantic puts words of its own between keys (the tag of a union, a validator's name): they are left out.
    """
    path, here = "", document
    for key in keys:
        if isinstance(here, dict) and key in here:
            path, here = f"{path}.{key}", here[key]
        elif isinstance(here, list) and isinstance(key, int) and key < len(here):
            path, here = f"{path}[{key}]", here[key]
    return path.removeprefix(".")


def lines_of(error: ValidationError, document: Any, preset: str) -> Iterator[str]:
    """One line a mistake."""
    for problem in error.errors():
        place = ("presets", preset, *problem["loc"])
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, MistakesError):
            yield from (f"{place_in(document, (*place, *below))}: {what}" for below, what in cause.found)
        else:
            yield f"{place_in(document, place)}: {_message(problem)}"


def _message(problem: ErrorDetails) -> str:
    kind, last, given = problem["type"], str(problem["loc"][-1] if problem["loc"] else ""), problem["input"]
    if kind == "extra_forbidden":
        return unknown_key(last, _siblings(problem["loc"]))
    if kind == "missing":
        return "needs one more value" if last.isdecimal() else f"needs {last!r}, which is not there"
    if kind == "union_tag_not_found":
        return f"needs {problem['ctx']['discriminator'].strip(chr(39))!r}, which says what it is"
    hint = ""
    if kind == "bool_type" and isinstance(given, str):
        hint = ": write true or false"
    if kind in ("literal_error", "union_tag_invalid"):
        expected = problem["ctx"].get("expected") or problem["ctx"]["expected_tags"]
        hint = nearest(str(problem["ctx"].get("tag", given)), re.findall(r"'([^']+)'", str(expected)))
    got = "" if isinstance(given, dict) else f", got {given!r}"
    return f"{problem['msg'].removeprefix('Value error, ')}{hint}{got}"


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

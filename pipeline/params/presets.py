"""params.yaml, read once at the edge. What it cannot mean is refused with its place and the nearest name."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cache.answers import Answers
from pipeline.errors import ParamError
from pipeline.keys.lock import of_code
from pipeline.params.params import Preset
from pipeline.params.plain_yaml import read_yaml
from pipeline.params.refusals import lines_of, place_in
from pipeline.params.sections import Mistake, MistakesError, nearest
from pipeline.paths import Paths

OWN_PART = re.compile(r'"[\w.]+:\w+"')
"""A user's own class in a preset's JSON, package.module:Class: its code is not among our sources."""


def load_preset(path: Path, name: str, check: Callable[[Preset], Iterable[Mistake]] = lambda _: ()) -> Preset:
    """Preset `name` of params.yaml; raises ParamError, which tells every mistake at once.

    Types are strict: true and "3" are no numbers, 3 is no word. `check` may find further mistakes in a preset
    that is sound by itself: names that only floors above this one know.
    """
    document = _document(path)
    presets = document["presets"]
    if name not in presets:
        raise ParamError(
            f"{path}: no preset {name!r}{nearest(name, list(presets))}; it has {sorted(presets)}"
        )
    try:
        preset = Preset.model_validate_json(_as_json(path, presets[name]), strict=True)
    except ValidationError as error:
        raise _refused(path, lines_of(error, document, name)) from error
    found = [
        f"{place_in(document, ('presets', name, *place))}: {message}" for place, message in check(preset)
    ]
    if found:
        raise _refused(path, found)
    return preset


def sound_params(paths: Paths, name: str, check: Callable[[Preset], Iterable[Mistake]]) -> Preset:
    """Read preset `name` of params.yaml as `load_preset` does; `check` is asked unless it found no mistake before.

    Mistakes are not remembered: a file or a package that was missing may be there by now.
    """
    answers = Answers(paths.open_cache().root)
    return load_preset(paths.params, name, check=partial(_mistakes, answers, check))


def _mistakes(
    answers: Answers, check: Callable[[Preset], Iterable[Mistake]], preset: Preset
) -> Iterator[Mistake]:
    text = preset.model_dump_json()

    def is_sound() -> bool:
        if found := list(check(preset)):
            raise MistakesError(found)
        return True

    try:
        if OWN_PART.search(text):
            is_sound()
        else:
            of_code(answers, ["sound", text], is_sound)
    except MistakesError as error:
        yield from error.found


def chosen(path: Path, dataset: str | None, preset: str | None) -> tuple[str, str]:
    """Return dataset and preset: what is not given is what params.yaml names; of another dataset, its namesake."""
    if dataset is not None:
        return dataset, preset or dataset
    document = _document(path)
    if not isinstance(document.get("dataset"), str):
        raise ParamError(f"{path} names no `dataset`: say which, with --dataset")
    return document["dataset"], preset or document.get("preset") or document["dataset"]


def _document(path: Path) -> dict[str, Any]:
    try:
        document = read_yaml(path)
    except FileNotFoundError as error:
        raise ParamError(f"{path} is not there; run this in a harcache checkout") from error
    if not isinstance(document, dict) or not isinstance(document.get("presets"), dict):
        raise ParamError(f"{path} needs a mapping called `presets`, one entry a preset")
    return document


def _as_json(path: Path, preset: Any) -> str:
    """JSON has no tuples, so that strict types take YAML's lists for them; empty sections are as good as none."""
    if isinstance(preset, dict):
        preset = {k: v for k, v in preset.items() if v != {} or k not in Preset.model_fields}
    try:
        return json.dumps(preset)
    except TypeError as error:
        raise ParamError(f"{path} holds a value that is no word, number, list or mapping: {error}") from error


def _refused(path: Path, lines: Iterable[str]) -> ParamError:
    return ParamError(f"{path} cannot be used:\n" + "\n".join(f"  {line}" for line in lines))

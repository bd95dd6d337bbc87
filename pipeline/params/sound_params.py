"""params.yaml as a command starts with it: what was found in it once, with this code, is not looked for again.

To look, a stage builds networks, and imports torch: seconds that most stages would not need.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cache.answers import Answers
from pipeline.keys.lock import HOUSE, sources
from pipeline.params.params import Preset
from pipeline.params.presets import load_preset
from pipeline.params.sections import Mistake
from pipeline.paths import Paths

OWN_PART = re.compile(r'"[\w.]+:\w+"')
"""A user's own class in a preset's JSON, package.module:Class: its code is not among our sources."""
LIBRARIES = ("torch", "torchvision", "numpy", "pydantic", "mmpose", "rtmlib", "onnxruntime")
"""Those that decide what a network or a head refuses."""


def sound_params(paths: Paths, name: str, check: Callable[[Preset], Iterable[Mistake]]) -> Preset:
    """Read preset `name` of params.yaml as `load_preset` does; `check` is asked where its answer is not known."""
    answers = Answers(paths.open_cache().root)
    return load_preset(paths.params, name, check=partial(_mistakes, answers, check))


def _mistakes(
    answers: Answers, check: Callable[[Preset], Iterable[Mistake]], preset: Preset
) -> Iterator[Mistake]:
    text = preset.model_dump_json()

    def find() -> list[Any]:
        return [[list(place), message] for place, message in check(preset)]

    if OWN_PART.search(text):
        found: Any = find()
    else:
        found = answers.get(["mistakes", text, sources(HOUSE), sys.version, *map(_version, LIBRARIES)], find)
    return ((tuple(place), message) for place, message in found)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

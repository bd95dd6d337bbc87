"""Files that a stage's blocks read beside the stores, catalogs and lists that its plan pins."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.catalog.opened import opened_entries
from pipeline.datasets.opened import dataset_of
from pipeline.errors import RunError
from pipeline.rows.crops import CropWork
from pipeline.rows.features import FeatureWork
from pipeline.training.trainings import listed_trainings


@dataclass(frozen=True, slots=True)
class Reads:
    """The files of one stage's work."""

    of_all: Callable[[Any], Sequence[Path]] = lambda _: ()
    """Files that each block needs."""
    of_clips: Callable[[Any, Sequence[str]], Sequence[Path]] = lambda _, __: ()
    """Files, or folders of files, that the clips of a block need."""


def reads_of(stage: str) -> Reads:
    """Return what the stage reads. Raises RunError where its blocks cannot be sent without a shared file system."""
    if stage not in READS:
        raise RunError(
            f"{stage}: its blocks need a file system that workers share: unset HARCACHE_REMOTE, or run it without "
            f"--scheduler; through the remote cache go {', '.join(sorted(READS))}"
        )
    return READS[stage]


def _weights(work: FeatureWork) -> list[Path]:
    folder = work.paths.weights / "backbones"
    trainings = listed_trainings(folder)
    files = [folder / one.file for one in trainings]
    return files + [folder / one.classifier_file for one in trainings if one.classifier_sha256]


def _lists_and_enhancers(work: CropWork) -> list[Path]:
    """Files that a dataset may open before any clip: those its options name, and those in its folder itself.

    A clip's own files are not among them.
    """
    raw = work.paths.raw
    dataset = dataset_of(work.preset.index, raw)
    entries = opened_entries(work.paths.catalog).values()
    uses = Counter(path for entry in entries for path in dataset.sources(entry.clip).values())
    named = [raw / value for value in work.preset.index.options.values() if isinstance(value, str)]
    lists = {path for path in (*raw.iterdir(), *named) if path.is_file() and uses[path] != 1}
    rules = [recipe.enhance for recipe in work.preset.crop.recipes.values() if recipe.enhance]
    return [*sorted(lists), *(work.paths.root / rule.weights for rule in rules)]


def _videos(work: CropWork, ids: Sequence[str]) -> list[Path]:
    raw = work.paths.raw
    dataset = dataset_of(work.preset.index, raw)
    entries = opened_entries(work.paths.catalog)
    videos = [dataset.sources(entries[clip_id].clip)["video"] for clip_id in ids]
    strange = [path for path in videos if not path.is_relative_to(raw)]
    if strange:
        raise RunError(
            f"crop: {strange[0]} lies outside {raw}, where no worker would look for it: link it there, or let workers "
            "share a file system"
        )
    return videos


READS: Mapping[str, Reads] = {
    "sample": Reads(),
    "crop": Reads(_lists_and_enhancers, _videos),
    "heatmaps": Reads(),
    "features": Reads(_weights),
}
"""Stages whose blocks can be sent to workers that share no disk."""

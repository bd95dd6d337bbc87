"""What is learned is kept in the cache like everything else: by what it was learned from, and how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache import Cache


@dataclass(frozen=True, slots=True)
class TrainedFiles:
    """A folder of files that a training left behind."""

    folder: Path
    from_cache: bool


def cached_training(
    cache: Cache,
    document: dict[str, Any],
    train: Callable[[Path], Mapping[str, bytes]],
    record: dict[str, Any],
) -> TrainedFiles:
    """The files learned for `document`; where the cache has none, `train(folder)` makes them.

    `folder` outlives a killed run: what `train` leaves there is where the next run goes on. Of two processes
    that want the same, one trains and the other waits.
    """
    with cache.blobs.alone(document):
        found = cache.blobs.find(document)
        if found is not None:
            return TrainedFiles(found, from_cache=True)
        files = train(cache.blobs.workdir(document))
        return TrainedFiles(cache.blobs.put(document, files, record), from_cache=False)


def training_inputs(
    ids: Sequence[str], labels: Sequence[int], keys: Mapping[str, str]
) -> list[list[str | int]]:
    """What a training saw, for its document: [id, label, key of its content] of each clip, in order."""
    return [[clip_id, int(label), keys[clip_id]] for clip_id, label in zip(ids, labels, strict=True)]

"""Trained weights in the cache, under a key of what they were trained on and how."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache import Cache, take_blob


@dataclass(frozen=True, slots=True)
class TrainedFiles:
    """A folder of files that a training wrote."""

    folder: Path
    from_cache: bool


def cached_training(
    cache: Cache,
    document: dict[str, Any],
    train: Callable[[Path], Mapping[str, bytes]],
    record: dict[str, Any],
    *,
    needs: tuple[str, ...] = (),
) -> TrainedFiles:
    """Return the files trained for `document`; where the cache has none, `train(folder)` makes them.

    `folder` outlives a killed run: the next run continues from what `train` left there. Of two processes
    that want the same, one trains and the other waits.

    `needs` are files that older trainings do not have. Such a one is left as it is, and trained again under a document
    that names them.
    """
    with cache.blobs.alone(document):
        take_blob(cache, document)
        found = cache.blobs.find(document)
        if found is None:
            files = train(cache.blobs.workdir(document))
            return TrainedFiles(cache.blobs.put(document, files, record), from_cache=False)
        if all((found / name).exists() for name in needs):
            return TrainedFiles(found, from_cache=True)
    return cached_training(cache, _keeping(document, needs), train, record, needs=needs)


def known_training(cache: Cache, document: dict[str, Any], needs: tuple[str, ...] = ()) -> Path | None:
    """Return the folder that `cached_training` would find; None where it would train."""
    found = cache.blobs.find(document)
    if found is None or all((found / name).exists() for name in needs):
        return found
    return known_training(cache, _keeping(document, needs), needs)


def _keeping(document: dict[str, Any], needs: tuple[str, ...]) -> dict[str, Any]:
    """The document of a training that was made again for the files that the first one lacks."""
    return {**document, "params": {**document["params"], "keeps": list(needs)}}


def training_inputs(
    ids: Sequence[str], labels: Iterable[int], keys: Mapping[str, str]
) -> list[list[str | int]]:
    """List a training's clips for its document: [id, label, key of its content] of each, in order."""
    return [[clip_id, int(label), keys[clip_id]] for clip_id, label in zip(ids, labels, strict=True)]

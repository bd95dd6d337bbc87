"""Adoption of weights that were pulled, so that nothing is trained again."""

import hashlib
import logging
from pathlib import Path
from typing import Any

from cache import Blobs, Cache, key_of
from cache.home.references import remember_use
from cache.home.withdrawn import undamaged_notes
from pipeline.build.adoption import at_hand
from pipeline.errors import DatasetError
from pipeline.seals import list_of
from pipeline.training.trainings import (
    CLASSIFIER,
    DOCUMENTS,
    TRAININGS,
    Training,
    read_documents,
    read_trainings,
)
from pipeline.training.withdrawn_inputs import withdrawn_by

log = logging.getLogger(__name__)


def adopt_before_training(root: Path, cache: Cache, folder: Path) -> None:
    """Call `adopt_learned` before a stage makes the folder anew: damage is reported and not taken."""
    try:
        adopt_learned(root, cache, folder)
    except (DatasetError, OSError) as error:
        log.warning("%s: its weights are not taken over: %s", folder, error)


def adopt_learned(root: Path, cache: Cache, folder: Path) -> int:
    """Take the weights below `folder` (or DVC's copy of it) into the cache; return how many were new.

    Raises DatasetError where weights or documents do not match trainings.json, or the cache has withdrawn weights.
    """
    with at_hand(root, cache, folder) as found:
        if found is None or not (found / DOCUMENTS).exists():
            return 0
        documents = read_documents(found)
        trainings = read_trainings(found)
        remember_use(cache, folder, blobs=[training.key for training in trainings])
        return sum(_adopt_one(cache.blobs, found, t, documents.get(t.array)) for t in trainings)


def _adopt_one(blobs: Blobs, folder: Path, training: Training, document: dict[str, Any] | None) -> bool:
    if document is None or key_of(document) != training.key:
        raise DatasetError(
            f"{folder / DOCUMENTS}: the document of {training.array} does not give the key that {TRAININGS} "
            "tells: fetch the folder again"
        )
    if blobs.find(document) is not None:
        return False
    why = withdrawn_by(undamaged_notes(Cache(blobs.root)), training)
    if why is not None:
        raise DatasetError(f"{folder / training.file} is not taken over: {why}")
    weights = (folder / training.file).read_bytes()
    if hashlib.sha256(weights).hexdigest() != training.sha256:
        raise DatasetError(
            f"{folder / training.file} is not the file that {TRAININGS} tells of: fetch the folder again"
        )
    files = {"weights.pt": weights, "history.json": training.history_json}
    if training.classifier:
        files[CLASSIFIER] = training.classifier
    blobs.put(document, files, {"adopted": True}, proven=list_of(folder / TRAININGS) is not None)
    return True

"""Inputs of a stage that the cache has withdrawn: nothing is made of them, whichever project holds them still."""

from collections.abc import Iterator
from pathlib import Path

from cache import Cache
from cache.home.withdrawn import Withdrawn, undamaged_notes
from cache.layout import MANIFEST
from cache.upkeep.faults import Fault
from cache.upkeep.withdrawal import WITHDRAWN, withdrawn_faults
from pipeline.build.pinned import Pinned
from pipeline.errors import DatasetError
from pipeline.training.trainings import TRAININGS, Training, listed_trainings


def refuse_withdrawn(cache: Cache, inputs: Pinned) -> None:
    """Raise DatasetError where a store or weights among a stage's inputs hold what the cache has withdrawn."""
    known = undamaged_notes(cache)
    for path, digest in inputs.digests if known.noted else ():
        for fault in (
            withdrawn_in(known, path.parent) if digest and path.name in (MANIFEST, TRAININGS) else ()
        ):
            raise DatasetError(f"{path.parent} is not used: {fault}")


def withdrawn_in(known: Withdrawn, out: Path) -> Iterator[Fault]:
    """Yield the shards of a store, or the weights of a folder, whose content was withdrawn."""
    if not (out / TRAININGS).exists():
        yield from withdrawn_faults(known, out)
        return
    try:
        trainings = listed_trainings(out)
    except DatasetError:
        return  # damaged, and told as such
    for training in trainings:
        who = withdrawn_by(known, training)
        if who is not None:
            yield Fault(training.file, who)


def withdrawn_by(known: Withdrawn, training: Training) -> str | None:
    """Say who withdrew these weights; None where nobody did."""
    who = known.by(training.key, training.sha256)
    return None if who is None else WITHDRAWN.format(who)

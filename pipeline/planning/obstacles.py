"""Reasons for which a run would stop, and what is worth knowing before it, as far as a plan can see."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cache import Digests
from pipeline.build.build import size_text
from pipeline.build.failures import shortened
from pipeline.catalog.outlook import hold_out_note, listing_notes, protocol_gaps
from pipeline.paths import Paths
from pipeline.planning.cost import STAGES
from pipeline.planning.foresee import Foreseen, lost_before
from pipeline.planning.plan import Plan
from pipeline.planning.weights import weights_named

if TYPE_CHECKING:
    from pipeline.params.params import Preset

SHOWN = 3
"""Files and clips that a line names."""


def obstacles(paths: Paths, preset: "Preset", plan: Plan) -> Iterator[str]:
    """Yield what would stop `dvc repro`, each with what to do."""
    found = plan.foreseen
    yield from _failures(paths, preset, found)
    if found.catalog is not None and preset.index.protocol_gaps == "refuse":
        yield from protocol_gaps(found.catalog)
    yield from _missing_weights(paths, preset, found)
    yield from _room(paths, plan)
    if found.stopped is not None:
        stage, error = found.stopped
        yield f"{stage}: {shortened(str(error))}"


def notes(paths: Paths, preset: "Preset", plan: Plan) -> Iterator[str]:
    """Yield what is worth knowing and stops nothing."""
    found, trial = plan.foreseen, plan.trial
    yield from _of_listing(found)
    if sources := found.sources:
        if sources.unread:
            size = size_text(sum(sources.unread.values()))
            yield f"{len(sources.unread):,} files, {size}, were never read: index reads them, and counts are bounds"
        if sources.unreadable:
            yield f"cannot be read: {_some([f'{path} ({why})' for path, why in sources.unreadable.items()])}"
    if found.catalog is not None and (note := hold_out_note(found.catalog, preset.pretrain.hold_out.by)):
        yield note
    for stage, error, clips in lost_before(found.stores):
        yield f"{stage}: {clips} clips failed before and will not be tried again ({error})"
    for stage, store in found.stores.items():
        if not paths.open_cache().order(store.build.name).exists() and store.path.exists():
            yield f"{stage}: {store.path} is adopted first: what is whole there need not be made"
    if trial.clips:
        lost = (
            f", {len(trial.failures)} of them failed: {_some(_tried_and_lost(plan))}"
            if trial.failures
            else ""
        )
        yield f"tried on {len(trial.clips)} clip{'s' * (len(trial.clips) > 1)}{lost}"
    yield from _disk(paths, plan)


def _tried_and_lost(plan: Plan) -> list[str]:
    return [f"{f.clip_id} in {f.stage}, {shortened(f.message)}" for f in plan.trial.failures]


def _of_listing(found: Foreseen) -> Iterator[str]:
    if found.index is None:
        return
    listing = found.index.listing
    lost = [f"{clip_id} ({reason})" for clip_id, _, reason in listing.failures]
    if lost:
        yield f"{len(lost)} recordings cannot be used: {_some(lost)}"
    if listing.incomplete:
        yield f"{len(listing.incomplete)} recordings lie there in part: {_some([c for c, _, _ in listing.incomplete])}"
    yield from listing_notes(listing)


def _failures(paths: Paths, preset: "Preset", found: Foreseen) -> Iterator[str]:
    """Stages that would lose more clips than `max_failed`, by what is known already, and files nobody may read."""
    denied = (
        [] if found.sources is None else [str(p) for p, why in found.sources.unreadable.items() if _denied(p)]
    )
    if denied:
        yield f"index cannot read {_some(denied)}: ask for the right to read, or leave the files out"
    for stage, store in found.stores.items():
        listed = len(found.index.listing.failures) if stage == "index" and found.index else 0
        lost = len({failure["id"] for failure in store.failures}) + listed
        total = len(store.ids) + listed
        if total and lost > preset.max_failed * total:
            yield (
                f"{stage}: {lost} of {total} clips cannot be used, more than max_failed = {preset.max_failed:.1%}: "
                f"take them out, or raise max_failed of the preset; {paths.failures} says why where it ran"
            )


def _denied(path: Path) -> bool:
    return not os.access(path, os.R_OK)


def _missing_weights(paths: Paths, preset: "Preset", found: Foreseen) -> Iterator[str]:
    """Weights that are not there, or not those that params name; what the cache has trained needs none."""
    outlook = found.trainings.get("pretrain")
    trainings = () if outlook is None else outlook.trainings
    done = {one.name for one in trainings} - {one.name for one in trainings if not one.from_cache}
    for place, file, sha256 in weights_named(preset):
        if place in {f"pretrain.backbones.{name}.pretrained" for name in done}:
            continue
        path = paths.root / file
        if not path.is_file():
            yield f"{place}: no file {path.absolute()}: fetch it, or take {place.rpartition('.')[2]!r} out"
            continue
        with Digests(paths.open_cache()) as known:
            there = known.sha256(path)
        if there != sha256:
            yield f"{place}: {path} has sha256 {there}, params name {sha256}: take that file"


def _room(paths: Paths, plan: Plan) -> Iterator[str]:
    """Stores that would be refused for want of room when their turn comes; two file systems are two rooms."""
    cache = paths.open_cache().root
    free = shutil.disk_usage(standing(cache)).free
    for stage in STAGES:
        cost = plan.foreseen.cost.of(stage)
        if cost.cache_bytes > free:
            yield (
                f"{stage}: {cost.store}.zarr needs up to {size_text(cost.cache_bytes)} in {cache}, where "
                f"{size_text(max(0, free))} will be free: free some room, point HARCACHE_DIR to a larger disk, or "
                "choose a smaller recipe"
            )
        free -= plan.bytes_of(stage) or cost.cache_bytes
    linked, needed = _copies(paths, plan)
    left = shutil.disk_usage(standing(paths.root)).free
    if not linked and needed > left:
        yield f"the stores need up to {size_text(needed)} in {paths.data}, {size_text(left)} are free: free some room"


def _disk(paths: Paths, plan: Plan) -> Iterator[str]:
    cache, cost = paths.open_cache().root, plan.foreseen.cost
    most = sum(one.cache_bytes for one in cost.stages) + plan.weight_bytes()
    free = shutil.disk_usage(standing(cache)).free
    yield f"cache {cache}: at most {size_text(most)} to write, {size_text(free)} free"
    linked, needed = _copies(paths, plan)
    left = shutil.disk_usage(standing(paths.root)).free
    yield (
        f"project {paths.root}: its stores are links to the cache's files, {size_text(left)} free"
        if linked
        else f"project {paths.root}: another file system than the cache's, at most {size_text(needed)} to copy, "
        f"{size_text(left)} free"
    )


def _copies(paths: Paths, plan: Plan) -> tuple[bool, int]:
    """Whether stores can be links to the cache's shards, and the bytes of all of them."""
    here, there = (standing(path).stat().st_dev for path in (paths.root, paths.open_cache().root))
    return here == there, sum(one.store_bytes for one in plan.foreseen.cost.stages)


def standing(path: Path) -> Path:
    """Return the folder `path`, or the nearest above it that is there."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more

"""From rows and the work that computes them to a finished store: plan, refuse, run, link, account."""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cache import Build, Cache, Receipt, Row, Store, StoreSpec, open_store
from pipeline.build.aside import (
    adopt_before_build,
    clip_progress,
    code_facts,
    refuse_withdrawn,
    run_remotely,
)
from pipeline.build.block import write
from pipeline.build.failures import (
    Failure,
    Lost,
    Summary,
    lost_of,
    read_failures,
    read_lost,
    write_failures,
)
from pipeline.build.pinned import Pinned
from pipeline.build.runner import RunOptions, run_tasks
from pipeline.build.steps import STEPS, as_json
from pipeline.build.unexpected import Unexpected, log_unexpected
from pipeline.build.work import Work
from pipeline.errors import CapacityError, DatasetError, RunError
from pipeline.paths import Paths
from pipeline.versions import clashing_opencv

ORIGINS = "origins"
"""Attribute of a store: for each store that it was made from, directly or not, what all its rows have in common."""
SOURCE = ("title", "licence", "citation", "url", "license", "zarr_conventions")
"""Attributes of a store: the dataset's card, Zarr's conventions of it; from `index` on in every store made of it."""
CODE = "code"
"""Attribute of a store: the step that made it, its version, and the digest of its code in recipes.lock."""
LOST = "lost"
"""Attribute of a store: how many clips the stages before it lost, and listing, by stage and error."""


@dataclass(frozen=True)
class StoreJob:
    """One store to build."""

    stage: str
    name: str
    """The store's name: `frames` becomes data/<dataset>/frames.zarr."""
    spec: StoreSpec
    rows: Sequence[Row]
    work: Work
    coords: Callable[[Sequence[str]], Mapping[str, NDArray[Any]]]
    """Ids in row order to the coordinates that lie beside the arrays."""
    attrs: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    """Failures of this stage before any row could be computed."""
    reads: tuple[str, ...] = ()
    """Names of the stores that the rows are computed from; their losses are stated in this store too."""
    left_out: str = ""
    """Why there are no rows, where that is right: a dataset without videos has no crops."""
    pinned: Pinned = field(default_factory=Pinned)
    """Inputs of the plan in their state then: no row is recorded once one was replaced."""
    parts: tuple[str, ...] = ()
    """Parts that the work finds by name, as "kind:name" (`pipeline.params.parts`)."""


def build_store(job: StoreJob, paths: Paths, options: RunOptions, *, max_failed: float) -> Summary:
    """Compute what the cache lacks, link the rest, and write data/<dataset>/<name>.zarr and failures.jsonl."""
    cache, name, out = paths.open_cache(), f"{paths.dataset}/{job.name}", paths.store(job.name)
    refuse_withdrawn(cache, job.pinned)
    adopted = adopt_before_build(paths.root, cache, name, out)
    if adopted is not None and not options.quiet:
        print(f"{job.stage}: adopted {adopted}", file=sys.stderr)
    if not job.rows and not job.left_out:
        write_failures(paths.failures, job.stage, job.failures)
        raise DatasetError(_nothing(job))
    made = make_store(_with_origins(job, paths), cache, name, out, options)
    return _account(job, made, paths, max_failed)


def _with_origins(job: StoreJob, paths: Paths) -> StoreJob:
    """The job with what its store shall tell: whose data it is, its code, and what the stores before were made of."""
    origins: dict[str, Any] = {}
    source: dict[str, Any] = {}
    lost = set(lost_of(job.failures))
    for name in job.reads:
        store = open_store(paths.store(name))
        card: Mapping[str, Any] = store.attrs
        lost |= set(lost_on_the_way(store))
        source |= {fact: card[fact] for fact in SOURCE if fact in card}
        origins |= card.get(ORIGINS, {})
        origins[name] = {"code": card.get(CODE), "made_of": _recipes(store.made_of)}
    documents = [one.document for one in sorted(lost, key=lambda one: (one.stage, one.error, one.clips))]
    facts = {LOST: documents, ORIGINS: origins, CODE: code_facts(job.stage, job.parts, paths.open_cache())}
    return replace(job, attrs={**source, **job.attrs, **facts})


def _recipes(made_of: Mapping[str, Any]) -> dict[str, Any]:
    """Of each array, what its rows were made by; what all inputs happen to share is no recipe, and no two labs'."""
    return {
        array: {name: value for name, value in document.items() if name != "inputs"}
        for array, document in made_of.items()
    }


@dataclass(frozen=True, slots=True)
class MadeStore:
    """A store, and what its making cost."""

    store: Store
    made: int
    """Rows computed for it."""
    seconds: float
    unexpected: tuple[Failure, ...]
    """Clips that are left out of it, and tried again by the next run: see `pipeline.build.work.Unexpected`."""


def make_store(job: StoreJob, cache: Cache, name: str, out: Path, options: RunOptions) -> MadeStore:
    """Make the store at `out`.

    `name` is where the cache remembers the order of its rows. Raises CapacityError where it cannot fit, RunError where
    every clip fails unexpectedly.
    """
    if "opencv-python" in STEPS[job.stage].runtime and (warning := clashing_opencv()):
        print(f"{job.stage}: {warning}", file=sys.stderr)
    job.pinned.check()
    began, made = time.monotonic(), 0
    left: dict[str, Failure] = {}
    rows = job.rows
    while rows or job.left_out:
        build = Build(cache, name, job.spec, rows, may_be_empty=bool(job.left_out))
        borrowed = build.borrow()
        if borrowed and not options.quiet:
            print(f"{job.stage}: {borrowed} shards taken from the shared cache", file=sys.stderr)
        _check_room(job, build.bytes_to_write, build.cache.root, options)
        more, found = _run(job, build, len(rows), options)
        made += more
        if not found:
            build.finish(out, job.coords(build.ids), _card(job, left.values()))
            return MadeStore(open_store(out), made, time.monotonic() - began, tuple(left.values()))
        left |= log_unexpected(job.stage, found)  # their blocks are undone: made again without them
        rows = [row for row in rows if row.id not in left]
    raise RunError(f"{job.stage}: all {len(left)} clips failed unexpectedly: their tracebacks are above")


def _run(
    job: StoreJob, build: Build, num_rows: int, options: RunOptions
) -> tuple[int, dict[str, Unexpected]]:
    """How many rows were computed, and which clips failed unexpectedly."""
    made, left = 0, dict[str, Unexpected]()
    if not build.tasks:
        return made, left
    with clip_progress(job.stage, num_rows, cached=build.rows_cached, quiet=options.quiet) as progress:
        tick = progress.tick if options.inline(len(build.tasks)) else None
        write_task = partial(write, build.cache.root, job.work, job.pinned, tick)
        results = (
            run_remotely(job, build, options)
            if options.is_remote
            else run_tasks(write_task, build.tasks, options)
        )
        for receipt in results:
            if not isinstance(receipt, Receipt):
                left |= receipt
                continue
            made += receipt.made
            if tick is None:
                progress.tick(made=receipt.made, failed=receipt.failed)
    return made, left


def _check_room(job: StoreJob, num_bytes: int, folder: Path, options: RunOptions) -> None:
    """Say what will be written and what is free; raise CapacityError before the first clip if it cannot fit."""
    free = shutil.disk_usage(folder).free
    if not options.quiet and num_bytes:
        print(f"{job.stage}: up to {size_text(num_bytes)} to write, {size_text(free)} free", file=sys.stderr)
    if num_bytes > free:
        raise CapacityError(
            f"{job.name}.zarr needs up to {size_text(num_bytes)} in {folder}, {size_text(free)} are free: "
            "free some room, point HARCACHE_DIR to a larger disk, or choose a smaller recipe"
        )


def _card(job: StoreJob, unexpected: Iterable[Failure]) -> dict[str, Any]:
    lost = [*job.attrs.get(LOST, ()), *(one.document for one in lost_of(unexpected))]
    card: dict[str, Any] = as_json({**job.attrs, LOST: lost, "stage": job.stage})
    return card


def _nothing(job: StoreJob) -> str:
    """Why no store can be made: nothing is left to make it of."""
    reasons = [f"{one.clips} {one.error}, {one.first[0]} first" for one in lost_of(job.failures)]
    why = (
        f": {'; '.join(reasons)}, all in failures.jsonl" if reasons else ": the stages before left none over"
    )
    return f"{job.stage}: no clip to make {job.name}.zarr of{why}"


def lost_on_the_way(store: Store) -> tuple[Lost, ...]:
    """Count the clips lost in the stages before `store`, and in its own."""
    card: dict[str, Any] = store.attrs
    return (*read_lost(card[LOST]), *lost_of(_own(store, card["stage"])))


def recorded_failures(paths: Paths) -> list[Failure]:
    """Return all failures of the dataset, from failures.jsonl and from each store.

    Stores name what failed while they were made, also where they were fetched and failures.jsonl was not.
    """
    found = {(failure.stage, failure.clip_id): failure for failure in read_failures(paths.failures)}
    for path in sorted(paths.store("any").parent.glob("*.zarr")):
        store = open_store(path)
        found |= {(f.stage, f.clip_id): f for f in _own(store, str(store.attrs["stage"]))}
    return [found[place] for place in sorted(found)]


def _own(store: Store, stage: str) -> tuple[Failure, ...]:
    """What failed while `store` was made, a line a clip."""
    found = {f["id"]: Failure(f["id"], stage, f["error"], f["message"]) for f in store.failures}
    return tuple(found.values())


def _account(job: StoreJob, made: MadeStore, paths: Paths, max_failed: float) -> Summary:
    own, unexpected = _own(made.store, job.stage), len(made.unexpected)
    write_failures(paths.failures, job.stage, (*job.failures, *own, *made.unexpected))
    cached = len(job.rows) - made.made - len(own) - unexpected
    failed = len(own) + sum(failure.counts for failure in job.failures)
    return Summary(
        job.stage,
        made.made,
        cached,
        failed,
        made.seconds,
        max_failed,
        note=job.left_out,
        unexpected=unexpected,
    )


def size_text(num_bytes: int) -> str:
    """Format a number of bytes in GB, or in MB where it is less than a tenth of one."""
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.1f} MB"

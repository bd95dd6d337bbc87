"""Keeping stores and cache in good order: what the commands under `cache` do, for a project's folder."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cache import Cache, CacheError, StoreError, key_of
from cache.home.withdrawn import read_withdrawn
from cache.layout import MANIFEST
from cache.store.parts import read_parts
from cache.upkeep.adopt import adopt_store
from cache.upkeep.derived import strays_in
from cache.upkeep.faults import Hashes, Verified
from cache.upkeep.gc import Collected, collect
from cache.upkeep.inventory import Inventory, inventory
from cache.upkeep.repair import repair_store
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify import verify_store
from cache.upkeep.verify_cache import verify_cache
from cache.upkeep.withdrawal import with_withdrawn
from pipeline.build.adoption import at_hand
from pipeline.build.build import StoreJob, build_store
from pipeline.build.dvc_cache import dvc_file, dvc_outs
from pipeline.build.runner import RunOptions
from pipeline.errors import DatasetError
from pipeline.keys.lock import HOUSE, recipes
from pipeline.paths import Paths
from pipeline.training.adopted_weights import adopt_before_training, adopt_learned
from pipeline.training.trainings import TRAININGS, listed_trainings
from pipeline.training.withdrawn_inputs import withdrawn_in
from pipeline.upkeep.dvc_copies import forget_out, mend_copies
from pipeline.upkeep.other_projects import other_projects
from pipeline.upkeep.project_files import repair_files, reported, verify_files

FindJob = Callable[[str, str, str | None], StoreJob]
"""(stage, dataset, preset) to the store that the stage would build now."""

STAGE_OF = {
    "skeletons": "index", "samples": "sample", "frames": "crop", "heatmaps": "heatmaps", "features": "features",
}  # fmt: skip
"""Store to the stage that makes it, in the order in which they are made."""

LEARNED = ("backbones", "heads")
"""Folders of weights that stages take from the cache."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Output of several parts of a command, and the highest of their exit statuses."""

    parts: tuple[object, ...]

    @property
    def exit_code(self) -> int:
        """Exit status, 0 where all is well."""
        return max((int(getattr(part, "exit_code", 0)) for part in self.parts), default=0)

    def __str__(self) -> str:
        return "\n".join(map(str, self.parts))


def stores_of(project: Path, dataset: str | None = None) -> list[Path]:
    """Every store in data/*/, or in data/<dataset>/."""
    return sorted(path for path in (project / "data").glob(f"{dataset or '*'}/*.zarr") if path.is_dir())


def listed(project: Path) -> Inventory:
    """List stores and cache, for `cache ls`."""
    return inventory(_cache(project), stores_of(project))


def verified(project: Path, stores: Sequence[Path] | None) -> CommandResult:
    """`cache verify`: these stores, or every store, all that lies beside them, and the whole cache."""
    cache, hashes = _cache(project), Hashes()
    found = [verify_store(folder, hashes) for folder in _asked(project, stores)]
    known = [with_withdrawn(cache, one) for one in found]
    if stores:
        return CommandResult(tuple(known))
    whole = verify_cache(cache, hashes, _strays(found))
    return CommandResult(
        (*known, *verify_files(project.absolute(), hashes), *_withdrawn_weights(project, cache), whole)
    )


def repaired(project: Path, stores: Sequence[Path] | None, preset: str | None, job: FindJob) -> CommandResult:
    """`cache repair`: these stores, or cache, files, every store in the order of making, and DVC's copies."""
    cache = _cache(project)
    first: tuple[object, ...] = ()
    if not stores:
        first = (*_repaired_cache(project, cache), repair_files(project.absolute()))
    folders = _asked(project, stores)
    done = [_repaired(project, cache, folder, preset, job) for folder in sorted(folders, key=_stage_order)]
    for folder in () if stores else _learned(project.absolute()):
        adopt_before_training(project, cache, folder)  # what a damaged blob or use of it was set aside
    mended = () if stores or not dvc_outs(project) else (mend_copies(project.absolute(), Hashes()),)
    return CommandResult((*first, *done, *mended))


def adopted(project: Path, stores: Sequence[Path] | None) -> CommandResult:
    """`cache adopt`: these stores, or every store and all weights; of what is gone, DVC's copy if it has one."""
    cache, hashes = _cache(project), Hashes()
    found: list[object] = [
        adopt_store(folder, cache, _name(project, folder), hashes) for folder in _asked(project, stores)
    ]
    if not stores:
        gone = [out for out in dvc_outs(project) if not out.exists()]
        for out in (out for out in gone if out.suffix == ".zarr"):
            with at_hand(project, cache, out) as folder:
                found += [] if folder is None else [adopt_store(folder, cache, _name(project, out), hashes)]
        learned = {*_learned(project), *(out for out in gone if out.name in LEARNED)}
        found += [f"{of}: {adopt_learned(project, cache, of)} trainings taken" for of in sorted(learned)]
    return CommandResult(tuple(found))


def collected(project: Path, *, delete: bool, days: float) -> Collected:
    """`cache gc`: what the project's own stores and weights need stays, whoever made them."""
    needed = [key for folder in stores_of(project) for key in read_parts(folder).shard_keys()]
    for folder in _learned(project):
        keys = [training.key for training in listed_trainings(folder)]
        if delete and "" in keys:
            raise DatasetError(
                f"{folder} is of an older harcache and does not say which blobs it needs: run its stage "
                "again (everything comes from the cache), then collect garbage"
            )
        needed += keys
    return collect(_cache(project), days=days, delete=delete, needed=needed)


def _repaired_cache(project: Path, cache: Cache) -> tuple[object, ...]:
    """The cache first; outs that it says were made of rows that were another's go, DVC's copies of them too."""
    hashes = Hashes()
    done = repair_cache(cache, hashes, _strays(verify_store(folder, hashes) for folder in stores_of(project)))
    known = read_withdrawn(cache)
    outs = [*stores_of(project), *_learned(project)] if known.noted else []
    gone = [out for out in outs if _made_of(out, done.derived) or any(withdrawn_in(known, out))]
    datasets = {out.parent.name for out in gone}  # data/demo/features.zarr, weights/demo/heads
    gone += [out for dataset in sorted(datasets) for out in reported(Paths(project.absolute(), dataset))]
    forgotten = [forget_out(project.absolute(), out) for out in gone]
    return (done, *forgotten, *other_projects(cache, project, done.derived))


def _made_of(out: Path, keys: frozenset[str]) -> bool:
    """Whether a store or a folder of weights needs one of these shards or blobs; False where it is damaged."""
    try:
        if out.suffix == ".zarr":
            return not keys.isdisjoint(read_parts(out).shard_keys())
        return not keys.isdisjoint(training.key for training in listed_trainings(out))
    except (CacheError, DatasetError, OSError, ValueError, KeyError):
        return False


def _withdrawn_weights(project: Path, cache: Cache) -> list[Verified]:
    known = read_withdrawn(cache)
    found = {folder: tuple(withdrawn_in(known, folder)) for folder in _learned(project.absolute())}
    return [Verified(folder, 0, 0, faults) for folder, faults in found.items() if faults]


def _strays(found: Iterable[Verified]) -> dict[str, list[str]]:
    return {key: rows for verified in found for key, rows in strays_in(verified).items()}


def _repaired(project: Path, cache: Cache, folder: Path, preset: str | None, job: FindJob) -> object:
    fetch = partial(dvc_file, project, folder)
    rebuild = partial(_rebuild, project, folder, preset, job)
    return repair_store(folder, cache, name=_name(project, folder), fetch=fetch, rebuild=rebuild)


def _rebuild(project: Path, folder: Path, preset: str | None, find: FindJob) -> None:
    """Run the store's stage, which computes what the cache lacks, if it would make this very store."""
    paths = Paths(project.absolute(), folder.parent.name)
    stage = STAGE_OF.get(folder.stem)
    if stage is None or paths.store(folder.stem) != folder:
        raise DatasetError(
            f"{folder} is not a store of this project's stages, and no good copy of what is damaged is at "
            "hand: fetch it again from where it came (`dvc pull`, or `cache import`)"
        )
    job = find(stage, paths.dataset, preset)
    recipes(HOUSE).check(stage, job.parts)  # other code would put other results under the same keys
    _refuse_other(folder, job)
    build_store(job, paths, RunOptions(quiet=True), max_failed=1.0)


def _refuse_other(folder: Path, job: StoreJob) -> None:
    """Present params or sources that give other keys would make another store, not mend this one."""
    try:
        parts = read_parts(folder)
        before = {array: set(parts.row_keys(array)) - {None} for array in parts.arrays}
    except (StoreError, OSError, ValueError):
        return  # what would tell is itself damaged; the manifest decides afterwards
    now: dict[str, set[str | None]] = {array.name: set() for array in job.spec.arrays}
    for row in job.rows:
        for array, doc in row.docs.items():
            now[array].add(key_of(doc))
    if now != before:
        raise DatasetError(
            f"{folder} was made of other params, code or files than the present ones, so its stage cannot mend "
            f"it: `cache why CLIP` tells the difference; `dvc pull` fetches it, or run {job.stage} to make it anew"
        )


def _learned(project: Path) -> list[Path]:
    """Every folder of weights that tells of its trainings."""
    return sorted(path.parent for kind in LEARNED for path in project.glob(f"weights/*/{kind}/{TRAININGS}"))


def _cache(project: Path) -> Cache:
    return Paths(project, "").open_cache()


def _asked(project: Path, stores: Sequence[Path] | None) -> list[Path]:
    """The stores named, or all; a folder that is none of ours would only look like one that lost everything."""
    for folder in stores or ():
        if not folder.is_dir() or not (folder.suffix == ".zarr" or (folder / MANIFEST).exists()):
            raise DatasetError(
                f"{folder} is no store: expected a folder with a {MANIFEST}, as data/demo/features.zarr; without "
                "a name all of the project's are taken"
            )
    return [Path(folder).absolute() for folder in stores] if stores else stores_of(project)


def _name(project: Path, folder: Path) -> str:
    """Under which builds remember its rows' order: dataset/store, wherever it was put."""
    dataset: Any = folder.parent.name
    if folder.parent.parent != (project / "data").absolute():
        dataset = read_parts(folder).attrs.get("dataset", dataset)
    return f"{dataset}/{folder.stem}"


def _stage_order(folder: Path) -> tuple[str, int, str]:
    """A store is mended after those that it is made from."""
    names = list(STAGE_OF)
    place = names.index(folder.stem) if folder.stem in names else len(names)
    return folder.parent.name, place, folder.name

"""Why a clip's entries are what they are, across the stores of a project."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from cache import JSON, Cache, key_of
from cache.store.parts import Parts, read_parts
from cache.upkeep.why import RowProvenance, entries, made_of, nearest
from pipeline.build.build import StoreJob
from pipeline.build.failures import Failure, read_failures
from pipeline.errors import DatasetError, PipelineError
from pipeline.paths import Paths
from pipeline.upkeep.stores import STAGE_OF, FindJob, stores_of


@dataclass(frozen=True, slots=True)
class Explained:
    """Output of `cache why`."""

    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def explained(
    project: Path, clip: str, dataset: str | None, array: str | None, preset: str | None, find: FindJob
) -> Explained:
    """Every entry of `clip`, what it was made of, and whether present params and files ask for the same."""
    cache = Paths(project, "").open_cache()
    parts = [read_parts(folder) for folder in stores_of(project, dataset)]
    every = {of.folder: _entries(of, clip, cache) for of in parts}
    names = {made.key: f"{folder.name} {made.array}" for folder, of in every.items() for made in of.values()}
    found = {folder: {n: m for n, m in of.items() if array in (None, n)} for folder, of in every.items()}
    lines: list[str] = []
    for folder, stored in found.items():
        lines += _store(folder, stored, clip, array, cache, names, _present(folder, clip, preset, find))
    lines += [f"lost in {f.stage}: {f.error}: {f.message}" for f in _failures(project, clip, dataset)]
    if not lines:
        raise DatasetError(_unknown(project, parts, clip, dataset, array))
    return Explained(tuple(lines))


def _unknown(project: Path, parts: Sequence[Parts], clip: str, dataset: str | None, array: str | None) -> str:
    """What was asked for and is not there, and what is."""
    where = f"data/{dataset}" if dataset else "data/*"
    if not parts:
        having = sorted({folder.parent.name for folder in stores_of(project)})
        return f"{project / where} has no store; datasets that have some: {', '.join(having) or 'none yet'}"
    ids = {row_id for of in parts for row_id in of.ids() if row_id is not None}
    if clip in ids:
        arrays = sorted({name for of in parts for name in of.arrays})
        return f"no store in {where} has {clip} in an array {array!r}; there are {', '.join(arrays)}"
    near = get_close_matches(clip, sorted(ids), n=3)
    what = (
        f"did you mean {' or '.join(near)}?" if near else f"ids look like {min(ids, default='nothing yet')}"
    )
    return f"no store in {where} has a clip {clip!r}; {what} All stand in data/NAME/catalog.parquet"


def _entries(parts: Parts, clip: str, cache: Cache) -> dict[str, RowProvenance]:
    made = {name: made_of(parts, name, clip, cache) for name in parts.arrays}
    return {name: one for name, one in made.items() if one is not None}


def _present(
    folder: Path, clip: str, preset: str | None, find: FindJob
) -> Callable[[], Mapping[str, JSON] | str]:
    """What the store's stage would make the clip of now; a word where that can't be told."""

    def look() -> Mapping[str, JSON] | str:
        stage = STAGE_OF.get(folder.stem)
        if stage is None:
            return "no stage of this project makes this store"
        try:
            job: StoreJob = find(stage, folder.parent.name, preset)
        except (PipelineError, OSError) as error:
            return f"what {stage} would make now can't be told: {error}"
        return next((row.docs for row in job.rows if row.id == clip), {})

    return look


def _store(
    folder: Path, stored: Mapping[str, RowProvenance], clip: str, array: str | None, cache: Cache,
    names: Mapping[str, str], present: Callable[[], Mapping[str, JSON] | str],
) -> Iterator[str]:  # fmt: skip
    docs = present()
    wanted = {} if isinstance(docs, str) else {n: doc for n, doc in docs.items() if array in (None, n)}
    if not stored and not wanted:
        return
    yield f"{folder.parent.name}/{folder.name}"
    if isinstance(docs, str):
        yield f"  {docs}"
    for name in sorted(stored.keys() | wanted.keys()):
        head, details = _lines(stored.get(name), names)
        yield from (f"  {line}" for line in head)
        yield from (
            f"    {line}" for line in _verdict(stored.get(name), wanted.get(name), name, clip, cache, docs)
        )
        yield from (f"  {line}" for line in details)


def _lines(made: RowProvenance | None, names: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The line that names the entry, and those that tell of it; what it is for comes between them."""
    lines = [] if made is None else made.lines(names)
    return lines[:1], lines[1:]


def _verdict(
    made: RowProvenance | None, doc: JSON, array: str, clip: str, cache: Cache, docs: Mapping[str, JSON] | str
) -> Iterator[str]:
    """Hit or miss, and on a miss the difference to the nearest entry."""
    if isinstance(docs, str):
        return
    if doc is None:
        yield f"miss: present params and files make no {array} of {clip}"
        return
    if made is not None and made.key == key_of(doc):
        yield "hit: present params and files give the same key"
        return
    found = nearest(iter([*entries(cache, array, clip), *([made] if made else [])]), doc)
    if found is None:
        yield f"miss: {array} of {clip} was never made; its key would be {key_of(doc)}"
        return
    near, differing = found
    if not differing:
        yield "hit: the store is of older params or files, but the cache has what present ones ask for"
        return
    yield f"miss: {array} of {clip} would have the key {key_of(doc)}; the nearest entry, {near.key}, differs in"
    yield from (f"  {difference}" for difference in differing)


def _failures(project: Path, clip: str, dataset: str | None) -> list[Failure]:
    folders = sorted({folder.parent for folder in stores_of(project, dataset)})
    return [f for folder in folders for f in read_failures(folder / "failures.jsonl") if f.clip_id == clip]

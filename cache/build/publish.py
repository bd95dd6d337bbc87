"""Publishing: link a build's shards into a folder that Zarr and xarray open, and seal it with a manifest."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..answers import Answers
from ..errors import BuildError, ShardError, SpecError
from ..files import full_disk_explained, link_or_copy, remove, swap_in, sync_folder
from ..home.home import Cache
from ..home.proof import prove
from ..home.row_keys import KeyTable
from ..keys import FORMAT, JSON, digest_of
from ..layout import KEYS, LAYOUT, MANIFEST, documents_name, shard_name
from ..locks import locked
from ..shards.checksums import table_bytes
from ..shards.documents import documents_bytes, intact, tail_checksums, write_documents
from ..shards.records import Record
from ..shards.specs import ArraySpec, StoreSpec, dim_sizes
from ..shards.spelled import shared_by, spelled_docs
from ..shards.writing import ShardWriter
from ..store.made import made_document
from ..store.manifest import FileFacts, sealed_manifest
from .metadata import StoredArray, write_metadata

_STATED_BYTES = 128 << 10
"""Of one array's checksums in the manifest: those of 500,000 rows of 2 KB."""
_RESERVED = (LAYOUT, "failures", "coordinates")


@dataclass(frozen=True, slots=True)
class Publication:
    """Contents of a store to be published: N rows (holes among them), n ids."""

    spec: StoreSpec
    order: tuple[str | None, ...]
    """N ids, None for a hole."""
    keys: KeyTable
    """Keys of the N rows, of the arrays in the order of `spec`."""
    records: Mapping[str, tuple[Record, ...]]
    """Array to its blocks' records."""
    docs: Callable[[str, int], Sequence[JSON]]
    """Array and block to the documents of the block's rows; None where there is none."""
    coords: Mapping[str, NDArray[np.generic]]
    """Name to (n, ...)."""
    attrs: Mapping[str, JSON]


def publish(cache: Cache, store: Publication, out: Path) -> None:
    """Write the store beside `out`, whole and sealed, then put it in its place in one step."""
    coords = _coordinates(store)
    _refuse_clashes(store, coords)
    out.parent.mkdir(parents=True, exist_ok=True)
    for stale in sorted(out.parent.glob(f"{out.name}.partial-*")):
        remove(stale)  # the lock on this store's name is ours: whoever left it is dead
    partial = out.with_name(f"{out.name}.partial-{os.getpid()}")
    try:
        with full_disk_explained(partial, f"store {out.name}"):
            _fill(cache, store, coords, partial)
            swap_in(partial, out)
    finally:
        remove(partial)


def _fill(
    cache: Cache, store: Publication, coords: Sequence[tuple[StoredArray, NDArray[np.generic]]], folder: Path
) -> None:
    arrays = [_stored(store, array) for array in store.spec.arrays]
    attrs = _attributes(store, [array for array, _ in coords])
    every = [*arrays, *(array for array, _ in coords)]
    write_metadata(folder, every, len(store.order), attrs, Answers(cache.root))
    files: dict[str, FileFacts] = {}
    stated = {array.name for array in store.spec.arrays if _few_checksums(store, array)}
    for array in store.spec.arrays:
        for block, record in enumerate(store.records[array.name]):
            name = f"{array.name}/{shard_name(block, len(array.row_shape))}"
            table = _proven(cache, record)
            link_or_copy(cache.shard(record.key), folder / name)
            data = _documents(cache, store, array, block, table)
            files[name] = FileFacts(
                record.size, record.digest, digest_of(table), table if array.name in stated else None
            )
            name = f"{array.name}/{documents_name(block)}"
            link_or_copy(cache.documents(record.key), folder / name)
            files[name] = FileFacts(len(data), digest_of(data))
    for coord, values in coords:
        name = f"{coord.spec.name}/{shard_name(0, len(coord.spec.row_shape))}"
        files[name] = FileFacts(*_write_coordinate(folder / name, coord, values))
    for path in sorted(folder.rglob("zarr.json")):
        data = path.read_bytes()
        files[path.relative_to(folder).as_posix()] = FileFacts(len(data), digest_of(data))
    _seal(folder, files)


def _few_checksums(store: Publication, array: ArraySpec) -> bool:
    """Whether the manifest states each chunk's checksum: a reader from afar saves a request a shard by it."""
    return table_bytes(array, store.spec.rows_per_shard) * len(store.records[array.name]) <= _STATED_BYTES


def _proven(cache: Cache, record: Record) -> bytes:
    """The checksums of a shard that is what its record says: whoever hashes it next, in a store, would swear to it."""
    try:
        return prove(cache, record).checksums or b""
    except (ShardError, FileNotFoundError) as error:
        cache.set_aside(record.key, str(error))
        raise BuildError(
            f"a shard was damaged while the store was being built ({error}); it is set aside, and nothing was "
            "published. Run the same command again: only what is damaged is made anew"
        ) from error


def _documents(cache: Cache, store: Publication, array: ArraySpec, block: int, table: bytes) -> bytes:
    """A block's documents, written into the cache where it has none that are whole."""
    key = store.records[array.name][block].key
    path = cache.documents(key)
    data = path.read_bytes() if path.exists() else b""
    if not intact(data, key) or tail_checksums(data) != table:
        record, docs = store.records[array.name][block], store.docs(array.name, block)
        spelled = spelled_docs(docs, record.common)
        data = documents_bytes(
            key, array.key_document, record.rows_per_shard, spelled, record.failures, table
        )
        with locked(cache.lock(key)):
            write_documents(path, data)
    return data


def _seal(folder: Path, files: Mapping[str, FileFacts]) -> None:
    """The manifest, then everything to the disk."""
    (folder / MANIFEST).write_bytes(sealed_manifest(files))
    for path in [folder / MANIFEST, *sorted(folder.rglob("zarr.json"))]:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    for path in [folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir())]:
        sync_folder(path)


def _stored(store: Publication, array: ArraySpec) -> StoredArray:
    return StoredArray(array, store.spec.rows_per_shard, (store.spec.row_dim, *array.dims), {})


def _coordinates(store: Publication) -> list[tuple[StoredArray, NDArray[np.generic]]]:
    """The ids, the keys and the caller's own, each with N rows: a hole reads as fill."""
    row_dim = store.spec.row_dim
    found = [row for row in store.order if row is not None]
    whole = len(found) == len(store.order)
    rows = np.arange(len(found)) if whole else np.flatnonzero([row is not None for row in store.order])
    ids = _ascii(found)
    names: list[JSON] = [array.name for array in store.spec.arrays]
    made = [_coordinate(store, rows, f"{row_dim}_id", ids, ("byte",), {}), _key_coordinate(store, names)]
    for name, values in sorted(store.coords.items()):
        values = np.asarray(values)
        if values.shape[:1] != rows.shape or values.dtype.kind not in "biufS":
            raise SpecError(
                f"coordinate {name!r}: expected {len(rows)} rows of numbers or fixed-width bytes, "
                f"got {values.dtype} {values.shape}; encode words with np.array(words, dtype='S')"
            )
        axes = values.ndim - 1 + (values.dtype.kind == "S")
        dims = tuple(f"{name}_{axis}" for axis in range(axes))
        made.append(_coordinate(store, rows, name, values, dims, {}))
    return made


def _key_coordinate(store: Publication, names: list[JSON]) -> tuple[StoredArray, NDArray[np.generic]]:
    """(N, arrays, 20) uint8: each row's key in each array; zeros where there is none."""
    every, values = np.arange(len(store.order)), store.keys.digests
    return _coordinate(store, every, KEYS, values, ("array", "digest"), {"arrays": names})


def _coordinate(
    store: Publication, rows: NDArray[np.intp], name: str, values: NDArray[np.generic], dims: tuple[str, ...],
    attrs: dict[str, JSON],
) -> tuple[StoredArray, NDArray[np.generic]]:  # fmt: skip
    if values.dtype.kind == "S":
        width = max(1, values.dtype.itemsize)
        values = np.ascontiguousarray(values.astype(f"S{width}")).view(np.uint8).reshape(*values.shape, width)
        attrs = {**attrs, "encoding": "ascii"}
    num_rows = len(store.order)
    spec = ArraySpec(name, values.dtype, values.shape[1:], dims, chunk_rows=num_rows, codec="zstd")
    array = StoredArray(spec, num_rows, (store.spec.row_dim, *dims), attrs)
    if len(values) == num_rows:
        return array, values
    whole = spec.filled((num_rows, *spec.row_shape))
    whole[rows] = values
    return array, whole


def _ascii(words: list[str]) -> NDArray[np.bytes_]:
    """(n,): as np.array(words, "S") gives them, twice to three times as fast."""
    widths = {*map(len, words)}
    width = max(widths, default=1)
    even = words if len(widths) == 1 else [word.ljust(width, "\0") for word in words]
    return np.frombuffer("".join(even).encode("ascii"), f"S{width}")


def _write_coordinate(path: Path, array: StoredArray, values: NDArray[np.generic]) -> tuple[int, str]:
    writer = ShardWriter(path, array.spec, array.rows_per_shard)
    try:
        writer.write_group(values)
        return writer.close()
    except BaseException:
        writer.abort()
        raise


def _refuse_clashes(store: Publication, coords: Sequence[tuple[StoredArray, NDArray[np.generic]]]) -> None:
    specs = [*store.spec.arrays, *(array.spec for array, _ in coords)]
    names = [spec.name for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecError(f"{twice} name two things in one store, among arrays {names}; rename one of them")
    dim_sizes([(spec.name, spec.dims, spec.row_shape) for spec in specs], store.spec.row_dim)
    taken = sorted(store.attrs.keys() & set(_RESERVED))
    if taken:
        raise SpecError(f"attributes {taken} are the store's own; give yours other names")


def _attributes(store: Publication, coords: Sequence[StoredArray]) -> dict[str, JSON]:
    house: dict[str, JSON] = {
        "format": FORMAT, "row_dim": store.spec.row_dim,
        "arrays": {array.name: _layout(_stored(store, array)) for array in store.spec.arrays},
        "coords": {array.spec.name: _layout(array) for array in coords},
        "rows": len(store.order),
        "made_of": {name: _made_of(store, name) for name in sorted(store.records)},
        "made": _made(store),
    }  # fmt: skip
    return {
        **{name: store.attrs[name] for name in sorted(store.attrs)},
        "coordinates": " ".join(sorted(array.spec.name for array in coords)),
        "failures": _failures(store), LAYOUT: house,
    }  # fmt: skip


def _made_of(store: Publication, array: str) -> dict[str, JSON]:
    """What the documents of all the array's rows share: what those of each block share, as far as blocks agree."""
    step = store.spec.rows_per_shard
    return shared_by(
        dict(record.common)
        for block, record in enumerate(store.records[array])
        if store.keys.has(array, slice(block * step, (block + 1) * step))
    )


def _made(store: Publication) -> dict[str, JSON]:
    named = np.array([row is not None for row in store.order])
    made = np.any(store.keys.digests, axis=2)
    return made_document(named, {name: made[:, at] for at, name in enumerate(store.keys.arrays)})


def _layout(array: StoredArray) -> dict[str, JSON]:
    return {**array.spec.document(), "rows_per_shard": array.rows_per_shard, "attrs": dict(array.attrs)}


def _failures(store: Publication) -> list[JSON]:
    """One entry a row where all its arrays failed alike, else one a row and array; in row order."""
    step = store.spec.rows_per_shard
    found: dict[int, dict[str, dict[str, JSON]]] = {}
    for name, records in store.records.items():
        for block, record in enumerate(records):
            for within, why in record.failures.items():
                found.setdefault(block * step + within, {})[name] = asdict(why)
    entries: list[JSON] = []
    for number, by_array in sorted(found.items()):
        made = {name for name in store.keys if store.keys.has(name, number)}
        reasons = list(by_array.values())
        if by_array.keys() == made and all(reason == reasons[0] for reason in reasons):
            entries.append({"id": store.order[number], **reasons[0]})
        else:
            entries.extend(
                {"id": store.order[number], "array": name, **why} for name, why in sorted(by_array.items())
            )
    return entries

"""A store as one HDF5 file, for people without Zarr: arrays, coordinates, keys, failures and card. h5py's one room."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import StoreError
from ..files import full_disk_explained, sync_folder
from ..keys import FORMAT
from ..layout import KEYS
from ..locks import aside
from ..store.manifest import read_manifest
from ..store.parts import Parts, read_parts
from ..store.store import Store, open_store
from ..upkeep.verify import verify_store
from .exported import Exported

CHUNK_BYTES = 1 << 20
"""Bytes that reading a single row takes at most, unless a row is larger."""
_BATCH_BYTES = 64 << 20
_GZIP_LEVEL = 4  # zstd needs a plugin that not every HDF5 has


def export_hdf5(folder: Path, out: Path) -> Exported:
    """Write the verified store's rows, without holes; every dim is a dimension scale, ids are the rows' one."""
    verified = verify_store(folder)
    if verified.faults:
        raise StoreError(f"store {folder}: {verified.faults[0]}; mend it first: python cli.py cache repair")
    store, parts, digest = open_store(folder), read_parts(folder), read_manifest(folder).digest
    with closing(store), aside(out, "exporting") as place:
        with full_disk_explained(place, out.name):
            _write(place, store, parts, digest)
            with place.open("rb") as file:
                os.fsync(file.fileno())
        place.rename(out)
    sync_folder(out.parent)
    return Exported(out, len(store), store.arrays, out.stat().st_size, digest)


def _write(path: Path, store: Store, parts: Parts, digest: str) -> None:
    import h5py

    with h5py.File(path, "x", libver=("earliest", "v110")) as file:
        file.attrs.update({"format": FORMAT, "digest": digest})
        for name, value in store.attrs.items():
            if isinstance(value, str | int | float):
                file.attrs[name] = value
        _text(file, "card", store.attrs, "the store's attributes, as JSON")
        _text(file, "failures", list(store.failures), "rows that could not be made and why, as JSON")
        _text(file, "made_of", store.made_of, "what all rows of an array were made of, as JSON")
        _scales(file, store, parts)
        for array in store.arrays:
            _array(file, store, parts, array)
        for name in sorted(parts.coords.keys() - {KEYS, f"{parts.row_dim}_id"}):
            _coordinate(file, store, parts, name)
        for array in store.arrays:
            keys = store.keys(array)
            values = np.array([keys.get(row_id, "") for row_id in store.ids], "S40")
            _labelled(file.create_dataset(f"{KEYS}/{array}", data=values), parts, ())


def _text(file: Any, name: str, value: object, what: str) -> None:
    """JSON as a dataset: attributes of HDF5 end at 64 KB."""
    file.create_dataset(name, data=json.dumps(value, sort_keys=True)).attrs["description"] = what


def _scales(file: Any, store: Store, parts: Parts) -> None:
    """One dataset a dim: the ids for the rows, 0, 1, 2, … for the others."""
    ids = file.create_dataset(f"{parts.row_dim}_id", data=np.array(store.ids, "S"))
    ids.make_scale(parts.row_dim)
    sizes = {
        dim: size
        for part in (*parts.arrays.values(), *parts.coords.values())
        if part.attrs.get("encoding") != "ascii" and part.spec.name != KEYS
        for dim, size in zip(part.spec.dims, part.spec.row_shape, strict=True)
    }
    for dim, size in sorted(sizes.items()):
        file.create_dataset(dim, data=np.arange(size)).make_scale(dim)


def _array(file: Any, store: Store, parts: Parts, array: str) -> None:
    spec = store.spec(array)
    rows = max(1, min(len(store), CHUNK_BYTES // max(1, spec.row_bytes)))
    packing = {"compression": "gzip", "compression_opts": _GZIP_LEVEL, "shuffle": True}
    dataset = file.create_dataset(
        array, (len(store), *spec.row_shape), spec.stored, chunks=(rows, *spec.row_shape), fletcher32=True,
        **(packing if spec.codec == "zstd" else {}),
    )  # fmt: skip
    for start, stop in _batches(len(store), spec.row_bytes, rows):
        dataset[start:stop] = store.read(array, store.ids[start:stop])
    _labelled(dataset, parts, spec.dims)


def _batches(total: int, row_bytes: int, chunk: int) -> Iterator[tuple[int, int]]:
    """Whole chunks of rows, a few MB at a time."""
    step = chunk * max(1, _BATCH_BYTES // max(1, row_bytes * chunk))
    for start in range(0, total, step):
        yield start, min(start + step, total)


def _coordinate(file: Any, store: Store, parts: Parts, name: str) -> None:
    values = store.coord(name)
    dims = () if values.dtype.kind == "S" else parts.coords[name].spec.dims
    _labelled(file.create_dataset(name, data=values), parts, dims)


def _labelled(dataset: Any, parts: Parts, dims: tuple[str, ...]) -> None:
    """Name every axis and attach its scale."""
    scales = (f"{parts.row_dim}_id", *dims)
    for axis, (label, scale) in enumerate(zip((parts.row_dim, *dims), scales, strict=True)):
        dataset.dims[axis].label = label
        dataset.dims[axis].attach_scale(dataset.file[scale])

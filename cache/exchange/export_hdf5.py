"""A store as one HDF5 file, for people without Zarr: h5py reads it, and so does `datasets`. h5py's one room.

`datasets` takes every dataset in the file for a column: each here has one entry a row. What is not of rows is an
attribute.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..keys import FORMAT
from ..layout import KEYS
from .checked import COMPLETE, Checked, export_checked
from .exported import Exported

CHUNK_BYTES = 1 << 20
"""Bytes that reading a single row takes at most, unless a row is larger."""
_GZIP_LEVEL = 4  # zstd needs a plugin that not every HDF5 has
_LIBRARIES = ("v108", "v110")  # before 1.8 an attribute ended at 64 KB


def export_hdf5(
    folder: Path,
    out: Path,
    arrays: Sequence[str] | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Exported:
    """Write the verified store's rows, without holes; every axis is labelled, the ids are the rows' scale."""
    return export_checked(folder, out, arrays, _write, attributes)


def _write(path: Path, source: Checked) -> None:
    import h5py

    with h5py.File(path, "x", libver=_LIBRARIES) as file:
        file.attrs.update({"format": FORMAT, "digest": source.digest, **source.texts()})
        file.attrs.update(source.single_values())
        ids = file.create_dataset(source.id_name, data=list(source.store.ids), dtype=h5py.string_dtype())
        ids.make_scale(source.parts.row_dim)
        for array in source.arrays:
            _array(file, source, array)
        for name in source.coords:
            _coordinate(file, source, name)
        _labelled(file.create_dataset(COMPLETE, data=source.complete()), source, ())


def _array(file: Any, source: Checked, array: str) -> None:
    """The rows' values, and under `key/` what each was made of."""
    store, spec, total = source.store, source.store.spec(array), len(source.store)
    rows = max(1, min(total, CHUNK_BYTES // max(1, spec.row_bytes)))
    packing = {"compression": "gzip", "compression_opts": _GZIP_LEVEL, "shuffle": True}
    filters = {"fletcher32": True, **(packing if spec.codec == "zstd" else {})}
    dataset = file.create_dataset(
        array, (total, *spec.row_shape), spec.stored,
        **({"chunks": (rows, *spec.row_shape), **filters} if total else {}),
    )  # fmt: skip
    for batch in source.batches(spec.row_bytes, rows):
        dataset[batch] = store.read(array, store.ids[batch])
    _labelled(dataset, source, spec.dims)
    keys = store.keys(array)
    values = np.array([keys.get(row_id, "") for row_id in store.ids], "S40")
    _labelled(file.create_dataset(f"{KEYS}/{array}", data=values), source, ())


def _coordinate(file: Any, source: Checked, name: str) -> None:
    values = source.store.coord(name)
    dims = () if values.dtype.kind == "S" else source.parts.coords[name].spec.dims
    _labelled(file.create_dataset(name, data=values), source, dims)


def _labelled(dataset: Any, source: Checked, dims: tuple[str, ...]) -> None:
    """Name every axis; the rows' has its scale too."""
    for axis, label in enumerate((source.parts.row_dim, *dims)):
        dataset.dims[axis].label = label
    dataset.dims[0].attach_scale(dataset.file[source.id_name])

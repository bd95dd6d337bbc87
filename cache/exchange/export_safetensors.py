"""A store's arrays as one safetensors file: tensors by name, ids and card in its metadata.

The format is a length, a JSON header and the bytes of all tensors, one after the other. The package of that name writes
it from tensors that are all in memory; here rows go from store to file some MB at a time.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .checked import COMPLETE, Checked, export_checked
from .exported import Exported

_NAMES = {"bool": "BOOL", "float16": "F16", "float32": "F32", "float64": "F64"}
_ALIGNMENT = 8


def export_safetensors(
    folder: Path,
    out: Path,
    arrays: Sequence[str] | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Exported:
    """Write each array as a tensor (N, …), each coordinate of numbers too, and `complete` (N,): rows that lack nothing.

    Ids, and coordinates of words, are JSON lists in the metadata, in the order of the rows.
    """
    return export_checked(folder, out, arrays, _write, attributes)


def _write(path: Path, source: Checked) -> None:
    store, total = source.store, len(source.store)
    coords = {name: store.coord(name) for name in source.coords}
    words = {name: values for name, values in coords.items() if values.dtype.kind == "S"}
    small = {name: values for name, values in coords.items() if name not in words}
    small[COMPLETE] = source.complete()
    specs = {array: store.spec(array) for array in source.arrays}
    metadata = {"format": "np", "digest": source.digest, **source.texts()}
    metadata[source.id_name] = json.dumps(store.ids)
    metadata |= {name: json.dumps([word.decode("ascii") for word in v.tolist()]) for name, v in words.items()}
    shapes: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
        **{array: (spec.stored, (total, *spec.row_shape)) for array, spec in specs.items()},
        **{name: (values.dtype, values.shape) for name, values in small.items()},
    }
    names = sorted(shapes, key=lambda name: (-np.dtype(shapes[name][0]).itemsize, name))
    with path.open("xb") as file:
        file.write(_header(names, shapes, metadata))
        for name in names:
            if name in small:
                file.write(_little(small[name]))
                continue
            for rows in source.batches(specs[name].row_bytes):
                file.write(_little(store.read(name, store.ids[rows])))


def _header(
    names: Sequence[str],
    shapes: dict[str, tuple[DTypeLike, tuple[int, ...]]],
    metadata: dict[str, str],
) -> bytes:
    """The larger numbers first, so that each tensor's begin where their size divides."""
    entries: dict[str, object] = {"__metadata__": metadata}
    offset = 0
    for name in names:
        dtype, shape = np.dtype(shapes[name][0]), shapes[name][1]
        end = offset + math.prod(shape) * dtype.itemsize
        entries[name] = {"dtype": _named(dtype), "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def _named(dtype: np.dtype[np.generic]) -> str:
    """The format's name of a number's kind: F32, U8, I64, …"""
    return _NAMES.get(dtype.name, f"{dtype.kind.upper()}{8 * dtype.itemsize}")


def _little(values: NDArray[np.generic]) -> bytes:
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()

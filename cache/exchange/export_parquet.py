"""A store's vectors as one Parquet file: a row each, for pandas, `datasets` and DuckDB. pyarrow's one room in cache."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..errors import StoreError
from ..shards.specs import ArraySpec
from .checked import Checked, export_checked
from .exported import Exported

_MAX_AXES = 2
"""Axes of more than one place that a column may have: a list, or a list of lists."""


def export_parquet(
    folder: Path,
    out: Path,
    arrays: Sequence[str] | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Exported:
    """Write a column for the ids, one a coordinate and one an array; a row that an array lacks is null there.

    Axes of length 1 are left out: (1, 512) is a list of 512. Raises StoreError where an array has more than two others.
    """
    return export_checked(folder, out, arrays, _write, attributes)


def _write(path: Path, source: Checked) -> None:
    sizes = {array: _sizes(source.store.spec(array)) for array in source.arrays}
    row_bytes = sum(source.store.spec(array).row_bytes for array in source.arrays)
    made = {array: source.made(array) for array in source.arrays}
    plain = {source.id_name: pa.array(source.store.ids, pa.string())}
    plain |= {name: _column(source.store.coord(name)) for name in source.coords}

    def table(rows: slice) -> Any:
        columns = {name: values[rows] for name, values in plain.items()}
        for array, shape in sizes.items():
            values = source.store.read(array, source.store.ids[rows])
            columns[array] = _lists(values.reshape(len(values), *shape), ~made[array][rows])
        return pa.table(columns).replace_schema_metadata({"digest": source.digest, **source.texts()})

    # a dictionary of floats, or the least and greatest of them, only takes room
    with pq.ParquetWriter(
        path, table(slice(0, 0)).schema, compression="zstd", use_dictionary=list(plain),
        write_statistics=list(plain), write_page_checksum=True,
    ) as writer:  # fmt: skip
        for rows in source.batches(row_bytes):
            writer.write_table(table(rows), row_group_size=max(1, rows.stop - rows.start))


def _sizes(spec: ArraySpec) -> tuple[int, ...]:
    found = tuple(size for size in spec.row_shape if size > 1)
    if len(found) > _MAX_AXES:
        raise StoreError(
            f"array {spec.name!r} is {spec.row_shape} a row: Parquet is for vectors. Name those that are "
            "(--array NAME, as often as there are), or write .h5 or .zip"
        )
    return found


def _column(values: NDArray[Any]) -> Any:
    """A coordinate: words as text, bytes as bytes, numbers as numbers."""
    if values.dtype.kind == "S":
        return pa.array([word.decode("ascii") for word in values.tolist()], pa.string())
    if values.dtype == np.uint8 and values.ndim == 2:
        return pa.array([row.tobytes() for row in values], pa.binary())
    return _lists(values, np.zeros(len(values), bool))


def _lists(values: NDArray[Any], missing: NDArray[np.bool_]) -> Any:
    """(n, …) as a column of numbers, lists, or lists of lists, null where a row is missing."""
    if values.ndim == 1:
        return pa.array(values, mask=missing)
    column = pa.array(values.reshape(-1))
    for size in reversed(values.shape[2:]):
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return pa.FixedSizeListArray.from_arrays(column, values.shape[1], mask=pa.array(missing))

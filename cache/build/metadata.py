"""The only module that speaks with zarr: it writes the metadata, so that zarr and xarray agree with us."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..answers import Answers
from ..keys import JSON
from ..shards.specs import ArraySpec


@dataclass(frozen=True, slots=True)
class StoredArray:
    """One array of a store as Zarr sees it: data or coordinate."""

    spec: ArraySpec
    rows_per_shard: int
    dims: tuple[str, ...]
    """Every axis named, the row axis first."""
    attrs: Mapping[str, JSON]


def write_metadata(
    folder: Path, arrays: Sequence[StoredArray], num_rows: int, attrs: Mapping[str, JSON], answers: Answers
) -> None:
    """Write zarr.json of the group and of every array, then the consolidated copy in the group's.

    What zarr says of the same arrays is asked once: to import it takes as long as a stage that has nothing to do.
    """
    asked: list[JSON] = [
        [array.spec.document(), array.rows_per_shard, [*array.dims], dict(array.attrs)] for array in arrays
    ]
    found = answers.get(["zarr", version("zarr"), num_rows, asked], lambda: _documents(arrays, num_rows))
    assert isinstance(found, dict)
    documents: dict[str, Any] = dict(found)
    documents[""] = {**documents[""], "attributes": dict(attrs)}
    _write_consolidated(folder, documents)


def _documents(arrays: Sequence[StoredArray], num_rows: int) -> dict[str, JSON]:
    """The metadata of each array, and under "" that of a group without attributes."""
    import zarr  # takes half a second; planning and reading don't need it
    from zarr.core.buffer import Buffer
    from zarr.storage import MemoryStore

    made: dict[str, Buffer] = {}  # zarr's own files need hard links, which not every file system has
    group = zarr.create_group(MemoryStore(made), zarr_format=3)
    for array in arrays:
        _create(group, array, num_rows)
    return {name.rpartition("/")[0]: json.loads(data.to_bytes()) for name, data in made.items()}


def _create(group: object, array: StoredArray, num_rows: int) -> None:
    import zarr
    from zarr.codecs import BytesCodec, Crc32cCodec, ZstdCodec

    from ..shards.writing import ZSTD_LEVEL

    assert isinstance(group, zarr.Group)
    spec = array.spec
    whole_row = tuple(count * size for count, size in zip(spec.grid, spec.inner, strict=True))
    zstd = [ZstdCodec(level=ZSTD_LEVEL)] if spec.codec == "zstd" else []
    group.create_array(
        spec.name, shape=(num_rows, *spec.row_shape), dtype=spec.stored, fill_value=spec.fill,
        chunks=spec.chunk_shape, shards=(array.rows_per_shard, *whole_row),
        serializer=BytesCodec(endian="little"), compressors=[*zstd, Crc32cCodec()], filters=None,
        chunk_key_encoding={"name": "default", "separator": "."},
        dimension_names=array.dims, attributes=dict(array.attrs),
    )  # fmt: skip


def _write_consolidated(folder: Path, documents: dict[str, dict[str, JSON]]) -> None:
    """One zarr.json an array ("" is the group), and all of them in the group's too."""
    group = documents.pop("")
    metadata: dict[str, JSON] = dict(documents)
    group["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": metadata}
    for name, document in [("", group), *documents.items()]:
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, indent=2, sort_keys=True) + "\n"
        (folder / name / "zarr.json").write_text(text, encoding="ascii")

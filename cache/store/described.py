"""Checks of a store's description: possible shapes, matching files, and the same metadata for Zarr."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..keys import FORMAT, KEY_BYTES, digest_of
from ..layout import KEYS, documents_name, shard_name
from ..shards.chunk_index import CRC_BYTES, index_bytes
from ..shards.specs import ArraySpec

MAX_CHUNK_BYTES = 1 << 30
"""Limit of one chunk's unpacked size, which a reader must be able to hold."""
_MAX_AXES = 32
_COORD_BYTES = 16 << 20
_MAX_COORD_RATIO = 512
_MAX_ZSTD_RATIO = 1 << 15  # a block of 128 KiB that repeats one byte takes 4
_FIELDS = {
    "format", "array", "dtype", "row_shape", "dims", "chunk", "chunk_rows", "codec", "padded",
    "rows_per_shard", "attrs",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One array or coordinate as the group's attributes describe it."""

    spec: ArraySpec
    rows_per_shard: int
    attrs: Mapping[str, Any]

    def shard(self, block: int) -> str:
        """The block's shard, relative to the store."""
        return f"{self.spec.name}/{shard_name(block, len(self.spec.row_shape))}"

    def documents(self, block: int) -> str:
        """The block's documents, relative to the store."""
        return f"{self.spec.name}/{documents_name(block)}"


def described_parts(docs: Mapping[str, Any]) -> dict[str, Part]:
    """Parts by name. Raises ValueError, KeyError or TypeError where one cannot be."""
    return {name: _part(name, doc) for name, doc in docs.items()}


def _part(name: str, doc: Mapping[str, Any]) -> Part:
    if doc.keys() != _FIELDS or doc["array"] != name or doc["format"] != FORMAT:
        raise ValueError(f"{name!r:.80} is described by {sorted(doc)}, as {doc.get('array')!r:.80}")
    sizes = [*doc["row_shape"], *doc["chunk"], doc["chunk_rows"], doc["rows_per_shard"]]
    axes = {len(doc[field]) for field in ("row_shape", "chunk", "dims")}
    if len(axes) != 1 or max(axes) > _MAX_AXES or any(type(size) is not int or size < 1 for size in sizes):
        raise ValueError(f"{name!r} has the sizes {sizes!r:.200}")
    if (
        not all(isinstance(doc[field], str) for field in ("dtype", "codec"))
        or type(doc["padded"]) is not bool
    ):
        raise ValueError(f"{name!r}: dtype {doc['dtype']!r:.40}, codec {doc['codec']!r:.40}, padded")
    if not all(isinstance(dim, str) for dim in doc["dims"]) or not isinstance(doc["attrs"], dict):
        raise ValueError(f"{name!r} has the dims {doc['dims']!r:.200}")
    spec = ArraySpec.from_document({field: doc[field] for field in _FIELDS - {"rows_per_shard", "attrs"}})
    chunk_bytes = math.prod(spec.chunk_shape) * spec.stored.itemsize
    if chunk_bytes > MAX_CHUNK_BYTES or doc["rows_per_shard"] % spec.chunk_rows:
        raise ValueError(
            f"{name!r} has chunks of {chunk_bytes:,} bytes, shards of {doc['rows_per_shard']:,} rows"
        )
    return Part(spec, doc["rows_per_shard"], doc["attrs"])


def expected_files(
    arrays: Mapping[str, Part], coords: Mapping[str, Part], row_dim: str, num_rows: int, num_files: int
) -> tuple[frozenset[str], frozenset[str]]:
    """Names that the manifest must list, and all that it may; it lists `num_files`.

    Raises ValueError where a coordinate cannot be.
    """
    ids, keys = coords[f"{row_dim}_id"], coords[KEYS]
    if len(ids.spec.row_shape) != 1 or ids.spec.dtype != "uint8":
        raise ValueError(f"the ids are {ids.spec.dtype} {ids.spec.row_shape} a row")
    if sorted(keys.attrs["arrays"]) != sorted(arrays) or keys.spec.row_shape != (len(arrays), KEY_BYTES):
        raise ValueError(f"the keys are of {keys.attrs['arrays']!r:.200}, the arrays {sorted(arrays)!r:.200}")
    for name, part in coords.items():
        if not part.rows_per_shard == part.spec.chunk_rows == num_rows:
            raise ValueError(f"coordinate {name!r} has {part.rows_per_shard:,} rows, the store {num_rows:,}")
    if not arrays or arrays.keys() & coords.keys():
        raise ValueError(f"it has the arrays {sorted(arrays)} and the coordinates {sorted(coords)}")
    if any(num_rows > num_files * part.rows_per_shard for part in arrays.values()):
        raise ValueError(f"{num_rows:,} rows don't fit in the {num_files:,} files that it lists")
    required = {"zarr.json", *(f"{name}/zarr.json" for name in (*arrays, *coords))}
    required |= {part.shard(0) for part in coords.values()}
    allowed = set(required)
    for part in arrays.values():
        for block in range(-(-num_rows // part.rows_per_shard)):
            required.add(part.shard(block))
            allowed |= {part.shard(block), part.documents(block)}
    return frozenset(required), frozenset(allowed)


def impossible_size(part: Part, num_rows: int, size: int) -> str:
    """Why a shard of `num_rows` rows (holes among them) can't be `size` bytes; "" where it can."""
    spec = part.spec
    index = index_bytes(spec, part.rows_per_shard)
    chunks = -(-num_rows // spec.chunk_rows) * spec.chunks_per_row
    chunk_bytes = math.prod(spec.chunk_shape) * spec.stored.itemsize
    full = chunks * (chunk_bytes + CRC_BYTES) + index
    if spec.padded:
        return f"its index alone takes {index:,}" if size < index else ""
    if spec.codec == "raw":
        return f"{num_rows:,} rows take {full:,}" if size != full else ""
    least = chunks * (chunk_bytes // _MAX_ZSTD_RATIO + CRC_BYTES) + index
    return f"{num_rows:,} rows take {least:,} at least" if size < least else ""


def swollen(coord: Part, size: int) -> bool:
    """Whether a coordinate, held whole as soon as it is asked for, unpacks to more than such values can."""
    room = _COORD_BYTES + _MAX_COORD_RATIO * size
    return math.prod(coord.spec.chunk_shape) * coord.spec.stored.itemsize > room


def differing_from_zarr(
    group: Mapping[str, Any],
    parts: Mapping[str, Part],
    row_dim: str,
    num_rows: int,
    digests: Mapping[str, str],
) -> str:
    """Describe where Zarr's metadata differs from our reader's; "" where both see one store."""
    documents = group["consolidated_metadata"]["metadata"]
    if [group["zarr_format"], group["node_type"]] != [3, "group"]:
        return "Zarr is told of no group of version 3"
    if documents.keys() != parts.keys():
        return f"Zarr is told of {sorted(documents)!r:.200}, it holds {sorted(parts)!r:.200}"
    for name, part in parts.items():
        document = documents[name]
        text = json.dumps(document, indent=2, sort_keys=True) + "\n"
        if digest_of(text.encode("ascii")) != digests[f"{name}/zarr.json"]:
            return f"{name}/zarr.json is not what the group's zarr.json says"
        for field, (theirs, ours) in _both(document, part, row_dim, num_rows).items():
            if theirs != ours:
                return f"Zarr is told that {name!r} has {field} {theirs!r:.100}, it has {ours!r:.100}"
    return ""


def _both(document: Mapping[str, Any], part: Part, row_dim: str, num_rows: int) -> dict[str, tuple[Any, Any]]:
    """What Zarr is told and what is so, by field."""
    spec, (shards,) = part.spec, document["codecs"]
    inside = shards["configuration"]
    fill = document["fill_value"]
    whole_row = [count * step for count, step in zip(spec.grid, spec.inner, strict=True)]
    packing = ["little", "zstd", "crc32c"] if spec.codec == "zstd" else ["little", "crc32c"]
    keys = document["chunk_key_encoding"]
    return {
        "kind": ([document["zarr_format"], document["node_type"]], [3, "array"]),
        "shape": (document["shape"], [num_rows, *spec.row_shape]),
        "data type": (document["data_type"], spec.stored.name),
        "dims": (document["dimension_names"], [row_dim, *spec.dims]),
        "shards": (document["chunk_grid"]["configuration"]["chunk_shape"], [part.rows_per_shard, *whole_row]),
        "codec": (shards["name"], "sharding_indexed"),
        "chunks": (inside["chunk_shape"], list(spec.chunk_shape)),
        "packing": (list(map(_packing, inside["codecs"])), packing),
        "index": (
            [*map(_packing, inside["index_codecs"]), inside["index_location"]],
            ["little", "crc32c", "end"],
        ),
        "grid": ([document["chunk_grid"]["name"], document["storage_transformers"]], ["regular", []]),
        "names": ([keys["name"], keys["configuration"]["separator"]], ["default", "."]),
        "attributes": (document["attributes"], dict(part.attrs)),
        "fill": (
            "NaN" if fill == "NaN" else float(fill),
            "NaN" if math.isnan(spec.fill) else float(spec.fill),
        ),
    }


def _packing(codec: Mapping[str, Any]) -> str:
    """A codec's name; of the one that makes bytes of numbers, their order (single bytes have none)."""
    return str(
        codec.get("configuration", {}).get("endian", "little") if codec["name"] == "bytes" else codec["name"]
    )

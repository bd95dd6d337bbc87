"""The specification of a store: arrays, rows, blocks; a row is one record's slice of every array."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import SpecError
from ..keys import FORMAT, JSON, KEY_BYTES, canonical_with, digest_of, key_of, spelled_list

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KINDS = "biuf"


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array of a store: its shape along a row, and how a row is cut into chunks."""

    name: str
    dtype: DTypeLike
    """Bool, integer or float, stored little-endian; becomes the dtype's own short name, as "float32"."""
    row_shape: tuple[int, ...]
    """Shape of one row; () for one number a row."""
    dims: tuple[str, ...]
    """Names of the row's axes, without the row axis itself."""
    chunk: tuple[int, ...] | None = None
    """Shape of one inner chunk along the row's axes; None: the whole row."""
    chunk_rows: int = 1
    """Rows in one chunk: 16 to 64 where a row is under 64 KB, else 1."""
    codec: Literal["raw", "zstd"] = "raw"
    padded: bool = False
    """True: fill is 0, chunks of zeros aren't stored. False: each chunk is stored; fill is NaN for floats."""

    def __post_init__(self) -> None:
        if np.dtype(self.dtype).kind not in _KINDS:
            raise SpecError(f"array {self.name!r}: dtype must be bool, integer or float, got {self.dtype}")
        object.__setattr__(self, "dtype", np.dtype(self.dtype).name)
        object.__setattr__(self, "row_shape", tuple(int(size) for size in self.row_shape))
        object.__setattr__(self, "dims", tuple(self.dims))
        object.__setattr__(self, "chunk", tuple(int(size) for size in (self.chunk or self.row_shape)))
        self._check()

    def _check(self) -> None:
        where = f"array {self.name!r}"
        if not _NAME.fullmatch(self.name):
            raise SpecError(f"{where}: a name needs a letter first, then letters, digits or _")
        if len(self.dims) != len(self.row_shape) or len(set(self.dims)) != len(self.dims):
            raise SpecError(
                f"{where}: needs {len(self.row_shape)} different dims for {self.row_shape}, got {self.dims}"
            )
        if any(size < 1 for size in self.row_shape):
            raise SpecError(f"{where}: row_shape must be 1 or more along each axis, got {self.row_shape}")
        if len(self.inner) != len(self.row_shape) or any(size < 1 for size in self.inner):
            raise SpecError(
                f"{where}: chunk must match row_shape {self.row_shape} axis by axis, got {self.chunk}"
            )
        if self.chunk_rows < 1 or self.codec not in ("raw", "zstd"):
            raise SpecError(
                f"{where}: chunk_rows >= 1 and codec raw or zstd, got {self.chunk_rows}, {self.codec!r}"
            )

    @property
    def inner(self) -> tuple[int, ...]:
        """Chunk shape along the row's axes."""
        assert self.chunk is not None  # filled in by __post_init__
        return self.chunk

    @property
    def grid(self) -> tuple[int, ...]:
        """Chunks along each of the row's axes."""
        return tuple(-(-size // step) for size, step in zip(self.row_shape, self.inner, strict=True))

    @property
    def chunks_per_row(self) -> int:
        """Chunks that one row (or one group of `chunk_rows` rows) is cut into."""
        return math.prod(self.grid)

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of one chunk with the row axis in front."""
        return (self.chunk_rows, *self.inner)

    @property
    def stored(self) -> np.dtype[np.generic]:
        """The dtype as stored: little-endian."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def row_bytes(self) -> int:
        """Bytes of one row with its chunks' padding, uncompressed."""
        return self.chunks_per_row * math.prod(self.inner) * self.stored.itemsize

    @property
    def fill(self) -> float | int | bool:
        """Value of a row that was never computed."""
        kind = self.stored.kind
        if kind == "f":
            return 0.0 if self.padded else math.nan
        return False if kind == "b" else 0

    def filled(self, shape: tuple[int, ...]) -> NDArray[np.generic]:
        """Return a new array filled with `fill`."""
        return np.full(shape, self.fill, dtype=self.stored)

    @property
    def key_document(self) -> dict[str, JSON]:
        """Return, as JSON, all that decides a row's stored bytes: part of every key. Axis names are not."""
        return {name: value for name, value in self.document().items() if name != "dims"}

    def document(self) -> dict[str, JSON]:
        """The whole spec as JSON."""
        return {
            "format": FORMAT, "array": self.name, "dtype": self.stored.name,
            "row_shape": list(self.row_shape), "dims": list(self.dims), "chunk": list(self.inner),
            "chunk_rows": self.chunk_rows, "codec": self.codec, "padded": self.padded,
        }  # fmt: skip

    @classmethod
    def from_document(cls, doc: Mapping[str, JSON]) -> "ArraySpec":
        """The inverse of `document`."""
        given = {name: value for name, value in doc.items() if name not in ("format", "array")}
        listed = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        return cls(name=str(doc["array"]), **listed)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """Arrays that share their rows, and how many rows one shard (one task) holds."""

    arrays: tuple[ArraySpec, ...]
    rows_per_shard: int
    row_dim: str
    """Name of the row axis."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrays", tuple(self.arrays))
        names = [array.name for array in self.arrays]
        if not names or len(set(names)) != len(names):
            raise SpecError(f"a store needs one array or more, each with its own name, got {names}")
        if self.rows_per_shard < 1 or not _NAME.fullmatch(self.row_dim):
            raise SpecError(
                f"rows_per_shard >= 1 and row_dim a name, got {self.rows_per_shard}, {self.row_dim!r}"
            )
        for array in self.arrays:
            if self.rows_per_shard % array.chunk_rows:
                raise SpecError(
                    f"array {array.name!r}: rows_per_shard must be a multiple of chunk_rows, "
                    f"got {self.rows_per_shard} and {array.chunk_rows}"
                )
        dim_sizes([(array.name, array.dims, array.row_shape) for array in self.arrays], self.row_dim)

    def array(self, name: str) -> ArraySpec:
        """The array of that name."""
        return next(array for array in self.arrays if array.name == name)


def dim_sizes(arrays: list[tuple[str, tuple[str, ...], tuple[int, ...]]], row_dim: str) -> dict[str, int]:
    """Size of every dim besides the row's; refuses one dim with two sizes, and names that xarray confuses."""
    sizes: dict[str, int] = {}
    owner: dict[str, str] = {}
    for name, dims, shape in arrays:
        for dim, size in zip(dims, shape, strict=True):
            if dim == row_dim:
                raise SpecError(f"array {name!r}: {dim!r} is the row axis already; name this axis otherwise")
            if sizes.setdefault(dim, size) != size:
                raise SpecError(
                    f"dim {dim!r} is {sizes[dim]} in {owner[dim]!r} and {size} in {name!r}; "
                    "one dim has one size in a store: give one of them another name"
                )
            owner.setdefault(dim, name)
    for name, _, _ in arrays:
        if name in sizes or name == row_dim:
            raise SpecError(
                f"{name!r} names both an array and a dim; rename one, xarray takes them for one thing"
            )
    return sizes


@dataclass(frozen=True, slots=True)
class Row:
    """One planned row: its id, and for each array the document of all that decides its content."""

    id: str
    docs: Mapping[str, JSON]
    """Array name to fingerprint document; an array that is absent is not made for this row and stays fill."""

    def __post_init__(self) -> None:
        if not self.id or not self.id.isascii() or not self.id.isprintable():
            raise SpecError(f"a row's id must be printable ASCII and not empty, got {self.id!r}")


def shard_key(spec: ArraySpec, rows_per_shard: int, row_keys: Iterable[str | None]) -> str:
    """Name of the shard that holds these rows in this order; None is a hole or a row without this array."""
    rows = (None if key is None else f'"{key}"' for key in row_keys)
    return shard_key_by_text(spec, rows_per_shard, spelled_list(rows))


def shard_key_by_text(spec: ArraySpec, rows_per_shard: int, row_keys: bytes) -> str:
    """`shard_key`, of rows' keys that are spelled already, as canonical JSON."""
    document: dict[str, JSON] = {"spec": {**spec.key_document, "rows_per_shard": rows_per_shard}}
    return digest_of(canonical_with(document, "rows", row_keys))


def entry_prefix(spec: ArraySpec) -> bytes:
    """Return the spec's part of `entry_key`, one for each spec."""
    return bytes.fromhex(key_of(spec.key_document))


def entry_key(prefix: bytes, row_key: str) -> bytes:
    """Return 20 bytes that name one row's content wherever it lies: spec without rows_per_shard, and row key."""
    return blake2b(prefix + bytes.fromhex(row_key), digest_size=KEY_BYTES).digest()

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cache import ArraySpec, ShardError, SpecError, StoreSpec
from cache.answers import Answers
from cache.build.metadata import StoredArray, write_metadata
from cache.layout import shard_name
from cache.shards.chunk_index import EMPTY, index_in_order
from cache.shards.reading import ShardReader
from cache.shards.writing import ShardWriter


def written(path: Path, spec: ArraySpec, rows_per_shard: int, rows: list) -> tuple[int, str]:
    writer = ShardWriter(path, spec, rows_per_shard)
    for row in rows:
        writer.write(row)
    return writer.close()


@st.composite
def shards(draw: st.DrawFn) -> tuple[ArraySpec, int, list[Any]]:
    shape = draw(st.lists(st.integers(1, 5), max_size=3).map(tuple))
    chunk = tuple(draw(st.integers(1, size)) for size in shape)
    chunk_rows = draw(st.integers(1, 3))
    dtype = draw(st.sampled_from(["bool", "uint8", "int32", "float16", "float32", "float64"]))
    dims = tuple(f"d{axis}" for axis in range(len(shape)))
    spec = ArraySpec(
        "a",
        dtype,
        shape,
        dims,
        chunk,
        chunk_rows,
        draw(st.sampled_from(["raw", "zstd"])),
        draw(st.booleans()),
    )
    rows_per_shard = chunk_rows * draw(st.integers(1, 3))
    values = st.just(None) | hnp.arrays(
        dtype, shape, elements={"allow_nan": False} if dtype[0] == "f" else None
    )
    return spec, rows_per_shard, draw(st.lists(values, min_size=1, max_size=rows_per_shard))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shards())
def test_zarr_reads_what_we_wrote_and_so_do_we(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[ArraySpec, int, list[Any]]
) -> None:
    spec, rows_per_shard, rows = case
    folder = tmp_path_factory.mktemp("shard")
    write_metadata(
        folder, [StoredArray(spec, rows_per_shard, ("row", *spec.dims), {})], len(rows), {}, Answers(None)
    )
    path = folder / "a" / shard_name(0, len(spec.row_shape))
    size, _ = written(path, spec, rows_per_shard, rows)
    expected = np.stack([spec.filled(spec.row_shape) if row is None else row for row in rows])
    out = np.empty_like(expected)
    ShardReader(path, spec, rows_per_shard).read_into(out, range(len(rows)), range(len(rows)))
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(zarr.open_group(folder, mode="r")["a"][:], expected)
    assert path.stat().st_size == size


@pytest.mark.parametrize("codec", ["raw", "zstd"])
@pytest.mark.parametrize("padded", [True, False])
def test_every_flipped_byte_is_found(tmp_path: Path, codec: str, padded: bool) -> None:
    spec = ArraySpec("a", "int16", (5,), ("x",), (2,), 1, codec, padded)
    path = tmp_path / "shard"
    written(path, spec, 3, [np.arange(1, 6, dtype="i2"), None, np.array([0, 0, 0, 7, 8], "i2")])
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(ShardError, match="crc32c"):
            [ShardReader(path, spec, 3).group(row) for row in range(3)]


def test_a_truncated_shard_is_found(tmp_path: Path) -> None:
    spec = ArraySpec("a", "int16", (5,), ("x",))
    written(tmp_path / "shard", spec, 2, [np.arange(5, dtype="i2")] * 2)
    whole = (tmp_path / "shard").read_bytes()
    for length in (0, 3, len(whole) - 1):
        (tmp_path / "shard").write_bytes(whole[:length])
        with pytest.raises(ShardError, match="index"):
            ShardReader(tmp_path / "shard", spec, 2)


def test_rows_in_any_order_and_parts_of_rows(tmp_path: Path) -> None:
    spec = ArraySpec("a", "int32", (10, 2), ("x", "y"), (4, 2), chunk_rows=2, padded=True)
    rows = np.arange(6 * 20, dtype="i4").reshape(6, 10, 2)
    written(tmp_path / "shard", spec, 6, list(rows))
    reader = ShardReader(tmp_path / "shard", spec, 6)
    out = np.empty((4, 10, 2), "i4")
    reader.read_into(out, [2, 0, 1, 3], [5, 0, 5, 3])
    np.testing.assert_array_equal(out, rows[[0, 5, 5, 3]])
    part = np.empty((1, 6, 2), "i4")
    reader.read_into(part, [0], [4], 3, 9)
    np.testing.assert_array_equal(part[0], rows[4, 3:9])


def test_empty_chunks_cost_nothing_and_minus_zero_is_not_empty(tmp_path: Path) -> None:
    spec = ArraySpec("a", "float32", (8,), ("x",), (2,), padded=True)
    size, _ = written(tmp_path / "none", spec, 2, [np.zeros(8, "f4")] * 2)
    assert size == 2 * 4 * 16 + 4  # the index alone: 8 chunks, 16 bytes each, and its checksum
    written(tmp_path / "minus", spec, 2, [np.full(8, -0.0, "f4")])
    assert np.signbit(ShardReader(tmp_path / "minus", spec, 2).group(0)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "1a"}, "name"),
        ({"dtype": "U4"}, "dtype"),
        ({"dims": ("x", "x")}, "dims"),
        ({"row_shape": (0, 3)}, "row_shape"),
        ({"chunk": (1,)}, "chunk"),
        ({"chunk_rows": 0}, "chunk_rows"),
    ],
)
def test_an_impossible_array_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ArraySpec(**{"name": "a", "dtype": "uint8", "row_shape": (2, 3), "dims": ("x", "y"), **change})


def test_one_dim_has_one_size() -> None:
    arrays = (ArraySpec("a", "uint8", (2,), ("x",)), ArraySpec("b", "uint8", (3,), ("x",)))
    with pytest.raises(SpecError, match="'x' is 2 in 'a' and 3 in 'b'"):
        StoreSpec(arrays, 4, "row")
    with pytest.raises(SpecError, match="row axis"):
        StoreSpec(arrays[:1], 4, "x")


@pytest.mark.parametrize("chunk_rows", [1, 2])
def test_a_whole_packed_chunk_is_unpacked_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_rows: int
) -> None:
    """Without a copy; what is wanted in part, or in another order, is copied."""
    spec = ArraySpec("a", "uint8", (4, 3), ("y", "x"), (2, 3), chunk_rows, "zstd")
    rows = np.arange(6 * 12, dtype=np.uint8).reshape(6, 4, 3)
    written(tmp_path / "c", spec, 6, [*rows])
    reader, out = ShardReader(tmp_path / "c", spec, 6), np.empty((6, 4, 3), np.uint8)
    copied: list[int] = []
    decoded = ShardReader._decoded

    def counted(self: ShardReader, stored: bytes) -> Any:
        copied.append(len(stored))
        return decoded(self, stored)

    monkeypatch.setattr(ShardReader, "_decoded", counted)
    reader.read_run(out, 0)
    np.testing.assert_array_equal(out, rows)
    assert len(copied) == (
        0 if chunk_rows == 1 else 12 // chunk_rows
    )  # half a row of two: apart from each other
    copied.clear()
    reader.read_into(part := np.empty((2, 2, 3), np.uint8), (0, 1), (5, 2), 1, 3)
    np.testing.assert_array_equal(part, rows[[5, 2], 1:3])
    assert len(copied) == 4


def test_where_chunks_lie_is_presumed_of_a_size_that_fits_alone() -> None:
    """Two rows of three float32 and a crc32c: 28 bytes a chunk; the index of four: 4 · 16 + 4 = 68."""
    spec = ArraySpec("a", "float32", (3,), ("d",), chunk_rows=2)
    found = index_in_order(spec, 4, 3 * 28 + 68)
    assert found is not None
    assert found.tolist() == [[[0, 28]], [[28, 28]], [[56, 28]], [[EMPTY, EMPTY]]]
    assert [index_in_order(spec, 4, size) for size in (0, 40, 67, 69, 5 * 28 + 68)] == [None] * 5

"""Exports in the hands of those who never heard of us: h5py, datasets, pandas, DuckDB, safetensors."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from cache_small import SPEC, Computer, build, content, rows_of

from cache import ArraySpec, Build, Cache, Row, StoreError, StoreSpec, open_store, write_block
from cache.exchange.export import export_store

IDS = [f"r{number:03d}" for number in (0, 1, 2, 4, 5, 6, 7, 8, 9)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine rows, a hole where r003 was, and the failure r005."""
    folder = tmp_path_factory.mktemp("store")
    cache, out = Cache(folder / "cache"), folder / "a.zarr"
    build(cache, out, rows_of(*range(10)), Computer(bad=frozenset({"r005"})))
    build(cache, out, rows_of(0, 1, 2, 4, 5, 6, 7, 8, 9))
    return out


def exported(store: Path, out: Path, *arrays: str) -> str:
    export_store(store, out, arrays or None)
    return str(out)


def test_every_dataset_of_the_h5_file_has_an_entry_a_row(store: Path, tmp_path: Path) -> None:
    """What `datasets` asks of a file: no scalars, one length, at most five axes behind the row's."""
    found: dict[str, Any] = {}
    with h5py.File(exported(store, tmp_path / "one.h5")) as file:
        file.visititems(lambda name, node: found.update({name: node.shape} if hasattr(node, "shape") else {}))
        assert file["clip_id"].asstr()[:].tolist() == IDS
    assert sorted(found) == [
        "clip_id", "complete", "count", "features", "frames", "key/count", "key/features", "key/frames", "label",
    ]  # fmt: skip
    assert {shape[0] for shape in found.values()} == {9}


def test_attributes_of_the_h5_file_hold_more_than_64_kilobytes(tmp_path: Path) -> None:
    plan = Build(Cache(tmp_path / "cache"), "test/store", SPEC, rows_of(1))
    for task in plan.tasks:
        write_block(tmp_path / "cache", task, Computer())
    plan.finish(tmp_path / "a.zarr", {}, {"classes": ["a class of a long name"] * 4000})
    with h5py.File(exported(tmp_path / "a.zarr", tmp_path / "one.h5")) as file:
        assert len(file.attrs["card"]) > 1 << 16
        assert len(json.loads(file.attrs["card"])["classes"]) == 4000


def test_parquet_has_a_column_an_array_and_null_where_a_row_failed(store: Path, tmp_path: Path) -> None:
    table = pq.read_table(exported(store, tmp_path / "one.parquet"))
    assert table.column_names == ["clip_id", "label", "count", "features", "frames"]
    assert [str(table.schema.field(name).type) for name in ("clip_id", "count", "features", "frames")] == [
        "string",
        "int32",
        "fixed_size_list<element: float>[5]",
        "fixed_size_list<element: fixed_size_list<element: uint8>[3]>[7]",
    ]
    rows = {row.pop("clip_id"): row for row in table.to_pylist()}
    assert list(rows) == IDS
    assert rows["r005"] == {"label": 5, "count": None, "features": None, "frames": None}
    for row_id in IDS[5:]:
        for array, expected in content(row_id).items():
            np.testing.assert_array_equal(rows[row_id][array], expected)
    card = {name: value for name, value in table.schema.metadata.items() if name != b"ARROW:schema"}
    assert json.loads(card[b"card"]) == open_store(store).attrs
    assert json.loads(card[b"failures"])[0]["id"] == "r005"


def test_pandas_reads_the_parquet(store: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(exported(store, tmp_path / "one.parquet", "features")).set_index("clip_id")
    assert list(frame.columns) == ["label", "features"]
    whole = frame[frame.features.notna()]
    assert np.stack(whole.features).shape == (8, 5)
    assert list(frame.index[frame.features.isna()]) == ["r005"]


def test_parquet_refuses_what_is_no_vector_and_leaves_axes_of_one_out(tmp_path: Path) -> None:
    arrays = (
        ArraySpec("word", "float16", (1, 4), ("view", "channel_word")),
        ArraySpec("map", "float32", (2, 2, 2), ("channel", "y", "x")),
    )
    plan = Build(
        Cache(tmp_path / "c"),
        "s",
        StoreSpec(arrays, 4, "clip"),
        [Row("a", {"word": {"a": 1}, "map": {"a": 1}})],
    )
    for task in plan.tasks:
        write_block(tmp_path / "c", task, lambda ids, _: iter([(ids[0], {
            "word": np.ones((1, 4), np.float16), "map": np.ones((2, 2, 2), np.float32)})]))  # fmt: skip
    plan.finish(tmp_path / "a.zarr", {}, {})
    with pytest.raises(StoreError, match=r"'map' is \(2, 2, 2\) a row: Parquet is for vectors.*--array"):
        export_store(tmp_path / "a.zarr", tmp_path / "no.parquet")
    assert not (tmp_path / "no.parquet").exists()
    table = pq.read_table(exported(tmp_path / "a.zarr", tmp_path / "one.parquet", "word"))
    assert table["word"].to_pylist() == [[1.0] * 4]
    with pytest.raises(StoreError, match="no array 'wird'"):
        export_store(tmp_path / "a.zarr", tmp_path / "no.h5", ["wird"])
    with pytest.raises(StoreError, match="leave --array out"):
        export_store(tmp_path / "a.zarr", tmp_path / "no.zip", ["word"])


def test_the_safetensors_file_is_laid_out_by_its_header(store: Path, tmp_path: Path) -> None:
    """Read as the format's description says, without the package."""
    data = Path(exported(store, tmp_path / "one.safetensors")).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__")
    assert start % 8 == 0
    assert json.loads(metadata["clip_id"]) == IDS
    assert all(isinstance(value, str) for value in metadata.values())
    spans = sorted(entry["data_offsets"] for entry in header.values())
    assert [first for first, _ in spans] == [0, *(last for _, last in spans[:-1])]
    assert spans[-1][1] == len(data) - start
    entry = header["features"]
    assert (entry["dtype"], entry["shape"]) == ("F32", [9, 5])
    first, last = (start + offset for offset in entry["data_offsets"])
    found = np.frombuffer(data[first:last], "<f4").reshape(9, 5)
    np.testing.assert_array_equal(found, open_store(store).read("features"))


def test_safetensors_itself_reads_it(store: Path, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    source = open_store(store)
    with safetensors.safe_open(exported(store, tmp_path / "one.safetensors"), "np") as file:
        assert sorted(file.keys()) == ["complete", "count", "features", "frames", "label"]
        for array in source.arrays:
            np.testing.assert_array_equal(file.get_tensor(array), source.read(array))
        whole = file.get_tensor("complete")
        assert json.loads(file.metadata()["clip_id"])[int(np.flatnonzero(~whole)[0])] == "r005"


@pytest.mark.parametrize("form", ["hdf5", "parquet"])
def test_datasets_loads_it(store: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    path = exported(store, tmp_path / ("one.h5" if form == "hdf5" else "one.parquet"))
    found = datasets.load_dataset(form, data_files=path, split="train", cache_dir=str(tmp_path / "cache"))
    assert found["clip_id"][:] == IDS
    np.testing.assert_array_equal(found[8]["features"], content("r009")["features"])
    np.testing.assert_array_equal(found[8]["frames"], content("r009")["frames"])


def test_duckdb_queries_the_parquet(store: Path, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    path = exported(store, tmp_path / "one.parquet")
    found = duckdb.sql(f"select clip_id, features[1] from '{path}' where features is not null and label > 7")
    assert found.fetchall() == [("r008", 8.0), ("r009", 9.0)]


@pytest.mark.parametrize("name", ["one.h5", "one.parquet", "one.safetensors"])
def test_a_store_of_no_rows_is_exported_too(tmp_path: Path, name: str) -> None:
    plan = Build(Cache(tmp_path / "cache"), "test/store", SPEC, [], may_be_empty=True)
    for task in plan.tasks:
        write_block(tmp_path / "cache", task, Computer())
    plan.finish(tmp_path / "a.zarr", {"label": np.zeros(0, np.int32)}, {})
    assert export_store(tmp_path / "a.zarr", tmp_path / name).rows == 0

"""Export: one file that anyone reads; checked on the way, the same bytes each time, never half there."""

import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from cache_small import FEATURES, Computer, build, bytes_of, content, rows_of
from zarr.storage import ZipStore

from cache import Cache, StoreError, open_store
from cache.exchange.export import export_store
from cache.store.manifest import read_manifest


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Ten rows with one hole (r003 left) and one failure (r005)."""
    cache, out = Cache(tmp_path / "cache"), tmp_path / "a.zarr"
    build(cache, out, rows_of(*range(10)), Computer(bad=frozenset({"r005"})))
    build(cache, out, rows_of(0, 1, 2, 4, 5, 6, 7, 8, 9))
    return out


def test_the_zip_holds_every_file_stored_and_is_the_same_each_time(store: Path, tmp_path: Path) -> None:
    done = export_store(store, tmp_path / "one.zip")
    export_store(store, tmp_path / "deep" / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "deep" / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        infos = archive.infolist()
        assert {info.filename: archive.read(info) for info in infos} == bytes_of(store)
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert [info.filename for info in infos] == sorted(bytes_of(store))
    assert (done.rows, done.digest) == (9, read_manifest(store).digest)
    assert str(done) == (
        f"{tmp_path / 'one.zip'}: 9 rows of count, features, frames, "
        f"{(tmp_path / 'one.zip').stat().st_size:,} bytes; digest {done.digest}"
    )


@pytest.mark.parametrize("name", ["one.zip", "one.h5", "one.parquet", "one.safetensors"])
def test_what_a_killed_export_left_is_swept_by_the_next(store: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.exporting").write_bytes(b"half a file")
    export_store(store, tmp_path / name)
    assert sorted(path.name for path in tmp_path.glob("one*")) == [name]


def test_zarr_and_xarray_read_the_zip(store: Path, tmp_path: Path) -> None:
    export_store(store, tmp_path / "one.zip")
    with ZipStore(tmp_path / "one.zip", mode="r") as files:
        group = zarr.open_group(files, mode="r")
        np.testing.assert_array_equal(group["features"][4], content("r004")["features"])
    with xr.open_zarr(store) as found:
        assert found["features"].dims == ("clip", "channel")


def test_the_h5_file_holds_rows_without_holes(store: Path, tmp_path: Path) -> None:
    export_store(store, tmp_path / "one.h5")
    source = open_store(store)
    with h5py.File(tmp_path / "one.h5") as file:
        ids = [word.decode() for word in file["clip_id"]]
        assert tuple(ids) == source.ids
        assert "r003" not in ids
        for array in ("features", "frames", "count"):
            np.testing.assert_array_equal(file[array][:], source.read(array))
            keys = [word.decode() for word in file[f"key/{array}"]]
            assert keys == [source.key(array, row_id) for row_id in ids]
        np.testing.assert_array_equal(file["label"][:], source.coord("label"))
        assert np.isnan(file["features"][ids.index("r005")]).all()
        assert json.loads(file.attrs["failures"]) == [
            {"id": "r005", "error": "VideoError", "message": "r005 is bad"}
        ]
        assert json.loads(file.attrs["card"]) == source.attrs
        assert [row_id for row_id, whole in zip(ids, file["complete"], strict=True) if not whole] == ["r005"]
        assert file.attrs["title"] == "small"
        assert json.loads(file.attrs["made_of"])["features"] == {
            "array": "features",
            "step": "test",
            "version": 1,
        }
        assert [dim.label for dim in file["frames"].dims] == ["clip", "frame", "x"]
        assert [[scale.name for scale in dim.values()] for dim in file["frames"].dims] == [
            ["/clip_id"],
            [],
            [],
        ]
        assert file["features"].chunks == (9, 5)


def test_a_damaged_store_is_not_exported(store: Path, tmp_path: Path) -> None:
    shard = store / "features" / "c.0.0"
    data = bytearray(shard.read_bytes())
    data[3] ^= 1
    shard.unlink()
    shard.write_bytes(data)
    for name in ("one.zip", "one.h5", "one.parquet", "one.safetensors"):
        with pytest.raises(StoreError, match=r"features/c\.0\.0.*mend"):
            export_store(store, tmp_path / "out" / name)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unknown_ending_is_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"must end in \.zip"):
        export_store(store, tmp_path / "one.tar")


def test_a_file_that_was_there_is_replaced_whole(store: Path, tmp_path: Path) -> None:
    (tmp_path / "one.zip").write_bytes(b"older")
    export_store(store, tmp_path / "one.zip")
    assert zipfile.is_zipfile(tmp_path / "one.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "cache", "one.zip"]


def test_the_specs_order_of_bytes_is_kept(store: Path, tmp_path: Path) -> None:
    export_store(store, tmp_path / "one.h5")
    with h5py.File(tmp_path / "one.h5") as file:
        assert file["features"].dtype == FEATURES.stored
        assert file["features"].fletcher32

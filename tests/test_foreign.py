"""The demo's features in the hands of others: their validators and readers, on what `cache publish` and `export` wrote.

`make foreign` installs them, and CI runs it; where one is missing its test is skipped.
"""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray
import zarr
from tiny import Project

from cache import open_store
from cache.exchange.export import export_store
from pipeline.exchange.publishing import publish

HOW = "make foreign installs it"


@pytest.fixture(scope="module")
def released(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published folder with the demo's features, and each form of export of them."""
    out = tmp_path_factory.mktemp("released")
    store = finished.paths.store("features")
    publish(
        store,
        str(out),
        licence="CC-BY-4.0",
        creators=("A. Lab",),
        publisher="B. Archive",
        url="https://a.example",
    )
    for form in ("h5", "parquet", "safetensors", "zip"):
        export_store(out / "features.zarr", out / f"features.{form}")
    return out


@pytest.fixture
def vectors(finished: Project) -> tuple[list[str], Any]:
    """Ids, and (N, 1, C) of the whole network over videos, as our own reader has them."""
    store = open_store(finished.paths.store("features"))
    return list(store.ids), store.read("video_0")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rdflib's own
def test_mlcroissant(released: Path, caplog: pytest.LogCaptureFixture) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason=HOW)
    found = mlcroissant.Dataset(str(released / "croissant.json"))
    assert found.metadata.conforms_to == ["http://mlcommons.org/croissant/1.1"]
    assert (found.metadata.ctx.issues.errors, found.metadata.ctx.issues.warnings) == (set(), set())
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def test_datacites_schema(released: Path) -> None:
    schema45 = pytest.importorskip("datacite.schema45", reason=HOW)
    assert list(schema45.validator.iter_errors(json.loads((released / "datacite.json").read_bytes()))) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cffconvert(released: Path) -> None:
    """It raises where CFF 1.2.0's own schema is not met; its command fails then."""
    cffconvert = pytest.importorskip("cffconvert", reason=HOW)
    text = (released / "CITATION.cff").read_text()
    cffconvert.Citation(text).validate()
    assert "A. Lab" in cffconvert.Citation(text).as_bibtex()
    with pytest.raises(Exception, match="'massage' was unexpected"):
        cffconvert.Citation(text.replace("message:", "massage:")).validate()


def test_zarr_conventions(released: Path) -> None:
    conventions = pytest.importorskip("zarr_cm", reason=HOW)
    document = json.loads((released / "features.zarr" / "zarr.json").read_bytes())
    conventions.license.validate_node_metadata(document)
    assert document["attributes"]["license"] == {"spdx": "CC-BY-4.0"}


def test_zarr_and_xarray(released: Path, vectors: tuple[list[str], Any]) -> None:
    """A row that is NaN is one that failed, or a hole."""
    ids, values = vectors
    group = zarr.open_group(released / "features.zarr", mode="r")
    with zarr.storage.ZipStore(released / "features.zip", mode="r") as files:
        zipped = zarr.open_group(files, mode="r")
        for found in (group, zipped):
            rows = found["video_0"][:]
            assert rows.shape[1:] == values.shape[1:]
            assert np.array_equal(rows[~np.isnan(rows).all((1, 2))], values[~np.isnan(values).all((1, 2))])
    with xarray.open_zarr(released / "features.zarr") as dataset:
        assert dataset["video_0"].dims[0] == "clip"
        assert np.array_equal(dataset["video_0"].values, group["video_0"][:], equal_nan=True)
    assert len(ids) == len(set(ids))


def test_the_cards_lines_for_zarr_alone(
    released: Path, vectors: tuple[list[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dataset card's second snippet, as it stands there."""
    ids, values = vectors
    code = (released / "README.md").read_text().split("```python\n")[2].split("```")[0]
    monkeypatch.chdir(released)
    found: dict[str, Any] = {}
    exec(code.replace("skeleton_0", "video_0", 1), found)
    assert [name for name in found["ids"] if name] == ids
    places = [found["ids"].index(name) for name in ids]
    assert np.array_equal(found["values"][places], values, equal_nan=True)
    assert len(found["classes"]) > found["labels"].max()


def test_the_cards_lines_for_xarray(
    released: Path, vectors: tuple[list[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xarray", reason=HOW)
    ids, values = vectors
    code = (released / "README.md").read_text().split("```python\n")[3].split("```")[0]
    monkeypatch.chdir(released)
    found: dict[str, Any] = {}
    exec(code.replace("skeleton_0", "video_0", 1), found)
    assert [name for name in found["ids"] if name] == ids
    assert np.array_equal(found["values"].values, values, equal_nan=True)
    found["data"].close()


def test_h5py(released: Path, vectors: tuple[list[str], Any]) -> None:
    ids, values = vectors
    with h5py.File(released / "features.h5") as file:
        assert sorted(file["clip_id"].asstr()[:]) == sorted(ids)
        place = file["clip_id"].asstr()[:].tolist().index(ids[0])
        assert np.array_equal(file["video_0"][place], values[0], equal_nan=True)


@pytest.mark.parametrize("form", ["hdf5", "parquet"])
def test_datasets(
    released: Path, vectors: tuple[list[str], Any], tmp_path: Path, form: str, monkeypatch: Any
) -> None:
    datasets = pytest.importorskip("datasets", reason=HOW)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    name = "features.h5" if form == "hdf5" else "features.parquet"
    found = datasets.load_dataset(
        form, data_files=str(released / name), split="train", cache_dir=str(tmp_path)
    )
    ids, values = vectors
    assert found["clip_id"][:] == ids
    np.testing.assert_array_equal(np.ravel(found[0]["video_0"]), values[0].ravel())


def test_pandas_and_duckdb(released: Path, vectors: tuple[list[str], Any]) -> None:
    ids, values = vectors
    pandas, duckdb = pytest.importorskip("pandas", reason=HOW), pytest.importorskip("duckdb", reason=HOW)
    frame = pandas.read_parquet(released / "features.parquet")
    assert list(frame.clip_id) == ids
    np.testing.assert_array_equal(frame.video_0[0], values[0].ravel())
    (row,) = duckdb.sql(f"select clip_id, video_0[1] from '{released}/features.parquet' limit 1").fetchall()
    assert row == (ids[0], values[0].ravel()[0])


def test_safetensors(released: Path, vectors: tuple[list[str], Any]) -> None:
    safetensors = pytest.importorskip("safetensors", reason=HOW)
    ids, values = vectors
    with safetensors.safe_open(released / "features.safetensors", "np") as file:
        assert json.loads(file.metadata()["clip_id"]) == ids
        np.testing.assert_array_equal(file.get_tensor("video_0"), values)


def test_the_repositorys_own_citation() -> None:
    cffconvert = pytest.importorskip("cffconvert", reason=HOW)
    cffconvert.Citation((Path(__file__).parents[1] / "CITATION.cff").read_text()).validate()

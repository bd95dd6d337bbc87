"""Zarr's conventions in every store: the licence as the recordings' card states it, nothing where none is stated."""

import json
from pathlib import Path
from typing import Any

import pytest
import zarr
from cache_small import bytes_of
from tiny import TINY, Project

from pipeline.datasets.arid.adapter import Arid
from pipeline.datasets.ntu.adapter import Ntu
from pipeline.datasets.table.adapter import Table

STORES = ("skeletons", "samples", "frames", "heatmaps", "features")
DECLARED = {
    "uuid": "b77365e5-2b0c-4141-b917-c03b7c68e935",
    "schema_url": "https://raw.githubusercontent.com/clbarnes/zarr-convention-license/refs/tags/v1/schema.json",
    "spec_url": "https://github.com/clbarnes/zarr-convention-license/blob/v1/README.md",
    "name": "license",
    "description": "License specifier for Zarr data",
}
"""What the convention's schema wants, each a constant of it: an item of `zarr_conventions` with no other key."""


def attributes_of(path: Path) -> dict[str, Any]:
    """As Zarr reads them; the consolidated copy is that of the arrays alone."""
    return dict(zarr.open_group(path, mode="r").attrs)


@pytest.mark.parametrize("name", STORES)
def test_every_store_says_the_recordings_licence(finished: Project, name: str) -> None:
    found = attributes_of(finished.paths.store(name))
    assert found["zarr_conventions"] == [DECLARED]
    assert found["license"] == {"text": Ntu.card.licence}
    assert found["licence"] == Ntu.card.licence
    document = json.loads((finished.paths.store(name) / "zarr.json").read_bytes())
    assert (document["zarr_format"], document["node_type"]) == (3, "group")


@pytest.mark.parametrize("name", STORES)
def test_the_conventions_own_package_finds_nothing_amiss(finished: Project, name: str) -> None:
    conventions = pytest.importorskip("zarr_cm", reason="make foreign installs it")
    document = json.loads((finished.paths.store(name) / "zarr.json").read_bytes())
    assert conventions.license.detect(document["attributes"])
    conventions.license.validate_node_metadata(document)
    del document["attributes"]["license"]["text"]
    with pytest.raises((TypeError, ValueError)):
        conventions.license.validate_node_metadata(document)


def test_an_identifier_of_spdx_is_told_as_one_and_nothing_as_nothing() -> None:
    assert Arid.card.licence == "CC BY 4.0"
    assert Arid.card.attrs["license"] == {"spdx": "CC-BY-4.0"}
    assert not {"license", "zarr_conventions"} & Table.card.attrs.keys()


def test_what_params_say_of_the_recordings_goes_with_every_store(copied: Project) -> None:
    """In the adapter's place, word by word, and no clip is made anew."""
    told = {"title": "Gait at home", "licence": "CC BY-NC 4.0"}
    copied.set_params(index=TINY["index"] | {"recordings": told})
    done = copied.run_all("index", "sample", "features")
    assert {summary.made for summary in done.values()} == {0}
    for name in ("skeletons", "samples", "features"):
        found = attributes_of(copied.paths.store(name))
        assert {key: found[key] for key in told} == told
        assert found["license"] == {"spdx": "CC-BY-NC-4.0"}
        assert found["citation"] == Ntu.card.citation


def test_two_builds_give_the_same_bytes(finished: Project, copied: Project) -> None:
    """Every store built again from cache, in another folder: no byte differs."""
    copied.run_all("sample", "crop", "heatmaps", "features")
    for name in STORES:
        assert bytes_of(copied.paths.store(name)) == bytes_of(finished.paths.store(name))

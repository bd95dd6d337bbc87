"""Versions of what was published: names that never lie, what differs between two, and how each is cited."""

import json
from pathlib import Path

import pytest
import yaml
from cache_small import build, rows_of
from typer.testing import CliRunner

import cli
from cache import Cache
from pipeline.errors import DatasetError
from pipeline.exchange.publishing import publish
from pipeline.exchange.versions import diff_versions, version_name


@pytest.fixture
def published(tmp_path: Path) -> str:
    """1.0.0 with rows 0 to 5; 1.1.0 with row 1 made anew, row 0 gone and row 6 new."""
    store, to = tmp_path / "a.zarr", str(tmp_path / "out")
    build(Cache(tmp_path / "cache"), store, rows_of(*range(6)))
    publish(store, to, licence="MIT", version="1.0", creators=("A. Lab",), publisher="B. Archive")
    build(Cache(tmp_path / "cache"), store, rows_of(*range(1, 7), version={1: 2}))
    publish(store, to, licence="MIT", version="1.1")
    return to


def test_two_versions_differ_in_what_changed(published: str) -> None:
    found = diff_versions(published, "1.0", "1.1")
    gone, new = (row.id for row in rows_of(0, 6))
    anew = rows_of(1)[0].id
    assert (found.only_a, found.only_b) == ((gone,), (new,))
    assert set(found.changed.values()) == {(anew,)}
    assert found.exit_code == 1
    assert f"only in 1.1.0: 1 clips: {new}" in str(found)
    assert diff_versions(published, "1.1.0", "1.1").exit_code == 0


def test_the_command_compares_versions_and_says_which_there_are(published: str) -> None:
    ran = CliRunner().invoke(cli.app, ["cache", "diff", "1.0", "1.1", "--of", published, "--json"])
    assert ran.exit_code == 1
    document = json.loads(ran.output)
    assert (document["a"]["name"], document["agrees"], len(document["only_b"])) == ("1.0.0", False, 1)
    ran = CliRunner().invoke(cli.app, ["cache", "diff", "1.0", "2.0", "--of", published])
    assert ran.exit_code == 2
    assert "has no version 2.0.0; it has 1.0.0, 1.1.0" in ran.output
    (Path(published) / "versions/1.0.0.json").write_text("[]")
    with pytest.raises(DatasetError, match="is no record of a version"):
        diff_versions(published, "1.0", "1.1")


def test_a_name_stands_for_one_content(published: str, tmp_path: Path) -> None:
    """The same again keeps its name; another content under it is refused, without a name the last number rises."""
    store = tmp_path / "a.zarr"
    assert publish(store, published, licence="MIT").version == "1.1.0"
    assert publish(store, published, licence="MIT", version="1.1").sent.files == 0
    build(Cache(tmp_path / "cache"), store, rows_of(*range(3)))
    with pytest.raises(DatasetError, match=r"version 1\.1\.0 is published at .*with other content"):
        publish(store, published, licence="MIT", version="1.1.0")
    assert publish(store, published, licence="MIT").version == "1.1.1"


@pytest.mark.parametrize(
    ("given", "name"), [("1.1", "1.1.0"), ("01.2.3", "1.2.3"), ("1", None), ("1.x", None)]
)
def test_names_of_versions(given: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(DatasetError, match=r"must be MAJOR\.MINOR"):
            version_name(given)
    else:
        assert version_name(given) == name


def test_a_release_is_cited_as_datacite_and_cff_want_it(tmp_path: Path) -> None:
    store, out = tmp_path / "a.zarr", tmp_path / "out"
    build(Cache(tmp_path / "cache"), store, rows_of(*range(6)))
    publish(store, str(out), licence="CC-BY-4.0", creators=("A. Lab",), publisher="B. Archive")
    found = json.loads((out / "datacite.json").read_bytes())
    assert found["creators"] == [{"name": "A. Lab"}]
    assert found["publisher"] == {"name": "B. Archive"}
    assert found["rightsList"][0]["rightsIdentifier"] == "CC-BY-4.0"
    assert (found["version"], found["types"]["resourceTypeGeneral"]) == ("1.0.0", "Dataset")
    cited = yaml.safe_load((out / "CITATION.cff").read_text())
    assert (cited["type"], cited["license"], cited["authors"]) == (
        "dataset",
        "CC-BY-4.0",
        [{"name": "A. Lab"}],
    )


def test_a_release_of_own_recordings_has_a_title_of_its_own(tmp_path: Path) -> None:
    store, out = tmp_path / "a.zarr", tmp_path / "out"
    build(Cache(tmp_path / "cache"), store, rows_of(*range(6)))
    publish(store, str(out), licence="CC-BY-4.0", title="Our ten videos")
    assert json.loads((out / "datacite.json").read_bytes())["titles"] == [{"title": "Our ten videos"}]
    assert yaml.safe_load((out / "CITATION.cff").read_text())["title"] == "Our ten videos"
    assert "# Our ten videos\n" in (out / "README.md").read_text()


def test_datacites_own_schema_finds_nothing_amiss(tmp_path: Path) -> None:
    schema45 = pytest.importorskip("datacite.schema45")
    store, out = tmp_path / "a.zarr", tmp_path / "out"
    build(Cache(tmp_path / "cache"), store, rows_of(*range(6)))
    publish(store, str(out), licence="CC-BY-4.0")
    assert list(schema45.validator.iter_errors(json.loads((out / "datacite.json").read_bytes()))) == []


def test_an_export_can_be_told_its_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build(Cache(tmp_path / "cache"), Path("a.zarr"), rows_of(*range(6)))
    ran = CliRunner().invoke(cli.app, ["cache", "export", "a.zarr", "a.safetensors", "--licence", "cc0-1.0"])
    assert ran.exit_code == 0, ran.output
    data = Path("a.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["card"])["license"] == {"spdx": "CC0-1.0"}
    ran = CliRunner().invoke(cli.app, ["cache", "export", "a.zarr", "a.zip", "--licence", "MIT"])
    assert "takes no licence" in ran.output
    assert not Path("a.zip").exists()

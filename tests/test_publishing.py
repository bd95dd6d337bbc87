"""Publishing: never without a licence, told of as the publishers' formats want it, only what changed, whole or shut."""

import hashlib
import json
import shutil
from pathlib import Path

import h5py
import pytest
import yaml
import zarr
from cache_small import build, bytes_of, rows_of
from typer.testing import CliRunner

import cli
from cache import Cache, StoreError, harstore
from cache.exchange.export import export_store
from cache.exchange.export_hdf5 import export_hdf5
from cache.upkeep.verify import verify_store
from pipeline.errors import DatasetError
from pipeline.exchange.licences import licence_of
from pipeline.exchange.places import Content, Place
from pipeline.exchange.publishing import publish


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Six rows in two shards an array."""
    build(Cache(tmp_path / "cache"), tmp_path / "a.zarr", rows_of(*range(6)))
    return tmp_path / "a.zarr"


def test_a_folder_holds_the_store_and_what_tells_of_it(store: Path, tmp_path: Path) -> None:
    done = publish(store, str(tmp_path / "out"), licence="cc-by-4.0", creators=("A. Lab",), version="1.2.0")
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "CITATION.cff",
        "README.md",
        "a.zarr",
        "croissant.json",
        "datacite.json",
        "versions",
    ]
    before, after = bytes_of(store), bytes_of(out / "a.zarr")
    assert {name for name in before if before[name] != after[name]} == {"zarr.json", "manifest.json"}
    assert before.keys() == after.keys()
    assert verify_store(out / "a.zarr").faults == ()
    attributes = dict(zarr.open_group(out / "a.zarr", mode="r").attrs)
    assert attributes["license"] == {"spdx": "CC-BY-4.0"}
    assert attributes["zarr_conventions"][0]["uuid"] == "b77365e5-2b0c-4141-b917-c03b7c68e935"
    assert str(done).splitlines()[-1] == f"open it: harstore.open('{out}/a.zarr')"
    _, head, text = (out / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head) == {
        "license": "cc-by-4.0",
        "pretty_name": "a.zarr of small",
        "tags": ["human-action-recognition", "features", "zarr"],
        "size_categories": ["n<1K"],
    }
    assert "| `features` | float32 | clip 6 × channel 5 |" in text
    assert "Version 1.2.0, " in text
    assert done.digest in text
    assert "harstore.open('a.zarr')" in text
    assert "the recordings' own licence: not told" in text
    assert str(tmp_path) not in text


def test_croissant_lists_every_file_with_its_sha256(store: Path, tmp_path: Path) -> None:
    publish(store, str(tmp_path / "out"), licence="CC0-1.0", creators=("A. Lab",), url="https://lab.example")
    document = json.loads((tmp_path / "out/croissant.json").read_bytes())
    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert document["license"] == "https://spdx.org/licenses/CC0-1.0"
    assert (document["url"], document["creator"][0]["name"]) == ("https://lab.example", "A. Lab")
    assert document["citeAs"] == f"A. Lab: a.zarr of small, version 1.0.0, {document['datePublished'][:4]}."
    assert "recordSet" not in document
    files = bytes_of(tmp_path / "out")
    del files["croissant.json"], files["versions/1.0.0.json"]
    assert {
        entry["contentUrl"]: (entry["contentSize"], entry["sha256"]) for entry in document["distribution"]
    } == {name: (f"{len(data)} B", hashlib.sha256(data).hexdigest()) for name, data in files.items()}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rdflib's own, within
def test_mlcroissant_finds_nothing_amiss(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    publish(
        store, str(tmp_path / "out"), licence="CC-BY-4.0", creators=("A. Lab",), url="https://lab.example"
    )
    found = mlcroissant.Dataset(str(tmp_path / "out/croissant.json"))
    assert found.metadata.conforms_to == ["http://mlcommons.org/croissant/1.1"]
    assert found.metadata.ctx.issues.errors == set()
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []


def test_the_card_says_the_releases_licence_beside_the_recordings(store: Path, tmp_path: Path) -> None:
    with harstore.open(store) as at_home:
        assert at_home.card.released_under is None
        assert "released under" not in str(at_home.card)
    publish(store, str(tmp_path / "out"), licence="CC-BY-4.0")
    with harstore.open(tmp_path / "out/a.zarr") as reader:
        assert reader.card.released_under == "CC-BY-4.0"
        assert "released under CC-BY-4.0" in str(reader.card)
    export_hdf5(tmp_path / "out/a.zarr", tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["license"] == "CC-BY-4.0"


def test_own_terms_lie_beside_the_store(store: Path, tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_text("For research. Ask us first.\n")
    publish(store, str(tmp_path / "out"), licence=str(tmp_path / "terms.txt"))
    out = tmp_path / "out"
    assert (out / "LICENSE.txt").read_text() == "For research. Ask us first.\n"
    with harstore.open(out / "a.zarr") as reader:
        assert reader.card.attrs["license"] == {"text": "For research. Ask us first.\n"}
    assert (
        "license: other\nlicense_name: LICENSE.txt\nlicense_link: LICENSE.txt\n"
        in (out / "README.md").read_text()
    )


@pytest.mark.parametrize(
    ("licence", "says"),
    [
        (None, "without a licence.*recordings' own licence is: Research use"),
        ("", "without a licence"),
        ("CC-BY", "no file, and no SPDX expression"),
        ("empty.txt", "is empty"),
    ],
)
def test_what_is_no_licence_is_refused(
    licence: str | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(DatasetError, match=says):
        licence_of(licence, "Research use")


def test_an_expression_has_no_page_of_its_own() -> None:
    assert licence_of("mit or apache-2.0", None).address == "MIT OR Apache-2.0"
    assert licence_of("LicenseRef-Own", None).address == "LicenseRef-Own"


def test_places_that_cannot_be_are_refused(store: Path, tmp_path: Path) -> None:
    for to, says in (
        (str(store.parent), "lies already"),
        ("https://lab.example/set", "copy the folder"),
        ("nosuch://x", "cannot be reached"),
    ):
        with pytest.raises(DatasetError, match=says):
            publish(store, to, licence="MIT")
    with pytest.raises(DatasetError, match=r"must be MAJOR\.MINOR"):
        publish(store, str(tmp_path / "out"), licence="MIT", version="2")
    (tmp_path / "other/b.zarr").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"holds b\.zarr"):
        publish(store, str(tmp_path / "other"), licence="MIT")
    (tmp_path / "mine/a.zarr").mkdir(parents=True)
    (tmp_path / "mine/a.zarr/thesis.txt").write_text("dear")
    with pytest.raises(DatasetError, match="no publication left"):
        publish(store, str(tmp_path / "mine"), licence="MIT")
    assert (tmp_path / "mine/a.zarr/thesis.txt").read_text() == "dear"


def test_a_damaged_store_is_not_published(store: Path, tmp_path: Path) -> None:
    shard = store / "features/c.0.0"
    data = bytearray(shard.read_bytes())
    data[3] ^= 1
    shard.unlink()
    shard.write_bytes(data)
    with pytest.raises(StoreError, match=r"features/c\.0\.0"):
        publish(store, str(tmp_path / "out"), licence="MIT")
    assert not (tmp_path / "out").exists()


def test_a_second_publication_moves_what_changed(store: Path, tmp_path: Path) -> None:
    to = str(tmp_path / "out")
    first = publish(store, to, licence="MIT").sent
    assert (first.files, first.kept) == (len(bytes_of(store)), 0)
    again = publish(store, to, licence="MIT").sent
    assert (again.files, again.bytes, again.kept) == (0, 0, first.files)
    build(Cache(tmp_path / "cache"), store, rows_of(*range(6), version={1: 2}))
    changed = {
        name for name, data in bytes_of(store).items() if data != bytes_of(tmp_path / "out/a.zarr").get(name)
    }
    second = publish(store, to, licence="MIT").sent
    assert second.files <= len(changed) < first.files / 2
    assert second.files + second.kept == first.files
    shutil.rmtree(store)
    build(Cache(tmp_path / "anew"), store, rows_of(0, 1, 2, 3))  # one shard an array
    assert publish(store, to, licence="MIT").sent.removed == 6
    assert verify_store(tmp_path / "out/a.zarr").faults == ()


class Killed(BaseException):
    """Ends a publication where nothing can tidy up."""


def dying_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only that many files are sent, journals aside; the next one arrives by half."""
    left, send = count, Place.send

    def half(self: Place, name: str, content: Content) -> int:
        nonlocal left
        if name.startswith("versions/") or (name.endswith(".json") and "/" not in name):
            return send(self, name, content)
        left -= 1
        if left < 0:
            data = content.read_bytes() if isinstance(content, Path) else content
            send(self, name, data[: len(data) // 2])
            raise Killed
        return send(self, name, content)

    monkeypatch.setattr(Place, "send", half)


def test_what_was_cut_off_opens_nowhere_and_goes_on(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = "memory://published"
    for changes, after in (({}, 7), ({1: 2}, 2)):
        build(Cache(tmp_path / "cache"), store, rows_of(*range(6), version=changes))
        with monkeypatch.context() as patched:
            dying_after(after, patched)
            with pytest.raises(Killed):
                publish(store, to, licence="MIT")
        with pytest.raises(StoreError, match=r"no manifest\.json"):
            harstore.open(f"{to}/a.zarr")
        sent = publish(store, to, licence="MIT").sent
        assert sent.kept >= after - 2  # README.md and CITATION.cff went first
        with harstore.open(f"{to}/a.zarr") as reader:
            assert reader["features"][:, 0].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.usefixtures("store")
def test_the_command_and_an_export_of_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(cli.app, ["cache", "publish", "a.zarr", "--to", "out"])
    assert ran.exit_code == 2
    assert "give --licence" in ran.output
    ran = CliRunner().invoke(cli.app, ["cache", "publish", "a.zarr", "--to", "out", "--licence", "MIT"])
    assert ran.exit_code == 0, ran.output
    assert "open it: harstore.open('out/a.zarr')" in ran.output
    export_store(Path("out/a.zarr"), Path("a.safetensors"))
    assert b'license\\": {\\"spdx\\": \\"MIT' in Path("a.safetensors").read_bytes()[:20_000]

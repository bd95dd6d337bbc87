"""Stores from strangers: refused with the reason, nothing written outside, nothing left lying."""

import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest
from cache_small import Computer, build, bytes_of, rows_of
from numcodecs.zstd import Zstd
from strangers import Files, coordinate, in_folder, sealed, with_card, zipped

from cache import ArchiveError, Cache
from cache.exchange.importing import import_store
from cache.keys import canonical, key_of
from cache.store.made import made_document


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """An honest store's files: six rows, one failed, one hole."""
    folder = tmp_path_factory.mktemp("honest")
    cache, out = Cache(folder / "cache"), folder / "a.zarr"
    build(cache, out, rows_of(*range(6)), Computer(bad=frozenset({"r005"})))
    build(cache, out, rows_of(0, 1, 2, 4, 5))
    return bytes_of(out)


@pytest.fixture
def files(honest: Files) -> Files:
    """The same, to spoil."""
    return dict(honest)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Path]:
    """A folder to import into; afterwards the whole tree must be what it was before the import."""
    yield tmp_path / "inner" / "place"
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert [path for path in left if not path.startswith("source")] in ([], ["inner", "inner/place"])


def refused(source: Path, watched: Path, match: str) -> None:
    with pytest.raises(ArchiveError, match=match):
        import_store(source, watched / "b.zarr", cache=Cache(watched / "cache"))


def test_the_honest_store_is_taken(files: Files, tmp_path: Path) -> None:
    """Or the tests below would pass whatever import does."""
    same = with_card(files, lambda _: None)
    assert same == files
    import_store(zipped(tmp_path / "source.zip", same), tmp_path / "b.zarr", cache=Cache(tmp_path / "cache"))
    assert bytes_of(tmp_path / "b.zarr") == files


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "features/../../x",
        "/etc/x",
        "C:/x",
        "C:\\x",
        "..\\x",
        "a/b/c/d",
        ".hidden",
        "a//b",
        "a/./b",
        "x\n",
        "ü",
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_names_that_lead_elsewhere(
    files: Files, tmp_path: Path, watched: Path, name: str, listed: bool
) -> None:
    """In the zip, and in its manifest too."""
    hostile = sealed({**files, name: b"x"}) if listed else {**files, name: b"x"}
    refused(zipped(tmp_path / "source.zip", hostile), watched, "is no name of a store's file")


def test_a_name_in_the_manifest_alone(files: Files, tmp_path: Path, watched: Path) -> None:
    hostile = {**sealed({**files, "../x": b"x"})}
    del hostile["../x"]
    refused(in_folder(tmp_path / "source", hostile), watched, "'../x' is no name of a store's file")


def test_names_that_are_one_on_some_file_systems(files: Files, tmp_path: Path, watched: Path) -> None:
    hostile = sealed({**files, "Features/c.0.0": b"x"})
    refused(zipped(tmp_path / "source.zip", hostile), watched, "are one name on some file systems")


def test_links_and_devices_in_a_zip(files: Files, tmp_path: Path, watched: Path) -> None:
    for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO):
        source = zipped(
            tmp_path / "source.zip", files, lambda info, kind=kind: setattr(info, "external_attr", (kind | 0o777) << 16)
        )  # fmt: skip
        refused(source, watched, "is a link or a device")


@pytest.mark.parametrize("target", ["../../secret", "zarr.json"])
def test_links_in_a_folder(files: Files, tmp_path: Path, watched: Path, target: str) -> None:
    source = in_folder(tmp_path / "source", files)
    (source / "features" / "c.0.0").unlink()
    (source / "features" / "c.0.0").symlink_to(target)
    refused(source, watched, "'features/c.0.0' is a link")


def test_a_linked_folder_and_a_pipe(files: Files, tmp_path: Path, watched: Path) -> None:
    source = in_folder(tmp_path / "source", files)
    (source / "features").rename(tmp_path / "source_elsewhere")
    (source / "features").symlink_to(tmp_path / "source_elsewhere")
    refused(source, watched, "'features' is a link")
    (source / "features").unlink()
    os.mkfifo(source / "features")
    refused(source, watched, "'features' is neither a file")


def test_a_bomb_of_compressed_entries(files: Files, tmp_path: Path, watched: Path) -> None:
    def deflated(info: zipfile.ZipInfo) -> None:
        info.compress_type = zipfile.ZIP_DEFLATED

    refused(
        zipped(tmp_path / "source.zip", {**files, "features/c.0.0": bytes(10**7)}, deflated),
        watched,
        "is compressed",
    )


def test_sizes_that_the_file_does_not_hold(files: Files, tmp_path: Path, watched: Path) -> None:
    """Declared sizes are summed up before a byte is written."""
    manifest = json.loads(sealed(files)["manifest.json"])
    del manifest["digest"]
    for size, match in ((1 << 62, "its manifest says"), (-1, "cannot be")):
        manifest["files"]["features/c.0.0"]["size"] = size
        manifest_bytes = canonical({**manifest, "digest": key_of(manifest)}) + b"\n"
        refused(zipped(tmp_path / "source.zip", {**files, "manifest.json": manifest_bytes}), watched, match)


def test_entries_twice(files: Files, tmp_path: Path, watched: Path) -> None:
    source = zipped(tmp_path / "source.zip", files)
    with zipfile.ZipFile(source, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("zarr.json", b"{}")
    refused(source, watched, "'zarr.json' stands twice")


def test_more_or_fewer_files_than_the_manifest_lists(files: Files, tmp_path: Path, watched: Path) -> None:
    refused(
        zipped(tmp_path / "source.zip", {**files, "run_me.sh": b"x"}),
        watched,
        "'run_me.sh' is none of the store",
    )
    missing = {name: data for name, data in files.items() if name != "features/c.0.0"}
    refused(zipped(tmp_path / "source.zip", missing), watched, "features/c.0.0 is missing")


def test_no_zip_no_store_no_manifest(files: Files, tmp_path: Path, watched: Path) -> None:
    (tmp_path / "source.zip").write_bytes(b"PK\x03\x04 and then nothing")
    refused(tmp_path / "source.zip", watched, "is no zip that can be read")
    refused(zipped(tmp_path / "source.zip", {"a.zarr/zarr.json": b"{}"}), watched, "holds no manifest.json")
    for manifest_bytes in (
        b"",
        b"[]",
        b"{}",
        b'{"files": 3}',
        b"[" * 100_000,
        b'{"digest": "x", "files": {}}',
    ):
        refused(
            zipped(tmp_path / "source.zip", {**files, "manifest.json": manifest_bytes}),
            watched,
            "manifest.json is ",
        )


@pytest.mark.parametrize(
    "name", ["zarr.json", "features/zarr.json", "features/c.1.0", "label/c.0", "frames/documents.0"]
)
def test_a_flipped_bit_in_any_kind_of_file(files: Files, tmp_path: Path, watched: Path, name: str) -> None:
    data = bytearray(files[name])
    data[len(data) // 2] ^= 1
    refused(
        zipped(tmp_path / "source.zip", {**files, name: bytes(data)}),
        watched,
        f"{name} is not what its manifest",
    )


def house(card: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = card["attributes"]["harcache"]
    return found


LIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "NaN": (lambda card: card["attributes"].update(title=float("nan")), "NaN"),
    "infinity": (lambda card: card["attributes"].update(title=float("-inf")), "Infinity"),
    "more rows": (lambda card: house(card).update(rows=1000), "rows"),
    "rows without end": (lambda card: house(card).update(rows=1 << 60), "rows"),
    "no rows": (lambda card: house(card).update(rows=0), "0 rows"),
    "absurd row": (
        lambda card: house(card)["arrays"]["features"].update(row_shape=[1 << 50], chunk=[1 << 50]),
        "features",
    ),
    "absurd coordinate": (lambda card: house(card)["coords"]["label"].update(rows_per_shard=1 << 40), "label"),
    "negative shape": (lambda card: house(card)["arrays"]["features"].update(row_shape=[-5]), "features"),
    "object dtype": (lambda card: house(card)["arrays"]["features"].update(dtype="object"), "dtype"),
    "another dtype": (lambda card: house(card)["arrays"]["features"].update(dtype="int32"), "features"),
    "an array that is not there": (lambda card: house(card)["arrays"].pop("count"), "count"),
    "a path for a name": (
        lambda card: house(card)["arrays"].update({"../x": house(card)["arrays"].pop("count")}), "described",
    ),
    "another recipe": (lambda card: house(card)["made_of"]["features"].update(version=7), "another recipe"),
    "a row that was not made": (
        lambda card: house(card).update(made=made_document(np.ones(6, bool), {"count": np.arange(6) > 0})),
        "which rows 'count' was made for",
    ),
    "no failures": (lambda card: card["attributes"].update(failures=[]), "whether 'r005' failed"),
    "a failure too many": (
        lambda card: card["attributes"]["failures"].append({"id": "r001", "error": "E", "message": "m"}),
        "whether 'r001' failed",
    ),
    "a failure of nobody": (
        lambda card: card["attributes"]["failures"].append({"id": "r9", "error": "E", "message": "m"}),
        "failure that cannot be",
    ),
    "another shape for Zarr": (
        lambda card: card["consolidated_metadata"]["metadata"]["features"].update(shape=[6, 500]), "Zarr is told",
    ),
    "other numbers for Zarr": (
        lambda card: card["consolidated_metadata"]["metadata"]["features"]["codecs"][0]["configuration"]["codecs"][0][
            "configuration"
        ].update(endian="big"),
        "Zarr is told that 'features' has packing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_card_that_lies(files: Files, tmp_path: Path, watched: Path, lie: str) -> None:
    """Every digest fits; the card says what is not so."""
    change, match = LIES[lie]
    refused(zipped(tmp_path / "source.zip", with_card(files, change)), watched, match)


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        ([b"r000", b"r000", b"r002", b"", b"r004", b"r005"], "one stands twice"),
        ([b"r000", b"r\x01", b"r002", b"", b"r004", b"r005"], "not printable"),
        ([b"r000", b"", b"r002", b"", b"r004", b"r005"], "row 1 has a key and no id"),
    ],
)
def test_clip_ids_that_cannot_be(
    files: Files, tmp_path: Path, watched: Path, ids: list[bytes], match: str
) -> None:
    lying = sealed({**files, "clip_id/c.0.0": coordinate(tmp_path, "clip_id", ids, 4)})
    refused(zipped(tmp_path / "source.zip", lying), watched, match)


def test_shards_in_each_others_place(files: Files, tmp_path: Path, watched: Path) -> None:
    """Whole, sealed, and not what their keys say: their documents stayed."""
    first, second = files["features/documents.0"], files["features/documents.1"]
    lying = sealed({**files, "features/documents.0": second, "features/documents.1": first})
    refused(zipped(tmp_path / "source.zip", lying), watched, "documents of shard")


def test_a_shard_that_no_reader_could_read(files: Files, tmp_path: Path, watched: Path) -> None:
    """Its size and digest fit, its chunks' checksums do not."""
    data = bytearray(files["features/c.0.0"])
    data[0] ^= 1
    refused(
        zipped(tmp_path / "source.zip", sealed({**files, "features/c.0.0": bytes(data)})), watched, "crc32c"
    )


def test_documents_that_unpack_without_end(files: Files, tmp_path: Path, watched: Path) -> None:
    """A zstd frame of a few bytes that claims a terabyte: refused by its header."""
    documents = files["features/documents.0"]
    frame = b"\x28\xb5\x2f\xfd" + b"\xe0" + struct.pack("<Q", 1 << 40) + bytes(Zstd().encode(b"x" * 64))[6:]
    body = frame + documents[-24:-4]
    bomb = body + int(google_crc32c.value(body)).to_bytes(4, "little")
    refused(
        zipped(tmp_path / "source.zip", sealed({**files, "features/documents.0": bomb})),
        watched,
        "claim to be",
    )

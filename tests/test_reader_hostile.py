"""Stores made to harm, or that lie: refused with the reason before anything is believed or made room for."""

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from feature_store import copied, make_store, seal
from hypothesis import given, settings
from hypothesis import strategies as st

from cache import StoreError
from cache.harstore import open
from cache.store.made import made_document


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("sound"), clips=20)


@pytest.fixture
def store(sound: Path, tmp_path: Path) -> Path:
    """A store of one's own to spoil."""
    return copied(sound, tmp_path / "store.zarr")


def edited(store: Path, change: Callable[[dict[str, Any]], object], *, zarr_too: bool = True) -> None:
    """Change the group's zarr.json (each array's follows) and seal all of it anew: what a liar with our code does."""
    document = json.loads((store / "zarr.json").read_bytes())
    change(document)
    (store / "zarr.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    if zarr_too:
        for name, inner in document["consolidated_metadata"]["metadata"].items():
            (store / name).mkdir(exist_ok=True)
            (store / name / "zarr.json").write_text(json.dumps(inner, indent=2, sort_keys=True) + "\n")
    seal(store)


def house(document: dict[str, Any]) -> Any:
    return document["attributes"]["harcache"]


def array(document: dict[str, Any], name: str = "video_0") -> Any:
    return house(document)["arrays"][name]


def coord(document: dict[str, Any]) -> Any:
    return house(document)["coords"]["label"]


def many(document: dict[str, Any], rows: int, shard: int = 16) -> None:
    """Claim that many rows, coordinates and all."""
    house(document)["rows"] = rows
    for doc in house(document)["coords"].values():
        doc.update(chunk_rows=rows, rows_per_shard=rows)
    for doc in house(document)["arrays"].values():
        doc.update(rows_per_shard=shard, chunk_rows=min(shard, 10**6), padded=True)


def all_zarr(document: dict[str, Any]) -> Any:
    return document["consolidated_metadata"]["metadata"]


FACTS = {"size": 1, "blake2b160": "0" * 40}
NAMES = [
    "../outside", "/etc/passwd", "video_0/../../outside", "video_0//c.0.0.0", "video_0/c.0.0.0/x", "a b/c.0",
    "video_0/c.0.0.0\n", "c.0", "video_0\\c.0", "video_0/evil.so", "video_0/documents.-1", ".hidden/c.0", "",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_store_has(store: Path, name: str) -> None:
    seal(store, {name: FACTS})
    with pytest.raises(StoreError, match="is no name of a store's file"):
        open(store)


@pytest.mark.parametrize(
    "facts",
    [
        {"size": -1},
        {"size": 1.0},
        {"size": True},
        {"size": "1"},
        {"blake2b160": "0" * 39},
        {"blake2b160": 7},
        {"checksums": 7},
        {"checksums": "0" * 39},
        {"table": 7},
        {"table": "AAAA"},
        {"table": "no base64"},
        None,
    ],
)
def test_facts_that_cannot_be(store: Path, facts: dict[str, Any] | None) -> None:
    manifest = json.loads((store / "manifest.json").read_bytes())
    seal(
        store,
        {"video_0/c.0.0.0": None if facts is None else {**manifest["files"]["video_0/c.0.0.0"], **facts}},
    )
    with pytest.raises(StoreError, match=r"manifest\.json is unreadable"):
        open(store)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b'"manifest"', b"\xff\xfe", b'{"files": {}}', b"[" * 200_000, b'{"a":' * 200_000,
        b'{"digest": "x", "files": {}, "x": NaN}', b'{"digest": "x", "files": {}, "x": -Infinity}',
        b'{"digest": "x", "files": {}, "x": 1e999}', b'{"digest": "x", "files": []}', b"9" * 5_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["manifest.json", "zarr.json"])
def test_json_that_is_none(store: Path, name: str, data: bytes) -> None:
    (store / name).write_bytes(data)
    if name == "zarr.json":
        seal(store)
    with pytest.raises(StoreError, match=r"unreadable|own digest|format"):
        open(store)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_attributes_that_are_no_numbers(store: Path, value: str) -> None:
    text = (store / "zarr.json").read_text().replace('"title": "Made up"', f'"title": {value}')
    (store / "zarr.json").write_text(text)
    seal(store)
    with pytest.raises(StoreError, match=r"zarr\.json is unreadable"):
        open(store)


def none_made(array: str, rows: int) -> dict[str, Any]:
    """What a description says of an array of which no row was made."""
    return dict(made_document(np.ones(rows, bool), {array: np.zeros(rows, bool)}))


MADE = none_made("any", 8)["any"]
LIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "more rows than there are": (lambda d: house(d).update(rows=10**9), "cannot be"),
    "no rows": (lambda d: house(d).update(rows=0), "0 rows"),
    "rows of another kind": (lambda d: house(d).update(rows=True), "True rows"),
    "fewer rows": (lambda d: house(d).update(rows=19), "19"),
    "absurd row": (lambda d: array(d).update(row_shape=[2**40, 8], chunk=[2**40, 8]), "chunks of"),
    "absurd rows of chunks": (lambda d: array(d).update(chunk_rows=2**50, rows_per_shard=2**50), "chunks of"),
    "absurd grid": (lambda d: array(d, "frames").update(row_shape=[2**40, 3]), "its index alone takes"),
    "absurd shard": (lambda d: array(d, "frames").update(rows_per_shard=2**60), "should not have"),
    "overflowing": (lambda d: array(d).update(row_shape=[2**70, 2**70], chunk=[2**70, 2**70]), "chunks of"),
    "too many axes": (lambda d: array(d).update(row_shape=[1] * 65, chunk=[1] * 65, dims=list("x" * 65)), "sizes"),
    "a size below one": (lambda d: array(d).update(row_shape=[2, -8]), "sizes"),
    "half a size": (lambda d: array(d).update(chunk_rows=4.0), "sizes"),
    "another dtype": (lambda d: array(d).update(dtype="float64"), "take"),
    "objects": (lambda d: array(d).update(dtype="object"), "dtype"),
    "a dtype of code": (lambda d: array(d).update(dtype="__import__('os')"), "cannot be"),
    "another codec": (lambda d: array(d).update(codec="pickle"), "codec"),
    "raw for zstd": (lambda d: array(d, "skeleton_0").update(codec="raw"), "rows take"),
    "zstd for raw": (lambda d: array(d).update(codec="zstd"), "packing"),
    "an array of another name": (lambda d: array(d).update(array="other"), "described by"),
    "an unknown field": (lambda d: array(d).update(loader="pickle"), "described by"),
    "an array it lacks": (lambda d: house(d)["arrays"].update(ghost={**array(d), "array": "ghost"}), "keys are of"),
    "an array less": (lambda d: house(d)["arrays"].pop("frames"), "keys are of"),
    "no ids": (lambda d: house(d)["coords"].pop("clip_id"), "cannot be"),
    "a coordinate of fewer rows": (lambda d: coord(d).update(rows_per_shard=4, chunk_rows=4), "rows"),
    "rows by the million": (lambda d: many(d, 10**7), "don't fit in"),
    "coordinates that swell": (lambda d: many(d, 5 * 10**7, shard=5 * 10**7), "cannot be"),
    "a row axis of another name": (lambda d: house(d).update(row_dim="../clip"), "cannot be"),
    "another format": (lambda d: house(d).update(format="harcache-0"), "format"),
    "no house at all": (lambda d: d["attributes"].pop("harcache"), "format"),
    "no attributes": (lambda d: d.update(attributes=[]), "unreadable"),
    "Zarr told another shape": (lambda d: zarr_of(d).update(shape=[20, 2, 9]), "has shape"),
    "Zarr told another dtype": (lambda d: zarr_of(d).update(data_type="int32"), "has data type"),
    "Zarr told another fill": (lambda d: zarr_of(d).update(fill_value=0.0), "has fill"),
    "Zarr told other dims": (lambda d: zarr_of(d).update(dimension_names=["a", "b", "c"]), "has dims"),
    "Zarr told of another array": (lambda d: all_zarr(d).update(ghost={}), "should not have"),
    "a failure of nobody": (lambda d: d["attributes"].update(failures=[{"id": "nobody"}]), "failure that cannot be"),
    "a failure of no kind": (lambda d: d["attributes"].update(failures=["c013"]), "failure that cannot be"),
    "fewer classes than labels": (lambda d: d["attributes"].update(classes=["wave"]), "its labels go to 2"),
    "classes that are no names": (lambda d: d["attributes"].update(classes=[1, 2]), "no names"),
    "weights of another file": (lambda d: d["attributes"]["weights"].update(video_0="cd" * 32), "comes of weights"),
    "weights of an array it lacks": (lambda d: d["attributes"]["weights"].update(ghost="ab" * 32), "comes of weights"),
    "a licence that is no text": (lambda d: d["attributes"].update(licence={"$ref": "x"}), "no text"),
    "rows made of an array it lacks": (
        lambda d: house(d).update(made=none_made("ghost", house(d)["rows"])),
        "which rows of",
    ),
    "rows made, too few of them": (lambda d: house(d).update(made={"video_0": MADE}), "its frame holds 1 bytes"),
    "rows made, in no base64": (lambda d: house(d).update(made={"video_0": "*"}), "cannot be"),
    "rows made, by number": (lambda d: house(d).update(made={"video_0": 7}), "cannot be"),
    "other coordinates": (lambda d: d["attributes"].update(coordinates="label"), "names others"),
}  # fmt: skip


def zarr_of(document: dict[str, Any], name: str = "video_0") -> Any:
    return all_zarr(document)[name]


@pytest.mark.parametrize("lie", sorted(LIES))
def test_a_description_that_lies(store: Path, lie: str) -> None:
    change, message = LIES[lie]
    edited(store, change)
    tracemalloc.start()
    try:
        with pytest.raises(StoreError, match=message):
            open(store)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20  # no room was made for what was claimed
    finally:
        tracemalloc.stop()


def test_each_array_must_say_what_the_group_says(store: Path) -> None:
    edited(store, lambda d: zarr_of(d).update(attributes={"units": "m"}), zarr_too=False)
    with pytest.raises(StoreError, match=r"video_0/zarr\.json is not what the group's zarr\.json says"):
        open(store)


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    place=st.sampled_from(
        ["rows", "row_dim", "arrays", "coords", "made_of", "format"]
        + [
            f"arrays.video_0.{n}"
            for n in ("dtype", "row_shape", "chunk", "chunk_rows", "dims", "padded", "attrs")
        ]
        + ["arrays.video_0", "coords.key.attrs", "coords.key.attrs.arrays", "coords.clip_id.row_shape"]
    ),
    value=ANY,
)
def test_whatever_the_description_holds_it_is_refused_in_words(
    sound: Path, tmp_path_factory: pytest.TempPathFactory, place: str, value: Any
) -> None:
    store = tmp_path_factory.getbasetemp() / "fuzzed.zarr"
    if not store.exists():
        copied(sound, store)
    original = (store / "zarr.json").read_bytes(), (store / "manifest.json").read_bytes()
    document = json.loads(original[0])
    inner = house(document)
    *way, last = place.split(".")
    for step in way:
        inner = inner[step]
    same, inner[last] = inner[last] == value and type(inner[last]) is type(value), value
    try:
        (store / "zarr.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
        seal(store)
        if same or place == "made_of":
            return
        with pytest.raises(StoreError):
            open(store)
    finally:
        (store / "zarr.json").write_bytes(original[0])
        (store / "manifest.json").write_bytes(original[1])


def test_a_card_whose_recipe_is_not_the_rows(store: Path) -> None:
    edited(store, lambda d: house(d)["made_of"]["video_0"].update(params={"size": 224}))
    with pytest.raises(StoreError, match="its card says that all of 'video_0' was made with params"):
        open(store).made_of("c001", "video_0")


def test_links_out_of_the_store_and_what_is_no_file(store: Path, tmp_path: Path) -> None:
    shard = store / "video_0" / "c.0.0.0"
    data = shard.read_bytes()
    (tmp_path / "outside").write_bytes(data)
    shard.unlink()
    shard.symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="is a link out of the store"):
        open(store)
    shard.unlink()
    os.mkfifo(shard)
    with pytest.raises(StoreError, match="is no regular file"):
        open(store)
    shard.unlink()
    shard.symlink_to(shard)
    with pytest.raises(StoreError, match=r"c\.0\.0\.0"):
        open(store)
    (store / "video_0").rename(tmp_path / "moved")
    (store / "video_0").symlink_to(tmp_path / "moved")
    with pytest.raises(StoreError):
        open(store)

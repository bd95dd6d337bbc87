"""Shards exchanged, files cut, mirrors half synced: on every path that a store is read from nothing wrong is given."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from buckets import Bucket, bucket
from feature_store import copied, make_store, make_wide_store, wide_row, zipped
from serving import serving

from cache import CacheError, ShardError, StoreError
from cache.files import swap_in
from cache.harstore import Reader, open
from pipeline.exchange.publishing import publish

Opener = Callable[[], Reader]


@contextmanager
def in_a_folder(store: Path, _: Path) -> Iterator[Opener]:
    yield lambda: open(store)


@contextmanager
def in_a_zip(store: Path, folder: Path) -> Iterator[Opener]:
    path = zipped(store, folder / "features.zip")
    yield lambda: open(path)


@contextmanager
def on_a_server(store: Path, _: Path) -> Iterator[Opener]:
    with serving(store.parent) as server:
        yield lambda: open(f"{server.url}/{store.name}")


@contextmanager
def in_a_zip_on_a_server(store: Path, folder: Path) -> Iterator[Opener]:
    path = zipped(store, folder / "features.zip")
    with serving(folder) as server:
        yield lambda: open(f"{server.url}/{path.name}")


@contextmanager
def kept_from_a_server(store: Path, folder: Path) -> Iterator[Opener]:
    """The second reading is of what the first kept."""
    with serving(store.parent) as server:
        yield lambda: open(f"{server.url}/{store.name}", cache_dir=folder / "kept")


PLACES = [in_a_folder, in_a_zip, on_a_server, in_a_zip_on_a_server, kept_from_a_server]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two versions of a store of three arrays."""
    folders = [tmp_path_factory.mktemp(f"version{number}") for number in (0, 1)]
    one, other = (make_store(folder, version=number) for number, folder in enumerate(folders))
    return one, other


@pytest.fixture(scope="module")
def s3() -> Iterator[Bucket]:
    with bucket() as served:
        yield served


@dataclass(frozen=True)
class At:
    """A place for stores; called with one, it gives how to open it there."""

    put: Callable[[Path], AbstractContextManager[Opener]]
    slow: bool

    def __call__(self, store: Path) -> AbstractContextManager[Opener]:
        return self.put(store)


@pytest.fixture(params=[*PLACES, "s3"], ids=[*(place.__name__ for place in PLACES), "in_s3"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> At:
    """Each place in turn."""
    (tmp_path / "place").mkdir()

    @contextmanager
    def in_s3(store: Path, _: Path) -> Iterator[Opener]:
        served: Bucket = request.getfixturevalue("s3")
        name = f"{tmp_path.name}/{len(list(tmp_path.iterdir()))}/{store.name}"
        served.upload(store, name)
        yield lambda: open(f"s3://stores/{name}", storage_options=served.options)

    place = in_s3 if request.param == "s3" else request.param
    return At(lambda store: place(store, tmp_path / "place"), slow=request.param == "s3")


def everything(reader: Reader) -> dict[str, Any]:
    """Each array's rows by id, or the error that reading one of them raised; coordinates too."""
    found: dict[str, Any] = {}
    for array in reader.arrays:
        for clip_id in reader.ids:
            try:
                found[f"{array} {clip_id}"] = reader[array].of(clip_id).tobytes()
            except (ShardError, StoreError) as error:
                found[f"{array} {clip_id}"] = error
    for name in reader.coords:
        try:
            found[name] = reader.coord(name).tobytes()
        except (ShardError, StoreError) as error:
            found[name] = error
    return found


def wrong(reader: Reader, right: dict[str, Any]) -> list[str]:
    """What was read, is no error, and is not what is right."""
    found = everything(reader)
    assert found.keys() == right.keys()
    return [
        name for name, value in found.items() if value != right[name] and not isinstance(value, Exception)
    ]


def exchange(one: Path, other: Path) -> None:
    data = one.read_bytes(), other.read_bytes()
    for path, content in ((one, data[1]), (other, data[0])):
        path.unlink()  # another name of it may be a store's that is whole
        path.write_bytes(content)


def test_exchanged_shards_are_found_at_their_first_row(tmp_path: Path, at: At) -> None:
    """Of equal sizes, each chunk whole by its own crc32c: only the documents know which belongs where."""
    sound = make_wide_store(tmp_path / "made")
    for number, (one, other) in enumerate(combinations(("c.0.0.0", "c.1.0.0"), 2)):
        store = copied(sound, tmp_path / f"exchanged{number}")
        exchange(store / "video_0" / one, store / "video_0" / other)
        with at(store) as opened, opened() as reader:
            for clip_id in ("c000", "c007", "c016", "c031"):
                with pytest.raises(ShardError, match=r"another shard's bytes: chunk .* open it again"):
                    reader["video_0"].of(clip_id)
            with pytest.raises(ShardError, match="another shard's bytes"):
                reader["video_0"][:]
            np.testing.assert_array_equal(reader["video_0"].of("c033"), wide_row("c033", 0))


def test_a_mirror_half_synced_gives_no_clip_of_the_other_version(
    stores: tuple[Path, Path], tmp_path: Path, at: Any
) -> None:
    """Each file of the store alone is still, or already, that of another version."""
    old, new = stores
    with open(old) as reader:
        right = everything(reader)
    assert not [value for value in right.values() if isinstance(value, Exception)]
    refused = 0
    names = sorted(path.relative_to(old).as_posix() for path in old.rglob("*") if path.is_file())
    names = names[:: 4 if at.slow else 1]
    for number, name in enumerate(names):
        store = copied(old, tmp_path / f"mixed{number}")
        (store / name).write_bytes((new / name).read_bytes())
        with at(store) as opened:
            try:
                reader = opened()
            except CacheError:
                refused += 1
                continue
            with reader:
                assert wrong(reader, right) == [], name
    assert refused or at.slow  # manifest.json and zarr.json at least


def test_documents_and_shard_of_another_version_together_are_refused(
    stores: tuple[Path, Path], tmp_path: Path, at: Any
) -> None:
    """As a mirror is that syncs folder by folder, the manifest last."""
    old, new = stores
    with open(old) as reader:
        right = everything(reader)
    for number, array in enumerate(("video_0", "skeleton_0", "frames", "label")):
        store = copied(old, tmp_path / f"mixed{number}")
        for path in (store / array).iterdir():
            path.write_bytes((new / array / path.name).read_bytes())
        with at(store) as opened:
            try:
                reader = opened()
            except CacheError:
                continue
            with reader:
                assert wrong(reader, right) == [], array


def test_a_file_cut_short_is_refused(stores: tuple[Path, Path], tmp_path: Path, at: At) -> None:
    """By half, and to nothing, each kind of file; what other files hold is still given."""
    with open(stores[0]) as reader:
        right = everything(reader)
    kinds = (
        "video_0/c.1.0.0",
        "frames/c.0.0.0",
        "video_0/documents.1",
        "label/c.0",
        "manifest.json",
        "key/c.0.0.0",
    )
    for number, (name, part) in enumerate((name, part) for name in kinds for part in (0, 2)):
        store = copied(stores[0], tmp_path / f"cut{number}")
        data = (store / name).read_bytes()
        (store / name).write_bytes(data[: len(data) // part] if part else b"")
        with at(store) as opened:
            try:
                reader = opened()
            except CacheError:
                continue
            with reader:
                found = everything(reader)
                assert wrong(reader, right) == [], name
                unasked = name in (
                    "key/c.0.0.0",
                    "video_0/documents.1",
                )  # what was made, and the chunks' checksums,
                assert unasked or any(  # are in the description and the manifest
                    isinstance(value, Exception) for value in found.values()
                )


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_a_store_replaced_on_this_machine_while_it_is_read_is_refused(tmp_path: Path, packed: bool) -> None:
    """Of what is open already the old bytes are read on; a shard opened afterwards is another store's."""
    one, other = (make_wide_store(tmp_path / str(version), version=version) for version in (0, 1))
    place = tmp_path / ("features.zip" if packed else "features.zarr")

    def publish(store: Path) -> None:
        if packed:
            zipped(store, tmp_path / "aside.zip").replace(place)
        else:
            swap_in(copied(store, tmp_path / "aside.zarr"), place)

    publish(one)
    with open(place) as reader:
        np.testing.assert_array_equal(reader["video_0"].of("c000"), wide_row("c000", 0))
        publish(other)
        np.testing.assert_array_equal(reader["video_0"].of("c007"), wide_row("c007", 0))
        with pytest.raises(ShardError, match="not the one that was published here"):
            reader["video_0"].of("c017")
    with open(place) as reader:
        np.testing.assert_array_equal(reader["video_0"].of("c017"), wide_row("c017", 1))


def test_blocks_kept_of_a_half_synced_mirror_are_not_kept_for_good(tmp_path: Path) -> None:
    sound = make_wide_store(tmp_path / "made")
    store = copied(sound, tmp_path / "mirror" / "features.zarr")
    exchange(store / "video_0" / "c.0.0.0", store / "video_0" / "c.1.0.0")
    with serving(store.parent) as server:
        address, kept = f"{server.url}/features.zarr", tmp_path / "kept"
        with (
            open(address, cache_dir=kept) as reader,
            pytest.raises(ShardError, match="another shard's bytes"),
        ):
            reader["video_0"].of("c000")
        exchange(store / "video_0" / "c.0.0.0", store / "video_0" / "c.1.0.0")
        with open(address, cache_dir=kept) as reader:
            np.testing.assert_array_equal(reader["video_0"].of("c000"), wide_row("c000", 0))


def test_an_object_replaced_in_s3_while_it_is_read_is_refused(tmp_path: Path, s3: Bucket) -> None:
    """By its ETag, which every request names; opened again it is the new one."""
    one, other = (make_wide_store(tmp_path / str(version), version=version) for version in (0, 1))
    s3.upload(one, "replaced.zarr")
    with open("s3://stores/replaced.zarr", storage_options=s3.options) as reader:
        np.testing.assert_array_equal(reader["video_0"].of("c000"), wide_row("c000", 0))
        s3.upload(other, "replaced.zarr")
        with pytest.raises(
            StoreError, match=r"S3 no longer has the object whose ETag is .* Open the store again"
        ):
            reader["video_0"].of("c005")
        with pytest.raises(StoreError, match="Open the store again"):
            reader["video_0"].of("c020")
    with open("s3://stores/replaced.zarr", storage_options=s3.options) as reader:
        np.testing.assert_array_equal(reader["video_0"].of("c005"), wide_row("c005", 1))


def test_a_store_is_published_to_s3_and_opens_there(
    stores: tuple[Path, Path], s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": s3.options["endpoint_url"], "AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    first = publish(stores[0], "s3://stores/published/here", licence="CC-BY-4.0")
    second = publish(stores[0], "s3://stores/published/here", licence="CC-BY-4.0")
    assert (second.sent.files, second.sent.kept) == (0, first.sent.files)
    with open("s3://stores/published/here/" + stores[0].name) as reader:
        assert reader.card.attrs["license"] == {"spdx": "CC-BY-4.0"}

"""harstore.open on a folder, a zip and URLs: one store, read alike from wherever it lies."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import xarray
import zarr
from feature_store import (
    BAD,
    CARD,
    CLASSES,
    GONE,
    SPEC,
    UNMADE,
    content,
    document,
    label,
    make_store,
    number,
    zipped,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import Served, serving

from cache import StoreError
from cache.harstore import Reader, open

KINDS = ("folder", "zip", "http folder", "http zip", "memory folder", "memory zip")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with features.zarr, and features.zip of it."""
    folder = tmp_path_factory.mktemp("home")
    zipped(make_store(folder), folder / "features.zip")
    return folder


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    with serving(home) as server:
        yield server


@pytest.fixture(scope="module")
def addresses(home: Path, served: Served) -> Iterator[dict[str, str]]:
    memory = fsspec.filesystem("memory")
    memory.put(str(home / "features.zarr"), "/lab/features.zarr", recursive=True)
    memory.put(str(home / "features.zip"), "/lab/features.zip")
    places = (str(home), served.url, "memory://lab")
    yield {
        kind: f"{place}/features.{'zip' if 'zip' in kind else 'zarr'}"
        for kind, place in zip(KINDS, (p for p in places for _ in range(2)), strict=True)
    }
    memory.rm("/lab", recursive=True)


@pytest.fixture(params=KINDS)
def reader(request: pytest.FixtureRequest, addresses: dict[str, str]) -> Iterator[Reader]:
    with open(addresses[request.param]) as opened:
        yield opened


def rows(ids: tuple[str, ...], array: str) -> np.ndarray[Any, Any]:
    """What the store must hold."""
    return np.stack([content(clip_id)[array] for clip_id in ids])


def test_clips_by_id_slice_and_condition(reader: Reader) -> None:
    sound = tuple(clip_id for clip_id in reader.ids if clip_id != BAD)
    assert GONE not in reader
    assert len(reader) == 39
    assert reader.clips() == sound
    for array in ("video_0", "frames"):
        np.testing.assert_array_equal(reader[array].of(sound[::-3]), rows(sound[::-3], array))
        np.testing.assert_array_equal(reader[array][14:30], rows(reader.ids[14:30], array))
    np.testing.assert_array_equal(reader["video_0"].of("c020"), content("c020")["video_0"])
    clip = reader.clip("c020")
    assert clip.keys() == content("c020").keys()
    assert all((clip[name] == content("c020")[name]).all() for name in clip)
    assert set(reader.clip(UNMADE)) == {"video_0", "frames"}
    assert reader.clip(BAD) == {}
    assert reader.failures == ({"id": BAD, "error": "VideoError", "message": "it is black"},)
    assert reader.made_of("c020", "video_0") == document("c020", "video_0")


@pytest.fixture(scope="module")
def local(home: Path) -> Reader:
    return open(home / "features.zarr")


def test_choosing_clips(local: Reader) -> None:
    every = [clip_id for clip_id in local.ids if clip_id != BAD]
    assert local.clips(split="test") == tuple(i for i in every if number(i) % 4 == 3)
    assert local.clips(label="sit") == local.clips(label=1) == tuple(i for i in every if label(i) == 1)
    assert local.clips(label=[0, 2], place="lab") == tuple(
        i for i in every if label(i) != 1 and number(i) % 2
    )
    assert UNMADE not in local.clips(made_in="skeleton_0")
    assert UNMADE in local.clips(made_in=["video_0"])
    np.testing.assert_array_equal(local.coord("label", ["c020", "c001"]), [2, 1])
    for ask, message in (
        (lambda: local.clips(split="validation"), "no 'validation' among the splits"),
        (lambda: local.clips(label="jump"), r"no 'jump' among the classes \['wave'"),
        (lambda: local.clips(colour=1), "no coordinate 'colour'; it has"),
        (lambda: local.clips(key=1), "clips can't be chosen by it"),
        (lambda: local.coord("label", [GONE]), "no row 'c005'"),
        (lambda: local["colour"], "no array 'colour'; it has"),
    ):
        with pytest.raises(StoreError, match=message):
            ask()


def test_the_card(local: Reader) -> None:
    card = local.card
    for name in ("title", "dataset", "protocol", "stage", "licence", "citation", "url"):
        assert getattr(card, name) == CARD[name]
        assert CARD[name] in str(card)
    assert card.classes == CLASSES
    assert card.counts == {"clips": 39, "failed": 1, "train": 29, "test": 10}
    assert card.recipe["video_0"] == {"step": "features", "params": {"size": 112}}
    assert card.versions["video_0"] == {"step": 3, "torch": "2.15"}
    assert card.weights["video_0"] == {"backbone": "ab" * 32}
    assert "39 clips, 1 failed" in str(card)


INDICES = st.one_of(
    st.integers(-39, 38),
    st.slices(39),
    st.lists(st.integers(-39, 38), max_size=12),
    st.tuples(st.slices(39), st.slices(6)),
    st.tuples(st.integers(-39, 38), st.slices(6), st.integers(0, 2)),
    st.tuples(st.lists(st.integers(0, 38), min_size=1, max_size=5), st.just(slice(None)), st.integers(0, 2)),
    st.tuples(st.just(Ellipsis), st.integers(0, 2)),
    st.just(Ellipsis),
)


@settings(max_examples=80, deadline=None)
@given(at=INDICES)
def test_an_array_is_indexed_as_numpy_does(local: Reader, at: Any) -> None:
    for array in ("frames", "video_0"):
        view = local[array]
        whole = np.asarray(view)
        assert whole.shape == view.shape
        limited = at
        if array == "video_0" and isinstance(at, tuple) and at[0] is not Ellipsis:
            limited = at[:1]
        np.testing.assert_array_equal(view[limited], whole[limited])


def test_masks_places_out_of_reach_and_what_a_view_says(local: Reader) -> None:
    view = local["video_0"]
    np.testing.assert_array_equal(
        view[local.coord("label") == 1], np.asarray(view)[local.coord("label") == 1]
    )
    assert (view.shape, view.dims, view.dtype, view.ndim) == (
        (39, 2, 8),
        ("clip", "view", "channel"),
        np.float32,
        3,
    )
    assert view.nbytes == 39 * 2 * 8 * 4
    assert "clip 39, view 2, channel 8" in repr(view)
    for at in (39, -40, [39]):
        with pytest.raises(IndexError):
            view[at]
    with pytest.raises(ValueError, match="is to copy it"):
        np.array(view, copy=False)


@pytest.mark.parametrize("check", ["first", "always"])
def test_each_order_of_rows_reads_alike(home: Path, check: Any) -> None:
    """Runs, scattered rows, shuffled ones, before and after their chunks were checked."""
    reader = open(home / "features.zarr", check=check)
    ids = np.array(reader.clips(made_in="video_0"))
    rng = np.random.default_rng(0)
    for chosen in (ids[3:5], ids[::5], rng.permutation(ids), rng.choice(ids, 50), ids, ids[:0], ids[20:21]):
        for array in ("video_0", "frames"):
            expected = rows(tuple(chosen), array) if len(chosen) else np.empty((0, *reader[array].shape[1:]))
            np.testing.assert_array_equal(reader[array].of(list(chosen)), expected)


def test_a_flipped_byte_is_found_when_it_is_first_read_and_always_where_asked(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    shard = store / "video_0" / "c.1.0.0"
    always, first = open(store, check="always"), open(store)
    before = [reader["video_0"][16:30] for reader in (always, first)]
    data = bytearray(shard.read_bytes())
    data[70] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(data)
    with pytest.raises(
        ValueError, match=r"c\.1\.0\.0 of array 'video_0' is damaged: chunk \(0, 0\) fails its crc32c"
    ):
        always["video_0"][16:30]
    assert (first["video_0"][16:30] != before[1]).sum() == 1  # checked once, as agreed
    with pytest.raises(ValueError, match="fails its crc32c"):
        open(store)["video_0"][17]


def test_it_pickles_as_its_address(reader: Reader) -> None:
    with pickle.loads(pickle.dumps(reader)) as again:
        assert again.ids == reader.ids
        np.testing.assert_array_equal(again["video_0"][:4], reader["video_0"][:4])


def test_to_xarray_is_lazy_and_has_no_holes(reader: Reader) -> None:
    data = reader.to_xarray()
    assert dict(data.sizes)["clip"] == 39
    assert data.attrs["licence"] == "CC0"
    np.testing.assert_array_equal(data.video_0[3:9, 1].values, reader["video_0"][3:9, 1])
    np.testing.assert_array_equal(
        data.video_0.isel(clip=[7, 2], channel=3).values, reader["video_0"][[7, 2]][..., 3]
    )
    np.testing.assert_array_equal(data.frames.sel(frame=slice(1, 3)).values, reader["frames"][:, 1:3])
    assert data.clip_id.values[4] == b"c004"


def test_zarr_and_xarray_need_nothing_of_ours(home: Path, local: Reader) -> None:
    filled = [row for row in range(40) if row != number(GONE)]
    group = zarr.open(home / "features.zarr", mode="r")
    seen = xarray.open_zarr(home / "features.zarr", chunks=None)
    for array in SPEC.arrays:
        expected = np.asarray(local[array.name])
        np.testing.assert_array_equal(group[array.name][:][filled], expected)  # type: ignore[index]
        np.testing.assert_array_equal(seen[array.name].values[filled], expected)
    assert group.attrs["licence"] == seen.attrs["licence"] == "CC0"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (lambda home: home / "nothing", "there is no store at"),
        (lambda home: home, "has no manifest.json: no store, or never finished"),
        (lambda _: "http://", "is no URL of a store"),
        (lambda _: "memory://nowhere/features.zarr", "has no manifest.json"),
        (lambda _: "memory://nowhere/features.zip", "there is no memory://nowhere/features.zip"),
    ],
)
def test_what_is_no_store(home: Path, address: Callable[[Path], Any], message: str) -> None:
    with pytest.raises(StoreError, match=message):
        open(address(home))

"""Out-of-fold vectors: each clip's from a network that was not fitted to it, rotated into the other's basis."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

from cache import ArraySpec, Build, Cache, Row, Store, StoreSpec, open_store, write_block
from pipeline.build.pinned import Pinned
from pipeline.errors import DatasetError, RunError
from pipeline.inputs.alignment import Alignment, procrustes
from pipeline.inputs.head_input import HeadRows, VectorInput
from pipeline.inputs.out_of_fold import CrossFit

WIDTH = 3
TRAINING = tuple(f"train{number:02d}" for number in range(10))
TEST = ("test00", "test01")
PARTS = (TRAINING[:4], TRAINING[4:])
FITTED = {
    "video_0": frozenset(TRAINING),
    "video_0_without0": frozenset(PARTS[1]),
    "video_0_without1": frozenset(PARTS[0]),
}
TURN = orthogonal_procrustes(*np.random.default_rng(3).normal(size=(2, WIDTH, WIDTH)))[0]
SHIFT = np.array([3.0, -1.0, 0.5])


def features(clip_id: str) -> NDArray[np.float64]:
    return np.random.default_rng([*clip_id.encode()]).normal(size=WIDTH)


def turned(array: str, clip_id: str) -> NDArray[np.float64]:
    """The same features of each network, in a basis of its own."""
    if array == "video_0":
        return features(clip_id)
    return (features(clip_id) - SHIFT) @ (TURN if array.endswith("0") else TURN.T)


def memorised(array: str, clip_id: str) -> NDArray[np.float64]:
    """Whether the network was fitted to the clip, as one that has memorised its clips tells, and which one it is."""
    return np.array([clip_id in FITTED[array], sorted(FITTED).index(array), 0.0])


def store_of(folder: Path, content: Any) -> Store:
    """A store of the three networks' features, two equal views each; test clips have the first network's alone."""

    def compute(ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
        for clip_id in ids:
            found = {array: np.float32([content(array, clip_id)] * 2) for array in arrays}
            yield clip_id, found

    arrays = [ArraySpec(name, "float32", (2, WIDTH), ("view", "channel"), chunk_rows=4) for name in FITTED]
    rows = [
        Row(clip, {name: {"clip": clip, "array": name, "content": content.__name__} for name in FITTED
                   if clip in TRAINING or name == "video_0"})
        for clip in sorted((*TRAINING, *TEST))
    ]  # fmt: skip
    build = Build(
        Cache(folder / "cache"),
        "test/features",
        StoreSpec(tuple(arrays), rows_per_shard=16, row_dim="clip"),
        rows,
    )
    for task in build.tasks:
        write_block(folder / "cache", task, compute)
    build.finish(folder / "features.zarr", {}, {})
    return open_store(folder / "features.zarr")


def crossed(folder: Path, content: Any, *, align: bool, parts: int = 2) -> CrossFit:
    return CrossFit(store_of(folder, content), FITTED, parts, Cache(folder / "cache"), Pinned(), align)


def test_no_vector_that_a_head_learns_from_is_of_a_network_that_saw_the_clip(tmp_path: Path) -> None:
    rows = crossed(tmp_path, memorised, align=False).of("video_0", "features")
    ids = [TRAINING[5], TEST[1], *TRAINING[:4], TRAINING[9]]
    assert rows.read(ids)[:, 0].tolist() == [0.0] * 7
    assert rows.read(ids)[:, 1].tolist() == [2, 0, 1, 1, 1, 1, 2]  # without1, the one that saw all, without0
    keys = rows.row_keys()
    assert keys[TRAINING[0]] == rows.store.keys("video_0_without0")[TRAINING[0]]
    assert keys[TRAINING[9]] == rows.store.keys("video_0_without1")[TRAINING[9]]
    assert keys[TEST[0]] == rows.store.keys("video_0")[TEST[0]]
    assert rows.alignment_keys() == []


def test_aligned_vectors_are_those_that_the_network_in_its_own_basis_would_give(tmp_path: Path) -> None:
    """All three networks give the same features up to a rotation, which is found on one part and used on the other."""
    rows = crossed(tmp_path, turned, align=True).of("video_0", "features")
    ids = [*TRAINING, *TEST]
    assert np.allclose(rows.read(ids), [features(clip) for clip in ids], atol=1e-5)
    plain = crossed(tmp_path, turned, align=False).of("video_0", "features")
    assert not np.allclose(plain.read(TRAINING), rows.read(TRAINING), atol=0.1)
    assert np.array_equal(plain.read(TEST), rows.read(TEST))


def test_an_alignment_is_named_by_the_rows_of_clips_that_both_networks_were_fitted_to(tmp_path: Path) -> None:
    rows = crossed(tmp_path, turned, align=True).of("video_0", "features")
    vectors = VectorInput(rows.store, ("video_0",), out_of_fold={"video_0": rows})
    keys = rows.alignment_keys()
    assert len(keys) == 2
    assert HeadRows((vectors, vectors)).aligned == {"aligned": [keys, keys]}
    assert HeadRows((VectorInput(rows.store, ("video_0",)),)).aligned == {}
    rows.read(TRAINING)
    source, target = rows.store.keys("video_0_without0"), rows.store.keys("video_0")
    blobs = rows.cache.blobs
    made = [document for key in keys if (document := _document(blobs.folder(key)))]
    assert made[0]["inputs"]["rows"] == [[clip, source[clip], target[clip]] for clip in PARTS[1]]
    assert {row[0] for row in made[1]["inputs"]["rows"]} == {*PARTS[0]}


def _document(folder: Path) -> Any:
    from cache.home.blobs import blob_document

    return blob_document(folder)


def test_logits_are_never_aligned(tmp_path: Path) -> None:
    store = store_of(tmp_path, turned)
    crossing = CrossFit(store, FITTED, 2, Cache(tmp_path / "cache"), Pinned(), align=True)
    assert crossing.of("video_0", "features").aligned_on
    assert crossing.of("video_0", "logits").aligned_on == {}


def test_a_part_that_lacks_its_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"0 networks were trained without clip 'train04', which 'video_0' was fitted"
    ):
        crossed(tmp_path, turned, align=True, parts=1).of("video_0", "features")


@pytest.fixture
def pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors of 40 clips twice, related by nothing but noise on a rotation."""
    rng = np.random.default_rng(0)
    source = rng.normal(size=(40, WIDTH))
    return np.float32(source), np.float32(source @ TURN + SHIFT + 0.1 * rng.normal(size=source.shape))


def test_the_rotation_is_schoenemanns(pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
    source, target = (x.astype(np.float64) for x in pair)
    expected, _ = orthogonal_procrustes(source - source.mean(0), target - target.mean(0))
    found = procrustes(*pair)
    assert np.allclose(found.rotation, expected, atol=1e-6)
    assert np.allclose(found.rotation @ found.rotation.T, np.eye(WIDTH), atol=1e-12)
    again = Alignment.from_bytes(found.to_bytes())
    assert np.array_equal(again(pair[0]), found(pair[0]))
    assert found(pair[0]).dtype == np.float32


def test_a_known_rotation_is_found_exactly_and_lengths_stay() -> None:
    rng = np.random.default_rng(1)
    source, unseen = np.float32(rng.normal(size=(20, WIDTH))), np.float32(rng.normal(size=(5, WIDTH)))
    found = procrustes(source, np.float32(source @ TURN + SHIFT))
    assert np.allclose(found(unseen), unseen @ TURN + SHIFT, atol=1e-5)
    apart = partial(np.linalg.norm, axis=1)
    assert np.allclose(apart(found(unseen) - found(unseen)[::-1]), apart(unseen - unseen[::-1]), atol=1e-5)


def test_a_channel_that_never_varied_is_dropped_and_not_turned_into_noise() -> None:
    rng = np.random.default_rng(1)
    source = np.float32(rng.normal(size=(20, WIDTH)))
    source[:, 2] = 7.0
    found = procrustes(source, source)
    assert np.allclose(found.rotation, np.diag([1.0, 1.0, 0.0]), atol=1e-6)
    assert np.allclose(found(np.float32([[0.5, -0.5, 9.0]])), [[0.5, -0.5, 7.0]], atol=1e-6)


def test_an_alignment_of_other_clips_is_refused() -> None:
    with pytest.raises(RunError, match=r"the same two or more clips twice, got \(4, 3\) and \(5, 3\)"):
        procrustes(np.zeros((4, 3), np.float32), np.zeros((5, 3), np.float32))

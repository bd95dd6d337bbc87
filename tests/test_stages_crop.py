"""sample and crop: the right frames of the right clip, cut at its box; each video decoded once."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import Project, content, replace_file

from cache import open_store
from pipeline.catalog.catalog import Catalog, read_catalog
from pipeline.catalog.skeletons import read_skeleton
from pipeline.errors import DatasetError
from pipeline.values import Samples
from pipeline.video.boxes import box_of
from pipeline.video.crop import BOX, crop_clip
from pipeline.video.jpeg_rows import unpack_frames
from pipeline.video.planes import Planes
from pipeline.video.video import AvVideo

CLIP = "S001C002P002R001A004"
R4 = {"sampling": "r4", "box": {"rule": "square"}, "size": [32, 32], "storage": "zstd"}
WIDE = {"sampling": "r6", "box": {"rule": "square"}, "size": [40, 32], "storage": "jpeg"}


def catalog(project: Project) -> Catalog:
    return read_catalog(project.paths.catalog)


def test_samples_follow_the_rule(finished: Project) -> None:
    """centered: frame floor((i + 1/2) T / 4), T the frames that video and skeleton share."""
    store = open_store(finished.paths.store("samples"))
    for entry in catalog(finished).usable():
        shared = min(entry.num_frames, entry.skeleton_frames)
        expected = [(2 * i + 1) * shared // 8 for i in range(4)]
        assert store.read_row("r4", entry.clip.clip_id).tolist() == [expected]


def test_the_box_is_the_skeletons_and_the_pixels_a_direct_crop(finished: Project) -> None:
    entry, recipe = catalog(finished).by_id[CLIP], finished.preset.crop.recipes["r4"]
    skeleton = read_skeleton(open_store(finished.paths.store("skeletons")), CLIP)
    box = box_of(recipe.box, skeleton, entry.height, entry.width)
    frames = open_store(finished.paths.store("frames"))
    assert frames.read_row(BOX + "r4", CLIP).tolist() == [box.left, box.top, box.right, box.bottom]

    samples = Samples(open_store(finished.paths.store("samples")).read_row("r4", CLIP), entry.num_frames)
    video = AvVideo(finished.raw / entry.clip.video)
    direct = crop_clip(video, {"r4": (recipe, samples, box)})["r4"]
    assert np.array_equal(frames.read_row("r4", CLIP), direct)
    assert direct.shape == (1, 4, 32, 32, 3)
    assert direct.std() > 10  # a picture, not a fill


class Decoding:
    """Counts what is asked of videos."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.videos: Counter[str] = Counter()
        self.wanted: dict[str, list[int]] = {}
        original = AvVideo.pictures

        def pictures(video: AvVideo, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[Any] | Planes]]:
            name = video.path.name.removesuffix("_rgb.avi")
            self.videos[name] += 1
            self.wanted[name] = list(wanted)
            return original(video, wanted)

        patch.setattr(AvVideo, "pictures", pictures)


def test_a_video_is_decoded_once_for_all_recipes(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second recipe, of other frames, size and storage, comes: it alone is made; from nothing, both in one pass."""
    old = content(copied.paths.store("frames"))
    two = {"r4": R4, "wide": WIDE}
    copied.set_params(**{"sample.r6": {"rule": "centered", "num_frames": 6}, "crop.recipes": two})
    copied.run("sample")
    ids = {entry.clip.clip_id for entry in catalog(copied).usable()}

    decoding = Decoding(monkeypatch)
    assert copied.run("crop").made == len(ids)
    assert decoding.videos == dict.fromkeys(ids, 1)
    samples = open_store(copied.paths.store("samples"))
    assert decoding.wanted[CLIP] == np.unique(samples.read_row("r6", CLIP)).tolist()

    store = open_store(copied.paths.store("frames"))
    pixels = unpack_frames(store.read("wide", [CLIP]), store.attrs, "wide")
    assert pixels.shape == (1, 1, 6, 40, 32, 3)
    assert pixels.std() > 10
    assert {name for name in old if "/r4/" in name} <= content(copied.paths.store("frames")).keys()

    cold = copied.copy(copied.root.parent / "cold")
    cold.forget_cache("frames")
    decoding = Decoding(monkeypatch)
    assert cold.run("crop").made == len(ids)
    assert decoding.videos == dict.fromkeys(ids, 1)
    both = np.concatenate([samples.read_row(name, CLIP).ravel() for name in ("r4", "r6")])
    assert decoding.wanted[CLIP] == np.unique(both).tolist()
    assert content(cold.paths.store("frames")) == content(copied.paths.store("frames"))


def test_a_changed_video_costs_its_clip(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    other = copied.raw / catalog(copied).by_id["S001C002P002R001A005"].clip.video
    replace_file(copied.raw / catalog(copied).by_id[CLIP].clip.video, other.read_bytes())
    before = open_store(copied.paths.store("frames")).read("r4")
    indexed = copied.run("index")
    assert (indexed.made, indexed.cached) == (1, 57)
    copied.run("sample")
    decoding = Decoding(monkeypatch)
    cropped = copied.run("crop")
    assert (cropped.made, cropped.cached) == (1, 57)
    assert decoding.videos == {CLIP: 1}
    store = open_store(copied.paths.store("frames"))
    changed = [
        i for i, old, new in zip(store.ids, before, store.read("r4"), strict=True) if (old != new).any()
    ]
    assert changed == [CLIP]


def test_a_video_that_changes_between_index_and_crop_fails_alone_and_is_never_cached(copied: Project) -> None:
    """Its pixels, or its failure, must not stand under the key of the file that `index` saw."""
    copied.forget_cache("frames")
    path = copied.raw / catalog(copied).by_id[CLIP].clip.video
    whole = path.read_bytes()
    replace_file(path, whole[: len(whole) // 3])
    summary = copied.run("crop")
    assert (summary.made, summary.failed) == (57, 1)
    assert CLIP not in open_store(copied.paths.store("frames")).ids
    assert f"{path.name} changed since it was indexed" in copied.paths.failures.read_text()
    replace_file(path, whole)
    summary = copied.run("crop")
    assert (summary.made, summary.cached, summary.failed) == (1, 57, 0)


def test_recordings_that_are_gone_stop_the_run_and_are_not_held_against_the_clips(copied: Project) -> None:
    copied.forget_cache("frames")
    aside = copied.raw.rename(copied.raw.with_name("unmounted"))
    with pytest.raises(DatasetError, match="mount or fetch the recordings"):
        copied.run("crop")
    aside.rename(copied.raw)
    assert copied.run("crop").failed == 0


def test_shards_of_any_size_hold_the_same(finished: Project, project: Callable[..., Project]) -> None:
    mine = project(**{"crop.shard_rows": 6})
    mine.run_all("index", "sample", "crop")
    ours, theirs = (open_store(p.paths.store("frames")) for p in (mine, finished))
    assert ours.ids == theirs.ids
    for array in ("r4", BOX + "r4"):
        assert np.array_equal(ours.read(array), theirs.read(array))

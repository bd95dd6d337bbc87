"""What was planned is what is read: inputs that are replaced while a stage runs never stand under the old keys."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny import Project, content, replace_file

import stages.crop
from cache.home.home import Cache
from cache.keys import canonical, key_of
from cache.shards.records import read_record
from models.training import trainable
from pipeline.build.pinned import pinned
from pipeline.build.sources import SourceFiles
from pipeline.catalog.opened import opened_catalog
from pipeline.errors import DatasetError, InputsChangedError
from pipeline.rows import crops, features

WIDER = {"crop.recipes": {
    "r4": {"sampling": "r4", "box": {"rule": "square", "padding": 0.5}, "size": [32, 32], "storage": "zstd"}
}}  # fmt: skip
"""Another box rule: other pixels under other keys."""


def forget_rows(project: Project, *arrays: str) -> None:
    """Take these arrays' shards out of the cache, so that a stage must make them."""
    cache = Cache(project.root / ".harcache")
    for path in sorted((cache.root / "shards").glob("*/*.json")):
        if read_record(path).spec.name.startswith(arrays):
            cache.discard(path.stem)


def once(do: Callable[[], object], then: Callable[..., Any]) -> Callable[..., Any]:
    """`then`, and `do` behind its first call."""
    done: list[bool] = []

    def called(*args: Any, **kwargs: Any) -> Any:
        found = then(*args, **kwargs)
        if not done:
            done.append(True)
            do()
        return found

    return called


def changed(path: Path) -> None:
    """Other bytes of the same length under the same name."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    replace_file(path, bytes(data))


def test_what_is_pinned_is_held(tmp_path: Path) -> None:
    catalog, store = tmp_path / "catalog", tmp_path / "small.zarr"
    store.mkdir()
    catalog.write_text("one")
    (store / "manifest.json").write_text("{}")
    held = pinned(catalog, store, tmp_path / "absent")
    with held.held():
        pass
    with pytest.raises(InputsChangedError, match=r"small\.zarr was replaced"), held.held():
        replace_file(store / "manifest.json", b"[]")
    replace_file(store / "manifest.json", b"{}")
    with pytest.raises(InputsChangedError, match="replaced and put back"), held.held():
        replace_file(catalog, b"one")
    with pytest.raises(InputsChangedError, match="absent was replaced"), held.held():
        (tmp_path / "absent").write_text("there now")


def test_the_reason_of_a_failure_within_is_that_inputs_were_replaced(tmp_path: Path) -> None:
    (tmp_path / "catalog").write_text("one")
    held = pinned(tmp_path / "catalog")
    with pytest.raises(KeyError), held.held():
        raise KeyError("its own fault")
    with pytest.raises(InputsChangedError), held.held():
        fail_for_lack_of(tmp_path / "catalog")


def fail_for_lack_of(catalog: Path) -> None:
    replace_file(catalog, b"two")
    raise KeyError("a clip that the other catalog has not")


@pytest.mark.parametrize("moment", ["before", "within"])
def test_a_source_file_is_held_to_its_digest(tmp_path: Path, moment: str) -> None:
    video = tmp_path / "video"
    video.write_bytes(b"pixels")
    sha256 = "2b20bb1c9e59e0ffb9fa5cd72e4e0a7b8a8ea0fde7b2c0d0f6f7c4a1b3f5c9e0"
    with SourceFiles(Cache(tmp_path / "cache")) as sources:
        with (
            pytest.raises(InputsChangedError, match="changed after it was hashed"),
            sources.held({video: sha256}),
        ):
            pass
        sha256 = sources._digests.sha256(video)
        with sources.held({video: sha256}):
            assert video.read_bytes() == b"pixels"
        if moment == "before":
            replace_file(video, b"pixelz")
        with pytest.raises(InputsChangedError), sources.held({video: sha256}):
            replace_file(video, b"PIXELS")
        video.unlink()
        with pytest.raises(InputsChangedError), sources.held({video: sha256}):
            pass


def test_crop_run_again_under_features_leaves_no_row(
    copied: Project, finished: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(a): new frames never get the old ones' keys, and going back gives the undisturbed bytes."""
    forget_rows(copied, "video_0", "skeleton_0")

    def crop_again() -> None:
        copied.set_params(**WIDER)
        copied.run("crop")

    seen = features._Networks.features
    monkeypatch.setattr(features._Networks, "features", once(crop_again, seen))
    with pytest.raises(InputsChangedError, match=r"frames\.zarr was replaced while this stage ran"):
        copied.run("features")
    copied.set_params()
    copied.run("crop")
    assert copied.run("features").made > 0  # nothing was recorded by the run that was disturbed
    ours, theirs = (content(p.paths.store("features")) for p in (copied, finished))
    assert [name for name in theirs if ours[name] != theirs[name]] == []


@pytest.mark.parametrize("stage", ["pretrain", "train"])
def test_no_epoch_is_kept_of_a_store_that_was_replaced(
    copied: Project, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    shutil.rmtree(copied.root / ".harcache" / "blobs")
    name = {"pretrain": "frames", "train": "features"}[stage]
    manifest = copied.paths.store(name) / "manifest.json"
    shutil.rmtree(copied.paths.weights)
    replaced = once(lambda: replace_file(manifest, _of_another_store(manifest)), trainable._as_tensors)
    monkeypatch.setattr(trainable, "_as_tensors", replaced)
    with pytest.raises(InputsChangedError, match="was replaced while this stage ran"):
        copied.run(stage)
    assert not copied.paths.weights.exists()
    kept = list((copied.root / ".harcache" / "work").rglob("epoch.pt"))
    assert kept == []


def _of_another_store(manifest: Path) -> bytes:
    """The same files listed with a word more: whole, and not the bytes that the stage began with."""
    content = json.loads(manifest.read_bytes())
    del content["digest"]
    content["note"] = "made again"
    return canonical({**content, "digest": key_of(content)}) + b"\n"


def test_a_video_replaced_before_it_is_decoded(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """(b): the file that was hashed is the file that is decoded, or there is no row."""
    forget_rows(copied, "r4", "box_r4")
    videos = decoded(copied)
    monkeypatch.setattr(
        stages.crop, "changed_videos", once(lambda: changed(videos[0]), stages.crop.changed_videos)
    )
    with pytest.raises(InputsChangedError, match=videos[0].name):
        copied.run("crop")
    assert not [one for one in records(copied) if one.spec.name == "r4" and clip_of(videos[0]) in ids(one)]


def test_a_video_replaced_while_it_is_decoded(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_rows(copied, "r4", "box_r4")
    videos = decoded(copied)
    monkeypatch.setattr(crops, "crop_clip", once(lambda: [changed(v) for v in videos], crops.crop_clip))
    with pytest.raises(InputsChangedError, match="changed after it was hashed"):
        copied.run("crop")
    assert not [record for record in records(copied) if record.spec.name == "r4"]


def test_weights_that_are_others(copied: Project) -> None:
    """(c): `video_0_fold.pt` over `video_0.pt`; the digest is that of the bytes that are loaded."""
    folder = copied.paths.weights / "backbones"
    replace_file(folder / "video_0.pt", (folder / "video_0_fold.pt").read_bytes())
    before = content(copied.paths.store("features"))
    with pytest.raises(DatasetError, match=r"video_0\.pt is not what seals\.json beside it says was written"):
        copied.run("features")
    assert content(copied.paths.store("features")) == before
    assert copied.run("pretrain").made == 0
    assert copied.run("features").made == 0


def decoded(project: Project) -> list[Path]:
    """Videos of the clips that `crop` cuts."""
    return [project.raw / entry.clip.video for entry in opened_catalog(project.paths.catalog).usable()]


def clip_of(video: Path) -> str:
    """The clip's id, S001… of S001…_rgb.avi."""
    return video.stem.removesuffix("_rgb")


def records(project: Project) -> list[Any]:
    found = sorted((project.root / ".harcache" / "shards").glob("*/*.json"))
    return [read_record(path) for path in found]


def ids(record: Any) -> set[str]:
    return {row.id for row in record.rows if row is not None}

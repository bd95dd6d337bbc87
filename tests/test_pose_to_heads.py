"""Both engines of `index.pose` on videos of the demo dataset: joints, crops, maps, and a head of EPAM-Net's on them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pose_clips
import pytest
import test_stages_map_heads
from odd_sets import failures
from tiny import PLAN, TINY, Project

from cache import open_store
from models.pose.check import CONFIG
from models.pose.stand_in import rtmpose_like, yolox_like
from pipeline.catalog.catalog import read_catalog
from pipeline.catalog.skeletons import read_flags, read_skeleton

BROKEN, EMPTY = "S002C001P001R001A001", "S002C001P003R001A001"
STAGES = ("index", "sample", "crop", "heatmaps", "pretrain", "features", "train", "report")
BOX = [80.0, 0.0, 560.0, 480.0, 0.9]
"""What the stand-in detector always answers, in its input of 640 x 640."""


def rtmlib(folder: Path) -> dict[str, Any]:
    """RTMPose's stand-in, which finds where a colour is brightest, in a box of the detector's."""
    pytest.importorskip("rtmlib", reason="make pose installs it")
    boxes = pose_clips.weights(folder, "yolox.onnx", yolox_like([BOX]))
    return {**pose_clips.weights(folder, "rtmpose.onnx", rtmpose_like(64, 64)), "detector": boxes}


def mmpose(folder: Path) -> dict[str, Any]:
    """RTMPose-t with random weights: its joints mean nothing, and must go through every stage."""
    pytest.importorskip("mmpose", reason="make pose installs it")
    import torch

    from models.pose.mmpose_network import untrained

    torch.manual_seed(0)
    torch.save({"state_dict": untrained(CONFIG, folder).state_dict(), "meta": {}}, folder / "w.pth")
    digest = hashlib.sha256((folder / "w.pth").read_bytes()).hexdigest()
    options = {"config": CONFIG, "flip_test": False}
    found = {"engine": "mmpose", "weights": "w.pth", "sha256": digest, "options": options}
    return {**found, "track": {"min_score": 0.0}}


def darkened(path: Path) -> None:
    """A video of the same codec and length that shows nothing."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        width, height, frames = video.width, video.height, sum(1 for _ in container.decode(video))
    path.unlink()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(frames):
            picture = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module", params=[rtmlib, mmpose], ids=["rtmlib", "mmpose"])
def posed(request: Any, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two actions of the demo dataset; one of their videos is cut in half, one shows nobody."""
    backbones = {name: test_stages_map_heads.BACKBONES[name] for name in ("rgb", "pose")}
    made = Project.made(tmp_path_factory.mktemp("posed") / "p", recordings)
    index = {**TINY["index"], "pose": request.param(made.root)}
    train = {
        **{"video": ["rgb"], "skeleton": ["pose"], "methods": ["video", "skeleton", "epam"], "fused": "epam"},
        **{"seeds": [0], "plan": {**PLAN, "batch": 8, "lr": 0.002}},
    }
    made.set_params(**{"index": index, "pretrain.backbones": backbones, "train": train})
    for path in made.raw.rglob("*.*"):
        if path.name.startswith("S0") and path.name[16:20] not in ("A001", "A002"):
            path.unlink()
    (video,) = made.raw.rglob(f"{BROKEN}_rgb.avi")
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    (video,) = made.raw.rglob(f"{EMPTY}_rgb.avi")
    darkened(video)
    made.run_all(*STAGES)
    return made


def of_engine(made: Project) -> str:
    return str(made.preset.index.pose.engine)  # type: ignore[union-attr]


def test_every_frame_has_joints_where_the_network_sees_them(posed: Project) -> None:
    """The stand-in's first joint lies on the reddest spot of its box, but for what coding loses."""
    entries = [entry for entry in read_catalog(posed.paths.catalog).entries if entry.usable]
    assert len(entries) > 6
    store = open_store(posed.paths.store("skeletons"))
    assert read_catalog(posed.paths.catalog).layout == "coco_17"
    clip_id = next(e.clip.clip_id for e in entries if e.clip.clip_id != EMPTY)
    skeleton = read_skeleton(store, clip_id)
    assert skeleton.present[:, 0].all()
    assert np.isnan(skeleton.joints_3d).all()
    if of_engine(posed) == "rtmlib":
        (path,) = posed.raw.rglob(f"{clip_id}_rgb.avi")
        with av.open(str(path)) as container:
            picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
        x, y = skeleton.joints_2d[0, 0, 0].round().astype(int)
        around = picture[max(y - 5, 0) : y + 6, max(x - 5, 0) : x + 6, 0]
        share = picture.shape[1] / 640
        inside = picture[:, int(BOX[0] * share) : int(BOX[2] * share), 0]
        assert int(around.max()) >= int(inside.max()) - 12


def test_a_video_cut_in_half_and_one_of_nobody_have_their_answers(posed: Project) -> None:
    assert failures(posed)[BROKEN]["error"] == "VideoError"
    flags = set(read_flags(open_store(posed.paths.store("skeletons")), [EMPTY])[EMPTY])
    maps = open_store(posed.paths.store("heatmaps")).read_row("maps", EMPTY)
    if of_engine(posed) == "rtmlib":  # an untrained network finds somebody in the dark
        assert flags == {"nobody_found", "no_body_frames"}
        assert not maps.any()


def test_crops_and_maps_share_the_box_of_the_joints_that_were_found(posed: Project) -> None:
    store, frames = (open_store(posed.paths.store(name)) for name in ("skeletons", "frames"))
    ids = [e.clip.clip_id for e in read_catalog(posed.paths.catalog).entries if e.usable]
    boxes = {tuple(frames.read_row("box_r4", clip_id).tolist()) for clip_id in ids}
    is_trained = (
        of_engine(posed) == "rtmlib"
    )  # untrained joints lie all over the frame, and may score next to nothing
    assert len(boxes) > is_trained
    for clip_id in ids:
        maps = open_store(posed.paths.store("heatmaps")).read_row("maps", clip_id)
        assert maps.shape[2:] == (17, 16, 16)
        if is_trained:
            assert maps.any() == read_skeleton(store, clip_id).present.any()
        assert frames.read_row("r4", clip_id).any() == (clip_id != EMPTY)


def test_epam_nets_head_is_trained_on_their_maps(posed: Project) -> None:
    document = json.loads((posed.paths.reports / "metrics.json").read_text())
    assert document["fusion"] == "epam"
    assert len(document["fused"]["by_seed"]) == 1
    features = open_store(posed.paths.store("features"))
    assert {"rgb_0_map", "pose_0_channel_pool"} <= set(features.arrays)
    pooled = [features.read_row("pose_0_channel_pool", clip_id) for clip_id in features.ids]
    assert np.ptp(np.stack(pooled), axis=0).any()


def test_a_second_run_estimates_nothing(posed: Project) -> None:
    again = posed.run("index")
    assert again.made == 0
    assert again.cached > 0

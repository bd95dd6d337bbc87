"""The engines of pose estimation: rtmlib on stand-in networks whose answers are known; mmpose where it is installed."""

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pose_clips
import pytest
from house import HOUSE
from numpy.typing import NDArray
from odd_sets import TABLE
from test_stages_pose import CLIPS, found, posed
from typer.testing import CliRunner

import cli
from models.errors import CheckpointError, ModelError, ModelParamError
from models.pose.check import CONFIG
from models.pose.mmpose_network import MMPoseNetwork
from models.pose.onnx_session import BATCH, onnx_file
from models.pose.rtmlib_detector import RtmlibDetector
from models.pose.rtmlib_network import RtmlibNetwork
from models.pose.stand_in import rtmo_like, rtmpose_like, vitpose_like, yolox_like

FRAME = np.array([[0, 0, 128, 96]], np.float32)
NOISE = np.random.default_rng(0).integers(0, 255, (11, 96, 128, 3), np.uint8)


def made(folder: Path, content: bytes) -> dict[str, Any]:
    """Arguments of a network."""
    digest = hashlib.sha256(content).hexdigest()
    (folder / f"{digest}.onnx").write_bytes(content)
    return {"weights": folder / f"{digest}.onnx", "sha256": digest, "root": folder}


def all_of(network: RtmlibNetwork, frames: Any, boxes: Any) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    return list(network.people(frames, boxes))


@pytest.fixture
def rtmlib() -> None:
    pytest.importorskip("rtmlib", reason="make pose installs it")


@pytest.mark.parametrize(
    ("model", "content", "far"), [("rtmpose", rtmpose_like, 2.0), ("vitpose", vitpose_like, 5.0)]
)
@pytest.mark.usefixtures("rtmlib")
def test_joints_lie_at_the_dots_of_their_colour_in_the_given_box(
    tmp_path: Path, model: Any, content: Any, far: float
) -> None:
    """Red, green, blue: a network fed BGR would exchange the first and the third."""
    (picture,) = pose_clips.pictures((30, 20), frames=1)
    network = RtmlibNetwork(**made(tmp_path, content(128, 96)), model=model)
    (whole, inside), (_, score) = all_of(
        network, [picture, picture], [FRAME, np.array([[20, 0, 50, 96]], np.float32)]
    )
    expected = [[30, 20 + joint % 3 * pose_clips.APART] for joint in range(17)]
    assert np.abs(whole[0] - expected).max() <= far
    assert inside.shape == (1, 17)
    assert score.min() > 0.9
    swapped = RtmlibNetwork(**made(tmp_path, content(128, 96)), model=model, channels="bgr")
    (joints, _) = all_of(swapped, [picture], [FRAME])[0]
    assert np.abs(joints[0, 0] - expected[2]).max() <= far


@pytest.mark.parametrize("batch", ["batch", 1, 3])
@pytest.mark.usefixtures("rtmlib")
def test_a_persons_joints_do_not_depend_on_who_shares_the_batch(tmp_path: Path, batch: int | str) -> None:
    network = RtmlibNetwork(**made(tmp_path, rtmpose_like(64, 48, batch=batch)))
    assert onnx_file(network.weights, network.sha256).batch == (BATCH if batch == "batch" else batch)
    boxes = [np.array([[0, 0, 128, 96], [10 * k, 0, 128, 96]][: 1 + k % 2], np.float32) for k in range(11)]
    together = all_of(network, NOISE, boxes)
    assert [len(score) for _, score in together] == [1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]
    for frame, box, (joints, score) in zip(NOISE, boxes, together, strict=True):
        alone = all_of(network, [frame], [box])[0]
        np.testing.assert_array_equal(joints, alone[0])
        np.testing.assert_array_equal(score, alone[1])


@pytest.mark.usefixtures("rtmlib")
def test_a_frame_without_boxes_has_nobody(tmp_path: Path) -> None:
    network = RtmlibNetwork(**made(tmp_path, rtmpose_like(64, 48)))
    nobody, somebody = all_of(network, NOISE[:2], [np.zeros((0, 4), np.float32), FRAME])
    assert nobody[1].shape[0] == 0
    assert somebody[0].shape == (1, 17, 2)


@pytest.mark.usefixtures("rtmlib")
def test_rtmo_finds_people_itself_in_pixels_of_the_frame(tmp_path: Path) -> None:
    """128 x 96 is enlarged five times to 640."""
    boxes = [[0, 0, 100, 200, 0.9], [300, 0, 400, 200, 0.8], [500, 0, 600, 200, 0.2]]
    poses = np.stack([np.full((17, 3), [50 + box[0], 100, 0.7]) for box in boxes])
    network = RtmlibNetwork(**made(tmp_path, rtmo_like(boxes, poses)), model="rtmo")
    assert network.finds_people
    for joints, score in all_of(network, NOISE[:2], []):
        assert joints[:, 0].tolist() == [[10, 20], [70, 20]]
        assert score == pytest.approx(np.full((2, 17), 0.7))


@pytest.mark.usefixtures("rtmlib")
def test_yolox_gives_the_boxes_that_are_sure_enough(tmp_path: Path) -> None:
    content = yolox_like([[0, 0, 100, 200, 0.9], [300, 0, 400, 200, 0.4]])
    assert [b.tolist() for b in RtmlibDetector(**made(tmp_path, content)).boxes(NOISE[:2])] == [
        [[0, 0, 20, 40]]
    ] * 2
    (both,) = RtmlibDetector(**made(tmp_path, content), score=0.3).boxes(NOISE[:1])
    assert len(both) == 2


def test_what_is_no_such_network_is_refused(tmp_path: Path) -> None:
    good = made(tmp_path, rtmpose_like(64, 48))
    with pytest.raises(CheckpointError, match=r"expected 0{64}; fetch the file again"):
        onnx_file(good["weights"], "0" * 64)
    with pytest.raises(CheckpointError, match=r"nowhere\.onnx cannot be read"):
        onnx_file(tmp_path / "nowhere.onnx", "0" * 64)
    text = made(tmp_path, b"no network")
    with pytest.raises(CheckpointError, match="is no ONNX network that onnxruntime reads"):
        onnx_file(text["weights"], text["sha256"])
    with pytest.raises(ModelError, match="cannot be run on"):
        onnx_file(good["weights"], good["sha256"]).run([NOISE[0]])
    with pytest.raises(ModelParamError, match=r"takes pictures of \(64, 48\).*leave it out"):
        _ = RtmlibNetwork(**good, size=(256, 192)).in_key
    free = made(tmp_path, yolox_like([[0, 0, 9, 9, 0.9]], side="side"))  # type: ignore[arg-type]
    with pytest.raises(ModelParamError, match="leaves the size of its pictures free"):
        _ = RtmlibDetector(**free).in_key


def test_missing_packages_are_named_with_the_way_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rtmlib", "mmpose"):
        monkeypatch.setitem(sys.modules, name, None)
    ran = CliRunner().invoke(cli.app, ["pose", "check"])
    assert ran.exit_code == 2
    assert ran.output.count("does not work") == 2
    said = " ".join(ran.output.split())
    assert said.count("make pose") == 2
    makefile = (HOUSE / "Makefile").read_text()
    for package in ("rtmlib==0.0.16", "mmpose==1.3.2"):
        assert said.count(package) == 2
        assert package in makefile
    with pytest.raises(ModelParamError, match="make pose"):
        RtmlibNetwork(**made(tmp_path, rtmpose_like(64, 48))).read()


@pytest.mark.usefixtures("rtmlib")
def test_index_with_rtmpose_behind_a_detector(tmp_path: Path) -> None:
    pose = {"weights": "rtmpose.onnx", **pose_clips.weights(tmp_path, "rtmpose.onnx", rtmpose_like(64, 48))}
    boxes = pose_clips.weights(tmp_path, "yolox.onnx", yolox_like([[0, 0, 640, 480, 0.9]]))
    mine = posed(tmp_path, CLIPS)
    for network in (pose, boxes):
        network["weights"] = f"../{network['weights']}"
    mine.set_params(**{"index": {**TABLE, "pose": {**pose, "detector": boxes}}})
    mine.run("index")
    skeleton, flags = found(mine, "c_still")
    assert flags == set()
    assert np.abs(skeleton.joints_2d[:, 0, 0] - [40, 30]).max() < 4
    assert found(mine, "b_empty")[1] == {"nobody_found", "no_body_frames"}


HRNET = "body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py"


@pytest.mark.filterwarnings("ignore")  # mmpose's own, of torch's newer names
@pytest.mark.parametrize("config", [CONFIG, HRNET], ids=["rtmpose-t", "hrnet-w32"])
def test_index_with_an_untrained_network_of_mmpose(
    tmp_path: Path, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights find joints that mean nothing; two runs of other batches must find the same."""
    pytest.importorskip("mmpose", reason="make pose installs it")
    import torch

    from models.pose import mmpose_network

    monkeypatch.setitem(mmpose_network.BATCH, "cpu", 2)
    torch.manual_seed(0)
    torch.save(
        {"state_dict": mmpose_network.untrained(config, tmp_path).state_dict(), "meta": {}},
        tmp_path / "w.pth",
    )
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()
    pose = {"engine": "mmpose", "weights": "../w.pth", "sha256": digest, "options": {"config": config}}
    mine = posed(tmp_path, {name: frames[:3] for name, frames in CLIPS.items()})
    mine.set_params(**{"index": {**TABLE, "pose": {**pose, "track": {"min_score": 0.0}}}})
    summary = mine.run("index")
    assert (summary.made, summary.failed) == (4, 0)
    skeleton, _ = found(mine, "a_walk")
    assert np.isfinite(skeleton.joints_2d[:, 0]).any()
    network = MMPoseNetwork(tmp_path / "w.pth", digest, tmp_path, config)
    frames = CLIPS["a_walk"][:3]
    together = list(network.people(frames, [FRAME] * 3))
    for frame, (joints, score) in zip(frames, together, strict=True):
        ((alone, its),) = network.people([frame], [FRAME])
        np.testing.assert_array_equal(joints, alone)
        np.testing.assert_array_equal(score, its)
    other = MMPoseNetwork(tmp_path / "w.pth", digest, tmp_path, config, flip_test=False)
    assert other.in_key != network.in_key

"""Whether the engines of pose estimation work here: stand-in networks with known answers, and one of mmpose's own."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import ModelError
from models.pose.mmpose_network import MMPoseNetwork, untrained
from models.pose.onnx_session import made_with, rtmlib_version
from models.pose.rtmlib_detector import RtmlibDetector
from models.pose.rtmlib_network import RtmlibNetwork
from models.pose.stand_in import JOINTS, rtmo_like, rtmpose_like, vitpose_like, yolox_like

CONFIG = "body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py"
"""The smallest of mmpose's own configs for COCO."""

SIDE = 640
PLACES = ((100, 60), (160, 120), (220, 200))
"""x and y of the red, the green and the blue dot of the picture that is looked at."""
FAR_PIXELS = 5.0
"""Distance from its dot at which a joint may be found: half a step of ViTPose's maps, in pixels of the picture."""


def check_engines() -> tuple[list[str], bool]:
    """Return a line an engine, and whether both work."""
    found = [_line(name, check) for name, check in (("rtmlib", _rtmlib), ("mmpose", _mmpose))]
    return [line for line, _ in found], all(works for _, works in found)


def _line(name: str, check: Callable[[Path], str]) -> tuple[str, bool]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            return f"{name}: {check(Path(folder))}, in {time.monotonic() - began:.1f} s", True
        except ModelError as error:
            return f"{name}: does not work: {error}", False


def _rtmlib(folder: Path) -> str:
    frame, box = _picture(), np.array([[0, 0, 320, 240]], np.float32)
    for model, content in (("rtmpose", rtmpose_like()), ("vitpose", vitpose_like())):
        network = RtmlibNetwork(*_file(folder, content), model=model)  # type: ignore[arg-type]
        ((joints, _),) = network.people([frame], [box])
        _compare(model, joints[0], np.array([PLACES[joint % 3] for joint in range(JOINTS)]), FAR_PIXELS)
    boxes, poses = np.array([[20, 40, 120, 280, 0.9]]), np.full((1, JOINTS, 3), 0.8)
    poses[..., :2] = 60, 80
    ((joints, _),) = RtmlibNetwork(*_file(folder, rtmo_like(boxes, poses)), model="rtmo").people([frame], [])
    _compare("rtmo", joints[0], poses[0, :, :2] * 320 / SIDE, 0.01)
    (found,) = RtmlibDetector(*_file(folder, yolox_like(boxes))).boxes([frame])
    _compare("yolox", found, boxes[:, :4] * 320 / SIDE, 0.01)
    device = made_with()["device"]
    return f"version {rtmlib_version()} reads RTMPose, ViTPose, RTMO and YOLOX as it should, on {device}"


def _mmpose(folder: Path) -> str:
    weights = folder / "untrained.pth"
    torch.save({"state_dict": untrained(CONFIG, folder).state_dict()}, weights)
    network = MMPoseNetwork(weights, hashlib.sha256(weights.read_bytes()).hexdigest(), folder, CONFIG)
    frame, box = _picture(), np.array([[0, 0, 320, 240]], np.float32)
    ((joints, score),) = network.people([frame], [box])
    if joints.shape != (1, JOINTS, 2) or score.shape != (1, JOINTS) or not np.isfinite(joints).all():
        raise ModelError(f"RTMPose-t gives joints {joints.shape} and scores {score.shape}")
    return f"RTMPose-t, untrained, gives joints on {network.made_with['device']}"


def _file(folder: Path, content: bytes) -> tuple[Path, str, Path]:
    digest = hashlib.sha256(content).hexdigest()
    (folder / digest).write_bytes(content)
    return folder / digest, digest, folder


def _picture() -> NDArray[np.uint8]:
    """(240, 320, 3) RGB: dark but for a dot of 4 x 4 in each colour."""
    picture = np.zeros((240, 320, 3), np.uint8)
    for colour, (x, y) in enumerate(PLACES):
        picture[y : y + 4, x : x + 4, colour] = 255
    return picture


def _compare(what: str, found: NDArray[Any], expected: NDArray[Any], far: float) -> None:
    distance = np.abs(found - expected).max() if found.shape == expected.shape else np.inf
    if not distance <= far:
        raise ModelError(
            f"the stand-in for {what} is read {distance:g} pixels off: this version of rtmlib reads such outputs "
            "otherwise"
        )

"""One real person in the form of every adapter with joints, drawn as each reads it: left joints red, right ones blue.

    python bench/sides.py --folder ../shared/data/ntu_skeletons --out sides.png

Takes a frame of the folder's first `.skeleton` file, writes its joints in each owner's order into
small files, and reads these through the adapters. The orders stand here once more, on purpose: were they taken from
`pipeline.skeleton.layouts`, a picture would show nothing. Every panel must show the same person with the same colours.
`--videos FOLDER` draws clips of recordings in NTU's form (the demo dataset) over their pictures.
"""

import argparse
import json
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.io import savemat

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.datasets.ntu.adapter import Ntu
from pipeline.datasets.nw_ucla.adapter import NwUcla
from pipeline.datasets.pku_mmd.adapter import PkuMmd
from pipeline.datasets.protocol import Dataset
from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.datasets.smarthome.adapter import Smarthome
from pipeline.datasets.table.adapter import Table
from pipeline.datasets.utd_mhad.adapter import UtdMhad
from pipeline.errors import VideoError
from pipeline.values import Clip
from pipeline.video.video import VideoSource

FRAME, FRAMES = 30, 12


def _names(text: str) -> list[str]:
    return text.split()


KINECT_2 = _names(
    "spine_base spine_mid neck head l_shoulder l_elbow l_wrist l_hand r_shoulder r_elbow r_wrist r_hand l_hip "
    "l_knee l_ankle l_foot r_hip r_knee r_ankle r_foot spine_shoulder l_tip l_thumb r_tip r_thumb"
)
KINECT_1 = _names(
    "spine_base spine_mid spine_shoulder head l_shoulder l_elbow l_wrist l_hand r_shoulder r_elbow r_wrist "
    "r_hand l_hip l_knee l_ankle l_foot r_hip r_knee r_ankle r_foot"
)
UTD = ["head", "spine_shoulder", "spine_mid", "spine_base", *KINECT_1[4:]]
LCR_NET = _names(
    "r_ankle l_ankle r_knee l_knee r_hip l_hip r_wrist l_wrist r_elbow l_elbow r_shoulder l_shoulder head"
)
COCO = _names(
    "nose l_eye r_eye l_ear r_ear l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist l_hip r_hip l_knee "
    "r_knee l_ankle r_ankle"
)
BODY_25 = _names(
    "nose spine_shoulder r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist spine_base r_hip r_knee r_ankle "
    "l_hip l_knee l_ankle r_eye l_eye r_ear l_ear l_foot l_foot l_ankle r_foot r_foot r_ankle"
)
MEDIAPIPE = _names(
    "nose l_eye l_eye l_eye r_eye r_eye r_eye l_ear r_ear l_mouth r_mouth l_shoulder r_shoulder l_elbow "
    "r_elbow l_wrist r_wrist l_hand r_hand l_tip r_tip l_thumb r_thumb l_hip r_hip l_knee r_knee l_ankle "
    "r_ankle l_ankle r_ankle l_foot r_foot"
)
ASIDE = {"eye": (12, -10), "ear": (22, 0), "mouth": (6, 12)}
"""Pixels from the head at which joints of a face are drawn, that the sensor does not see."""

Joints = Mapping[str, Any]
"""Joint, by its name here, to (5,): metres, then pixels of 1920 x 1080."""


def person(folder: Path) -> Joints:
    """Return a frame's joints of the first body of the first file."""
    (clip, *_) = (dataset := Ntu(folder, missing_list="none")).listing().clips
    lines = iter((folder / str(clip.skeleton)).read_text().splitlines())
    words = [line.split() for line in lines]
    rows = [row for row in words if len(row) == 12][FRAME * 25 : FRAME * 25 + 25]
    found = {
        name: np.array([float(row[place]) for place in (0, 1, 2, 5, 6)])
        for name, row in zip(KINECT_2, rows, strict=True)
    }
    left = np.sign(found["l_shoulder"][3] - found["r_shoulder"][3])
    for word, (aside, down) in ASIDE.items():
        for side, sign in (("l", left), ("r", -left)):
            offset = np.array([sign * aside / 300, -down / 300, 0, sign * aside, down])
            found[f"{side}_{word}"] = found["head"] + offset
    return {**found, "nose": found["head"], "clip": str(dataset.root / str(clip.skeleton))}


def metres(joints: Joints, order: list[str]) -> Any:
    """(V, 3): x, y and z."""
    return np.stack([joints[name][:3] for name in order])


def pixels(joints: Joints, order: list[str]) -> Any:
    """(V, 3): x and y in pixels, and a score."""
    return np.stack([[*joints[name][3:], 0.9] for name in order])


def of_pku(root: Path, joints: Joints) -> Dataset:
    """A recording of which all frames are alike."""
    row = " ".join(f"{number:.5f}" for number in [*metres(joints, KINECT_2).reshape(-1), *[0.0] * 75])
    for kind, text in (("skeleton", f"{row}\n" * FRAMES), ("label", f"1,0,{FRAMES},2\n")):
        (root / kind).mkdir()
        (root / kind / "0002-L.txt").write_text(text)
    return PkuMmd(root)


def of_ucla(root: Path, joints: Joints) -> Dataset:
    """The JSON form."""
    document = {"skeletons": [metres(joints, KINECT_1).tolist()] * FRAMES}
    (root / "a01_s01_e00_v01.json").write_text(json.dumps(document))
    return NwUcla(root)


def of_utd(root: Path, joints: Joints) -> Dataset:
    """Skeletons of its sensor alone."""
    savemat(root / "a1_s1_t1_skeleton.mat", {"d_skel": np.stack([metres(joints, UTD)] * FRAMES, axis=2)})
    return UtdMhad(root)


def of_smarthome(root: Path, joints: Joints) -> Dataset:
    """The refined release."""
    (root / "skeletonv12").mkdir()
    flat = {"pose2d": pixels(joints, LCR_NET)[:, :2], "pose3d": metres(joints, LCR_NET)}
    body = {name: array.T.reshape(-1).tolist() for name, array in flat.items()}
    path = root / "skeletonv12" / "Walk_p03_r01_v16_c06_pose3d.json"
    path.write_text(json.dumps({"njts": 13, "frames": [[body]] * FRAMES}))
    return Smarthome(root)


def of_pyskl(root: Path, joints: Joints) -> Dataset:
    """A pickle of COCO's joints."""
    keypoint = np.stack([pixels(joints, COCO)[None, :, :2]] * FRAMES, axis=1).astype(np.float32)
    one = {"frame_dir": "S001C001P001R001A001", "label": 0, "total_frames": FRAMES, "keypoint": keypoint}
    (root / "annotations.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": [one]}, protocol=4))
    return Pyskl(root, layout="coco_17")


def _table(root: Path, name: str, layout: str) -> Dataset:
    (root / "table.csv").write_text(f"skeleton,label\n{name},a\n")
    return Table(root, layout=layout)


def of_openpose(root: Path, joints: Joints) -> Dataset:
    """A folder of BODY_25."""
    (root / "clip").mkdir()
    body = {"pose_keypoints_2d": pixels(joints, BODY_25).reshape(-1).tolist()}
    for frame in range(FRAMES):
        text = json.dumps({"people": [body]})
        (root / "clip" / f"clip_{frame:012d}_keypoints.json").write_text(text)
    return _table(root, "clip", "openpose_25")


def of_coco(root: Path, joints: Joints) -> Dataset:
    """A list of results."""
    body = pixels(joints, COCO).reshape(-1).tolist()
    results = [{"image_id": frame, "keypoints": body} for frame in range(FRAMES)]
    (root / "clip.json").write_text(json.dumps(results))
    return _table(root, "clip.json", "coco_17")


def of_mediapipe(root: Path, joints: Joints) -> Dataset:
    """Landmarks as shares of the picture."""
    shares = pixels(joints, MEDIAPIPE)[:, :2] / (1920, 1080)
    body = [{"x": x, "y": y, "visibility": 0.9} for x, y in shares.tolist()]
    (root / "clip.json").write_text(json.dumps([{"landmarks": [body]}] * FRAMES))
    return _table(root, "clip.json", "mediapipe_33")


def of_npz(root: Path, joints: Joints) -> Dataset:
    """A table's own."""
    np.savez(root / "clip.npz", joints_2d=np.stack([pixels(joints, COCO)[None, :, :2]] * FRAMES))
    return _table(root, "clip.npz", "coco_17")


def of_movement(root: Path, joints: Joints) -> Dataset:
    """DeepLabCut's CSV; needs `make movement`."""
    long = {"l": "left", "r": "right"}
    names = [f"{long[n[0]]}{n[1:]}" if n[1] == "_" else n for n in COCO]
    cells = pixels(joints, COCO).reshape(-1).tolist()
    head = [["scorer", *["DLC"] * 51], ["bodyparts", *(name for name in names for _ in range(3))]]
    head += [["coords", *["x", "y", "likelihood"] * 17]]
    lines = [*head, *([frame, *cells] for frame in range(FRAMES))]
    (root / "clip.csv").write_text("\n".join(",".join(map(str, line)) for line in lines) + "\n")
    return _table(root, "clip.csv", "coco_17")


def of_ntu(root: Path, joints: Joints) -> Dataset:
    """The file itself."""
    path = Path(joints["clip"])
    (root / path.name).write_bytes(path.read_bytes())
    return Ntu(root, missing_list="none")


FORMS: dict[str, Callable[[Path, Joints], Dataset]] = {
    "NTU RGB+D": of_ntu, "PKU-MMD": of_pku, "NW-UCLA": of_ucla, "UTD-MHAD": of_utd, "Smarthome": of_smarthome,
    "PYSKL": of_pyskl, "OpenPose": of_openpose, "COCO JSON": of_coco, "MediaPipe": of_mediapipe, "table .npz": of_npz,
    "movement": of_movement,
}  # fmt: skip


def draw(axes: Axes, dataset: Dataset, title: str, frame: int, clip: Clip, picture: Any = None) -> None:
    """Draw one frame of a clip: pixels, else metres from the front; lines of a side in its colour."""
    skeleton, _ = dataset.read_skeleton(clip)
    frame = min(frame, skeleton.num_frames - 1)
    flat = skeleton.joints_2d[frame, 0]
    points = flat if np.isfinite(flat).any() else skeleton.joints_3d[frame, 0, :, :2] * (1, -1)
    names = dataset.layout.joints
    colours = ["r" if n.startswith("left") else "b" if n.startswith("right") else "0.5" for n in names]
    for joint, parent in dataset.layout.bones:
        axes.plot(*points[[joint, parent]].T, color=colours[joint], lw=2)
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=9, zorder=3)
    if picture is not None:
        axes.imshow(picture)
    else:
        axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(title, fontsize=10)


def is_whole(video: VideoSource) -> bool:
    """Whether it can be decoded; the demo dataset has spoilt ones."""
    try:
        return video.probe().num_frames > FRAME
    except VideoError:
        return False


def main() -> None:
    """Write one picture of all forms, and of some recordings if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="folder of `.skeleton` files")
    parser.add_argument("--videos", type=Path, help="folder of recordings in NTU's form")
    parser.add_argument("--out", type=Path, default=Path("sides.png"))
    options = parser.parse_args()
    joints = person(options.folder)
    figure = Figure(figsize=(16, 10), layout="constrained")
    panels = iter(figure.subplots(2, 6).reshape(-1))
    with TemporaryDirectory() as folder:
        for number, (title, make) in enumerate(FORMS.items()):
            root = Path(folder) / str(number)
            root.mkdir()
            dataset = make(root, joints)
            draw(next(panels), dataset, title, FRAME, dataset.listing().clips[0])
    if options.videos:
        dataset = Ntu(options.videos, missing_list="none")
        clip = next(clip for clip in dataset.listing().clips if is_whole(dataset.open_video(clip)))
        ((_, picture),) = dataset.open_video(clip).frames([20])
        draw(next(panels), dataset, "over its video", 20, clip, picture)
    for axes in panels:
        axes.set_axis_off()
    figure.savefig(options.out, dpi=70)


if __name__ == "__main__":
    main()

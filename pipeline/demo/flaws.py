"""Defects of real recordings, applied to a recording or to the bytes of its files."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pipeline.demo.camera import COLOUR_FOCAL, DEPTH_FOCAL
from pipeline.demo.record import Recording
from pipeline.demo.scenario import Flaw
from pipeline.shown import ShownByShape

MEANING: dict[Flaw, str] = {
    "missing_skeleton": "there is no .skeleton file",
    "truncated_video": "the video file ends after 40 % of its bytes; its header still promises all frames",
    "unreadable_video": "the video file ends within its header",
    "frames_without_body": "some frames of the skeleton, the first among them, hold no body",
    "ghost_body": "a third body flickers up for five frames; nobody is there in the video",
    "spectator": "a third person stands by and is tracked throughout",
    "nan_joints": "some joints are NaN in the colour image, some in space too",
    "short_skeleton": "the skeleton ends five frames before the video",
}


@dataclass(frozen=True, slots=True, repr=False)
class Files(ShownByShape):
    """The bytes of a clip's two files."""

    video: bytes
    skeleton: bytes | None


def spoil(recording: Recording, flaw: Flaw | None, rng: np.random.Generator) -> Recording:
    """The recording with its flaw; as it was where the flaw is none of a recording's."""
    change = _IN_RECORDING.get(flaw) if flaw is not None else None
    return recording if change is None else change(recording, rng)


def spoil_files(files: Files, flaw: Flaw | None) -> Files:
    """The files with their flaw; as they were where the flaw is none of a file's."""
    if flaw == "missing_skeleton":
        return replace(files, skeleton=None)
    if flaw == "truncated_video":
        return replace(files, video=files.video[: len(files.video) * 2 // 5])
    if flaw == "unreadable_video":
        return replace(files, video=files.video[:96])
    return files


def _frames_without_body(recording: Recording, rng: np.random.Generator) -> Recording:
    present = recording.present.copy()
    gap = int(rng.integers(10, 20))
    present[:3] = False
    present[gap : gap + 4] = False
    return replace(recording, present=present)


def _ghost_body(recording: Recording, rng: np.random.Generator) -> Recording:
    """The second body's joints, scattered and shifted by 0.9 m, as a body of its own."""
    offset = np.array([0.9, 0.2, 0.4])
    scatter = rng.normal(0, 0.05, recording.joints[:, :1].shape)
    start = int(rng.integers(8, 24))
    present = np.zeros((len(recording.present), 1), bool)
    present[start : start + 5] = True
    distance_m = float(np.median(recording.joints[..., 2]))
    step = (offset + scatter)[..., :2] * (1.0, -1.0) / distance_m
    return replace(
        recording,
        joints=np.concatenate([recording.joints, recording.joints[:, -1:] + offset + scatter], 1),
        colour=np.concatenate([recording.colour, recording.colour[:, -1:] + COLOUR_FOCAL * step], 1),
        depth=np.concatenate([recording.depth, recording.depth[:, -1:] + DEPTH_FOCAL * step], 1),
        present=np.concatenate([recording.present, present], 1),
    )


def _nan_joints(recording: Recording, rng: np.random.Generator) -> Recording:
    colour, depth, joints = recording.colour.copy(), recording.depth.copy(), recording.joints.copy()
    flat = rng.random(colour.shape[:3]) < 0.06
    space = rng.random(joints.shape[:3]) < 0.02
    colour[flat | space] = np.nan
    depth[flat | space] = np.nan
    joints[space] = np.nan
    return replace(recording, colour=colour, depth=depth, joints=joints)


def _short_skeleton(recording: Recording, rng: np.random.Generator) -> Recording:
    del rng  # always five frames
    kept = {name: getattr(recording, name)[:-5] for name in ("joints", "colour", "depth", "present")}
    return replace(recording, **kept)


_IN_RECORDING: dict[Flaw, Callable[[Recording, np.random.Generator], Recording]] = {
    "frames_without_body": _frames_without_body,
    "ghost_body": _ghost_body,
    "nan_joints": _nan_joints,
    "short_skeleton": _short_skeleton,
}

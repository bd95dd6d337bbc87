"""One clip as rerun's entities, all below the clip's id.

    words                            what is known of it
    source/picture, box, person0 …   source frames; joints and boxes in pixels of them
    crop/picture, person0 …, heat    the crops that networks see, and heatmaps over them
    space/body/person0 …             joints in metres, turned so that they look as the picture does
    joint_scores/person0 …           a line a joint
    predictions/NETWORK              a line a class
    near/MODALITY/0 …                the nearest clips' crops, in step with the clip's own

Timelines are `frame`, the source frame's number, and `seconds` where the rate is known. The person's left is blue, the
right orange (`pipeline.skeleton.sides`); a joint of low score is dim, a further person darker.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.look.shown_clip import ClassScores, Cut, Neighbour, Pictures, ShownClip
from pipeline.skeleton.layouts import Layout
from pipeline.skeleton.side_maps import side_light
from pipeline.skeleton.sides import COLOURS, SIDES, bone_side, joint_sides
from pipeline.values import Skeleton

if TYPE_CHECKING:
    from rerun import RecordingStream

Floats = NDArray[np.float32]

JPEG_QUALITY = 85
WARNING = (0xE0, 0x20, 0x20)
"""Colour of what is missing or cut off."""
DIMMEST = 0.35
"""Brightness of a joint of score 0, where one of score 1 has 1."""
FURTHER = 0.6
"""Brightness of each further person."""


def log_clip(recording: "RecordingStream", clip: ShownClip) -> None:
    """Log everything of one clip, frame by frame."""
    pen = _Pen(recording, clip)
    pen.words()
    pen.source()
    pen.skeleton()
    if clip.cut is not None:
        pen.cut("crop", clip.cut, clip.cut.frame_numbers, heat=True)
    for name, scores in clip.scores.items():
        pen.predictions(name, scores)
    for side, found in clip.near.items():
        for rank, neighbour in enumerate(found):
            pen.neighbour(f"near/{side}/{rank}", neighbour)


class _Pen:
    """Writes below one clip's entity path."""

    def __init__(self, recording: "RecordingStream", clip: ShownClip) -> None:
        import rerun as rr

        self._rr, self._recording, self._clip = rr, recording, clip
        self._root = rr.escape_entity_path_part(clip.clip_id)
        self._shades = _Shades(clip.layout)

    def words(self) -> None:
        """What is known of the clip; and which colour is which side."""
        sides = ", ".join(f"{side} #{bytes(COLOURS[side]).hex()}" for side in SIDES)
        text = f"{self._clip.words}\n\nColours, of the person's own sides: {sides}."
        self._static("words", self._rr.TextDocument(text, media_type="text/markdown"))

    def source(self) -> None:
        """Source frames, the edge of the picture, and the box that is cropped."""
        height, width = self._clip.size
        self._edge("source", (height, width))
        if self._clip.cut is not None:
            left, top, right, bottom = self._clip.cut.box
            self._static("source/box", self._box((left, top), (right - left, bottom - top), (255, 255, 255)))
        for number, pixels in self._clip.frames() if self._clip.frames is not None else ():
            self._at(number)
            self._log("source/picture", self._jpeg(pixels))

    def skeleton(self) -> None:
        """Joints in pixels and in metres with their scores, at every frame that the skeleton has."""
        skeleton, rr = self._clip.skeleton, self._rr
        if skeleton is None:
            return
        in_space = bool(np.isfinite(skeleton.joints_3d).any())
        if in_space:
            self._static("space", rr.ViewCoordinates.RDF)
            self._static("space/body", rr.Transform3D(mat3x3=np.diag(as_in_the_picture(skeleton))))
        people = [person for person in range(skeleton.score.shape[1]) if skeleton.present[:, person].any()]
        for person in people:
            names = rr.SeriesLines(names=list(self._clip.layout.joints), colors=self._shades.of_joints)
            self._static(f"joint_scores/person{person}", names)
        for row, number in enumerate(skeleton.video_frame.tolist()):
            self._at(number)
            self._nobody(absent=not skeleton.present[row].any())
            for person in people:
                score = skeleton.score[row, person]
                self._person(f"source/person{person}", skeleton.joints_2d[row, person], score, person)
                if in_space:
                    self._person(f"space/body/person{person}", skeleton.joints_3d[row, person], score, person)
                self._log(f"joint_scores/person{person}", rr.Scalars(score))

    def cut(self, below: str, cut: Cut, frames: NDArray[np.int32], *, heat: bool) -> None:
        """Crops with joints and, where asked for, heatmaps, shown at `frames`; joints outside the crop are marked."""
        self._edge(below, cut.size)
        for row, number in enumerate(frames.tolist()):
            self._at(number)
            if cut.crops is not None:
                self._log(f"{below}/picture", self._jpeg(cut.crops[row]))
            if cut.heat is not None and heat:
                self._log(f"{below}/heat", self._glow(cut.heat[row], cut.size))
            if cut.joints is not None:
                self._joints_in(below, cut.joints, row, cut.size)

    def _joints_in(self, below: str, joints: Floats, row: int, size: tuple[int, int]) -> None:
        """People of one frame of (N, M, V, 2), those who are in the clip at all."""
        for person in np.flatnonzero(np.isfinite(joints).any(axis=(0, 2, 3))).tolist():
            shown = joints[row, person]
            self._person(f"{below}/person{person}", shown, np.ones(len(shown), np.float32), person)
        self._log(f"{below}/outside", self._outside(joints[row], size))

    def predictions(self, name: str, scores: ClassScores) -> None:
        """Class probabilities of one network, at the ends of what each view sees."""
        path = f"predictions/{self._rr.escape_entity_path_part(name)}"
        self._static(path, self._rr.SeriesLines(names=[f"{name}: {one}" for one in scores.classes]))
        for (first, last), values in zip(scores.spans, scores.probabilities, strict=True):
            for number in sorted({first, last}):
                self._at(number)
                self._log(path, self._rr.Scalars(values))

    def neighbour(self, below: str, found: Neighbour) -> None:
        """A near clip's crops, spread over the frames of the clip's own; its name stands above them."""
        if found.cut is None:
            return
        own = self._clip.cut.frame_numbers if self._clip.cut is not None else found.cut.frame_numbers
        places = np.linspace(0, len(own) - 1, len(found.cut.frame_numbers)).round().astype(int)
        self.cut(below, found.cut, own[places], heat=False)

    def _person(self, path: str, joints: Floats, score: Floats, person: int) -> None:
        """Known joints and the bones between them, (V, 2) or (V, 3); nothing of a person who is not there."""
        known = np.isfinite(joints).all(axis=1) & (score > 0)
        bones = [bone for bone in self._clip.layout.bones if known[list(bone)].all()]
        lines, points = [joints[list(bone)] for bone in bones], joints[known]
        colours = self._shades.dimmed(score, person)[known]
        of_bones = [self._shades.of_bone(bone, person) for bone in bones]
        names = [name for name, is_known in zip(self._clip.layout.joints, known, strict=True) if is_known]
        rr = self._rr
        if joints.shape[1] == 2:
            self._log(path, rr.LineStrips2D(lines, colors=of_bones, draw_order=2.0))
            marks = rr.Points2D(
                points, colors=colours, radii=-3.0, labels=names, show_labels=False, draw_order=3.0
            )
            self._log(f"{path}/joints", marks)
        else:
            self._log(path, rr.LineStrips3D(lines, colors=of_bones))
            joint_marks = rr.Points3D(points, colors=colours, radii=0.02, labels=names, show_labels=False)
            self._log(f"{path}/joints", joint_marks)

    def _nobody(self, *, absent: bool) -> None:
        """A red edge around frames that hold no body."""
        height, width = self._clip.size
        shown = self._box((0, 0), (width, height), WARNING, "nobody is tracked")
        self._log("source/nobody", shown if absent else self._rr.Boxes2D(mins=[], sizes=[]))

    def _outside(self, joints: Floats, size: tuple[int, int]) -> Any:
        """Marks of joints, (M, V, 2), that the crop does not hold."""
        height, width = size
        x, y = joints[..., 0], joints[..., 1]
        cut_off = np.isfinite(x) & ((x < 0) | (y < 0) | (x >= width) | (y >= height))
        names = [f"{self._clip.layout.joints[joint]} is cut off" for _, joint in np.argwhere(cut_off)]
        few = len(names) <= 4
        return self._rr.Points2D(
            joints[cut_off], colors=WARNING, radii=-4.0, labels=names, show_labels=few, draw_order=4.0
        )

    def _glow(self, heat: Floats, size: tuple[int, int]) -> Any:
        """(3, h, w) heat in the colours of the sides, as transparent as it is cold, over a crop of `size`."""
        rgb, strength = side_light(heat)
        rgba = (
            np.concatenate([rgb[..., ::-1], 255 * strength[..., None]], axis=2).clip(0, 255).astype(np.uint8)
        )
        large = cv2.resize(rgba, size[::-1], interpolation=cv2.INTER_LINEAR)
        png = cv2.imencode(".png", large)[1].tobytes()
        return self._rr.EncodedImage(contents=png, media_type="image/png", draw_order=1.0)

    def _jpeg(self, pixels: Pictures) -> Any:
        """(H, W, C) of 1 or 3 channels."""
        encoded = cv2.imencode(
            ".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        )
        return self._rr.EncodedImage(contents=encoded[1].tobytes(), media_type="image/jpeg", draw_order=0.0)

    def _edge(self, below: str, size: tuple[int, int]) -> None:
        height, width = size
        self._static(f"{below}/edge", self._box((0, 0), (width, height), (110, 110, 110)))

    def _box(
        self, corner: tuple[int, int], size: tuple[int, int], colour: Sequence[int], label: str = ""
    ) -> Any:
        labels = [label] if label else None
        return self._rr.Boxes2D(
            mins=[corner], sizes=[size], colors=[colour], labels=labels, draw_order=2.0 if label else 1.0
        )

    def _at(self, number: int) -> None:
        self._recording.set_time("frame", sequence=number)
        if self._clip.fps > 0:
            self._recording.set_time("seconds", duration=number / self._clip.fps)

    def _log(self, path: str, what: Any) -> None:
        self._recording.log(f"{self._root}/{path}", what)

    def _static(self, path: str, what: Any) -> None:
        self._recording.log(f"{self._root}/{path}", what, static=True)


def as_in_the_picture(skeleton: Skeleton) -> tuple[float, float, float]:
    """Return the factors of x, y and z in metres that make x grow to the right and y downwards, as pixels do.

    Kinect's y grows upwards: (1, -1, 1). Where pixels are not known, that is taken.
    """
    metres, pixels = skeleton.joints_3d[..., :2], skeleton.joints_2d
    known = np.isfinite(metres).all(axis=-1) & np.isfinite(pixels).all(axis=-1) & (skeleton.score > 0)
    if known.sum() < 2:
        return 1.0, -1.0, 1.0
    apart = [part[known] - part[known].mean(axis=0) for part in (metres.astype(np.float64), pixels)]
    x, y = np.where((apart[0] * apart[1]).sum(axis=0) < 0, -1.0, 1.0).tolist()
    return x, y, 1.0


class _Shades:
    """Colours of a layout's joints and bones."""

    def __init__(self, layout: Layout) -> None:
        self.of_joints = np.array([COLOURS[side] for side in joint_sides(layout)], np.uint8)
        """(V, 3) of the first person's sure joints."""
        self._of_bones = {bone: np.array(COLOURS[bone_side(layout, bone)]) for bone in layout.bones}

    def dimmed(self, score: Floats, person: int) -> NDArray[np.uint8]:
        """(V, 3): joints by their score in [0, 1]."""
        light = (DIMMEST + (1 - DIMMEST) * score[:, None]) * FURTHER**person
        return np.asarray((self.of_joints * light).astype(np.uint8))

    def of_bone(self, bone: tuple[int, int], person: int) -> NDArray[np.uint8]:
        """(3,) of one bone."""
        return np.asarray((self._of_bones[bone] * FURTHER**person).astype(np.uint8))

"""The skeleton of one clip, estimated from its video: frames in blocks through the networks, people into slots."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError
from pipeline.pose.networks import Floats, PersonDetector, Picture, PoseNetwork
from pipeline.pose.own_boxes import MARGIN, boxes_around
from pipeline.pose.tracked import tracked_skeleton
from pipeline.pose.tracking import People, TrackRule, follow
from pipeline.skeleton.layouts import Layout
from pipeline.values import Skeleton
from pipeline.video.video import VideoFacts, VideoSource

TRACKING = 1
"""Version of what this room makes of a network's answers: part of each key with poses, raised where results change."""

BLOCK_BYTES = 64_000_000
"""Decoded frames that are held at once; their number decides no result."""


@dataclass(frozen=True)
class PoseEstimator:
    """Finds people in each frame of a clip, follows them, and keeps the first `max_persons`."""

    network: PoseNetwork
    detector: PersonDetector | None
    """None: boxes are given, or the whole frame is the one box."""
    layout: Layout
    """Layout of the network's joints."""
    max_persons: int
    rule: TrackRule
    around_own: bool = False
    """Whether people are looked for around the dataset's own skeletons."""
    margin: float = MARGIN
    """Share of a body's sides by which its box reaches beyond those."""

    @property
    def stops(self) -> tuple[type[Exception], ...]:
        """Errors that say that a network or the device is at fault, and no clip."""
        return (*self.network.stops, *(() if self.detector is None else self.detector.stops))

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Device, threads and batch, for the record."""
        return self.network.made_with

    def skeleton(
        self, video: VideoSource, facts: VideoFacts, own: Skeleton | None = None
    ) -> tuple[Skeleton, frozenset[str]]:
        """Return the joints of every frame, pixels alone, and the flags found.

        own: the dataset's own skeleton, around whose bodies people are looked for; None looks elsewhere.
        Flags: those of `tracked_skeleton`. Raises VideoError where the video does not decode.
        """
        ranked = follow(self._people(video, facts, own), self.rule, self.layout)
        return tracked_skeleton(
            ranked,
            num_frames=facts.num_frames,
            max_persons=self.max_persons,
            num_joints=self.layout.num_joints,
        )

    def _people(self, video: VideoSource, facts: VideoFacts, own: Skeleton | None) -> Iterator[People]:
        """People of each frame in turn."""
        given = None if own is None else iter(boxes_around(own, facts.num_frames, margin=self.margin))
        pictures = (np.asarray(frame) for _, frame in video.frames(range(facts.num_frames)))
        at_once = max(1, BLOCK_BYTES // (3 * facts.height * facts.width))
        while block := list(islice(pictures, at_once)):
            its = self._boxes(block) if given is None else list(islice(given, len(block)))
            yield from self._found(block, its)

    def _found(self, frames: Sequence[Picture], boxes: Sequence[Floats]) -> Iterator[People]:
        for joints, score in self.network.people(frames, boxes):
            self._check(joints, score)
            known = np.isfinite(joints).all(axis=2) & (score > 0)
            yield People(
                np.where(known[..., None], joints, np.nan).astype(np.float32),
                np.where(known, np.clip(score, 0, 1), 0).astype(np.float32),
            )

    def _check(self, joints: NDArray[Any], score: NDArray[Any]) -> None:
        """Refuse joints of another layout: no clip's fault, so it stops the stage."""
        if len(score) and joints.shape[1:] != (self.layout.num_joints, 2):
            raise ParamError(
                f"index.pose: the network finds {joints.shape[1]} joints, and the layout {self.layout.name} has "
                f"{self.layout.num_joints}: name its layout, or take a network of that many joints"
            )

    def _boxes(self, frames: Sequence[Picture]) -> list[Floats]:
        if self.network.finds_people:
            return [np.zeros((0, 4), np.float32) for _ in frames]
        if self.detector is None:
            return [np.array([[0, 0, frame.shape[1], frame.shape[0]]], np.float32) for frame in frames]
        return [np.asarray(boxes, np.float32).reshape(-1, 4) for boxes in self.detector.boxes(frames)]

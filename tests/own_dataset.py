"""A user's own dataset, as it lies outside the house: videos named by who does what, no skeletons."""

import re
from pathlib import Path

from pipeline.datasets.protocol import Axis, Card, Listing, Modality, check_choice
from pipeline.datasets.table.skeleton_file import whole_frame_skeleton
from pipeline.skeleton.layouts import WHOLE_FRAME
from pipeline.values import Clip, Skeleton, Split
from pipeline.video.video import AvVideo

NAME = re.compile(r"p(?P<subject>\d+)_(?P<action>[a-z]+)_\d+\.(?:avi|mp4)")
"""As p07_wave_2.avi: person 7 waves, the second time."""


class Folders:
    """Videos below `root`, in whatever folders; people of odd numbers train, those of even numbers test."""

    name = "folders"
    layout = WHOLE_FRAME
    modality: Modality = "rgb"
    card = Card(title="My recordings", licence="CC BY 4.0", citation="None yet", url="")
    max_persons = 1
    protocols = ("even_odd",)

    def __init__(self, root: Path) -> None:
        self.root = root
        found = [(path, NAME.fullmatch(path.name)) for path in sorted(root.rglob("*"), key=lambda p: p.stem)]
        videos = [(path, match) for path, match in found if match]
        self.classes = tuple(sorted({match["action"] for _, match in videos}))
        self._listing = Listing(tuple(self._clip(path, match) for path, match in videos))

    def _clip(self, path: Path, match: re.Match[str]) -> Clip:
        video = path.relative_to(self.root).as_posix()
        return Clip(path.stem, self.classes.index(match["action"]), video, subject=int(match["subject"]))

    def listing(self) -> Listing:
        """Every video."""
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """By the person's number."""
        check_choice(protocol, self.protocols, "protocol of my recordings")
        return "train" if clip.subject % 2 else "test"

    def axis(self, protocol: str) -> Axis:
        """People."""
        check_choice(protocol, self.protocols, "protocol of my recordings")
        return "subject"

    def sources(self, clip: Clip) -> dict[str, Path]:
        """The video."""
        return {"video": self.root / clip.video}

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """One unknown joint in each frame of the video: the whole frame is looked at."""
        return whole_frame_skeleton(self.open_video(clip).probe().num_frames, self.max_persons), frozenset()

    def open_video(self, clip: Clip) -> AvVideo:
        """The video."""
        return AvVideo(self.root / clip.video)

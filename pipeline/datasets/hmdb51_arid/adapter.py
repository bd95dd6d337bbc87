"""HMDB51 trains, ARID tests: the eleven actions filmed in the dark, by their names among HMDB51's 51 classes."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pipeline.datasets.arid.adapter import CLASSES as ARID_CLASSES
from pipeline.datasets.arid.adapter import Arid
from pipeline.datasets.find_files import shown
from pipeline.datasets.hmdb51.adapter import CLASSES, Hmdb51
from pipeline.datasets.listed_videos import ListedVideos
from pipeline.datasets.protocol import Axis, Card, Listing, Modality, check_choice
from pipeline.errors import DatasetError
from pipeline.skeleton.layouts import WHOLE_FRAME
from pipeline.values import Clip, Skeleton, Split
from pipeline.video.video import VideoSource

DARK_LABELS: tuple[int, ...] = tuple(CLASSES.index(name.lower()) for name in ARID_CLASSES)
"""HMDB51's label of each of ARID's labels 0 to 10: drink is 10, jump 19, … wave 50 (SPEC 4.5)."""

TRAINED, TESTED = "hmdb51", "arid"
"""Folders of the two datasets below the root."""


class Hmdb51Arid:
    """HMDB51 in `hmdb51/` and ARID in `arid/`, each as its owners lay it out; links to them will do.

    `splitN` trains on the clips of HMDB51's split N that train and tests on those of ARID's split N that test; all
    others are unused. Labels are HMDB51's.
    """

    name = "hmdb51_arid"
    card = Card(
        title="HMDB51 to ARID",
        licence=Hmdb51.card.licence,
        citation=f"{Hmdb51.card.citation}; {Arid.card.citation}",
        url=f"{Hmdb51.card.url} {Arid.card.url}",
    )
    layout = WHOLE_FRAME
    max_persons = 1
    modality: Modality = "rgb"
    classes = CLASSES
    protocols = Hmdb51.protocols

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._parts: dict[str, ListedVideos] = {
            TRAINED: Hmdb51(self.root / TRAINED),
            TESTED: Arid(self.root / TESTED),
        }

    def listing(self) -> Listing:
        """List both; a clip's video begins with the folder of its dataset. Raises DatasetError where one lacks."""
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """Return `train` of HMDB51's training clips, `test` of ARID's test clips, `unused` of all others."""
        check_choice(protocol, self.protocols, f"protocol of {self.card.title}")
        kept: Split = "test" if self.is_dark(clip) else "train"
        return kept if self._part(clip).split(clip, protocol) == kept else "unused"

    def is_dark(self, clip: Clip) -> bool:
        """Whether the clip is one of ARID's."""
        return clip.video.startswith(f"{TESTED}/")

    def axis(self, protocol: str) -> Axis:
        """Return set-ups: clips of one film are held out together."""
        return self._parts[TRAINED].axis(protocol)

    def sources(self, clip: Clip) -> dict[str, Path]:
        """Return the path of the video."""
        return {"video": self.root / clip.video}

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """One joint, never known, in each frame of the video."""
        return self._part(clip).read_skeleton(self._inside(clip))

    def open_video(self, clip: Clip) -> VideoSource:
        """The video file."""
        return self._part(clip).open_video(self._inside(clip))

    def _part(self, clip: Clip) -> ListedVideos:
        return self._parts[TESTED if self.is_dark(clip) else TRAINED]

    def _inside(self, clip: Clip) -> Clip:
        """The clip as its own dataset has it, but for the label."""
        return replace(clip, video=clip.video.partition("/")[2])

    @cached_property
    def _listing(self) -> Listing:
        listings = {folder: self._listed(folder) for folder in self._parts}
        clips = [
            replace(
                clip,
                video=f"{folder}/{clip.video}",
                label=DARK_LABELS[clip.label] if folder == TESTED else clip.label,
            )
            for folder, listing in listings.items()
            for clip in listing.clips
        ]
        return Listing(
            clips=tuple(sorted(clips, key=lambda clip: clip.clip_id)),
            failures=tuple(sorted(failure for one in listings.values() for failure in one.failures)),
            absent={what: count for one in listings.values() for what, count in one.absent.items()},
        )

    def _listed(self, folder: str) -> Listing:
        try:
            return self._parts[folder].listing()
        except DatasetError as error:
            raise DatasetError(
                f"{self.name}: {error}; {self.root} must hold {TRAINED}/ and {TESTED}/, or links to them, and holds "
                f"{shown(self.root)}"
            ) from error

"""A dataset of which only a few clips are listed, so that a plan can try the stages on them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.datasets.opened import dataset_of
from pipeline.datasets.protocol import Axis, Dataset, Digested, Listing, Modality
from pipeline.params.params import IndexParams
from pipeline.params.sections import Options
from pipeline.values import Clip, Skeleton, Split

if TYPE_CHECKING:
    from pipeline.params.params import Preset
    from pipeline.video.video import VideoSource

ADAPTER = f"{__name__}:SomeClips"


class SomeClips:
    """The dataset of `adapter` with `options`, with the clips `ids` alone; all else is that dataset's."""

    def __init__(self, root: Path, *, adapter: str, options: Options, ids: Sequence[str]) -> None:
        of: Dataset = dataset_of(IndexParams(adapter=adapter, options=options, protocol=""), root)
        self._of = of
        self._listing = replace(
            of.listing(),
            clips=tuple(clip for clip in of.listing().clips if clip.clip_id in ids),
            failures=(),
            incomplete=(),
        )
        self.name, self.layout, self.classes, self.card = of.name, of.layout, of.classes, of.card
        self.max_persons, self.protocols = of.max_persons, of.protocols
        if isinstance(of, Digested):
            self.digests = of.digests

    @property
    def modality(self) -> Modality:
        """Modality of its videos."""
        return self._of.modality

    def listing(self) -> Listing:
        """List the chosen clips."""
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """Return the side of `protocol` that a clip is on."""
        return self._of.split(clip, protocol)

    def axis(self, protocol: str) -> Axis:
        """Return what differs between the sides of `protocol`."""
        return self._of.axis(protocol)

    def sources(self, clip: Clip) -> dict[str, Path]:
        """Return the files that a clip is made of."""
        return self._of.sources(clip)

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """Read the clip's joints."""
        return self._of.read_skeleton(clip)

    def open_video(self, clip: Clip) -> "VideoSource":
        """Open the clip's video."""
        return self._of.open_video(clip)


def preset_of_some(preset: "Preset", ids: Sequence[str]) -> "Preset":
    """Return the preset with the clips `ids` alone; any number of them may fail."""
    of = preset.index
    options = {"adapter": of.adapter, "options": of.options, "ids": list(ids)}
    index = of.model_copy(update={"adapter": ADAPTER, "options": options})
    return preset.model_copy(update={"index": index, "max_failed": 1.0})

"""Rows of the store that `extract` writes: whole frames of each video, decoded and run through one network."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cache import Cache
from pipeline.build.sources import SourceFiles
from pipeline.build.work import ClipArrays, ClipResult, attempt, together
from pipeline.errors import FeatureError
from pipeline.rows.networks import Floats, Inference, Network, finite, rows_of
from pipeline.values import Box
from pipeline.video.crop import crop_clip
from pipeline.video.crop_recipe import CropRecipe
from pipeline.video.pixels import PixelScale, to_float
from pipeline.video.sampling import SamplingRule, sample
from pipeline.video.video import AvVideo


@dataclass(frozen=True, slots=True)
class FrameInput:
    """Way from a video to the network's input."""

    rule: SamplingRule
    size: int
    """Height and width of a frame, in pixels."""
    scale: PixelScale

    def read(self, video: Path) -> Floats:
        """(A, C, T, H, W) of the file `video`. Raises VideoError where it cannot be decoded."""
        source = AvVideo(video, threads=1)
        facts = source.probe()
        recipe = CropRecipe(sampling="", size=(self.size, self.size), storage="raw")
        whole = Box(0, 0, facts.width, facts.height)
        samples = sample(self.rule, facts.num_frames)
        (pixels,) = crop_clip(source, {"frames": (recipe, samples, whole)}).values()
        return to_float(pixels, self.scale)


@dataclass(frozen=True)
class ExtractWork:
    """Decodes whole frames of each video and runs the network over them."""

    load: Callable[[], Network]
    """Gives the network; asked once a call of `compute`, so it remembers what it read."""
    inference: Inference
    frames: FrameInput
    videos: Mapping[str, Path]
    cache: Cache
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By which each video's row is named: its `video_sha256`."""

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Facts that the record states beside the key."""
        return self.inference.made_with

    def named_by(self, inputs: Mapping[str, Mapping[str, Any]]) -> "ExtractWork":
        """Return the same work with the digests of the inputs that it must read."""
        return replace(self, inputs=inputs)

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each video's cuts; one that cannot be decoded is a failure."""
        network = self.load()  # what is wrong with it is no video's fault
        remaining = iter(ids)
        with SourceFiles(self.cache) as sources:
            while some := list(islice(remaining, self.inference.clips_at_once)):
                yield from self._some(network, sources, some, sorted(arrays))

    def _some(
        self, network: Network, sources: SourceFiles, ids: list[str], cuts: list[str]
    ) -> Iterator[tuple[str, ClipResult]]:
        decoded = {video_id: attempt(self._clip, sources, video_id) for video_id in ids}
        clips = {video_id: clip for video_id, clip in decoded.items() if isinstance(clip, np.ndarray)}

        def rows(some: list[str]) -> dict[str, ClipArrays]:
            views = zip(*(clips[video_id] for video_id in some), strict=True)
            return rows_of(network.embed(cuts, [np.stack(view) for view in views]), some)

        made = dict(together(rows, list(clips), stops=self.inference.stops)) if clips else {}
        for video_id, clip in decoded.items():
            result = made[video_id] if isinstance(clip, np.ndarray) else clip
            yield video_id, finite(result, lambda wrong: _blamed(network, wrong))

    def _clip(self, sources: SourceFiles, video_id: str) -> Floats:
        """(A, C, T, H, W)"""
        with sources.held({self.videos[video_id]: self.inputs[video_id]["video_sha256"]}):
            return self.frames.read(self.videos[video_id])


def _blamed(network: Network, wrong: FeatureError) -> FeatureError:
    """The same with its cause: pixels are always finite."""
    return FeatureError(f"{wrong}: {network.fault() or 'its weights are finite, so the network overflows'}")

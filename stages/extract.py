"""Command `extract`: videos in, features out. No dataset, no skeletons, no DVC; the same cache."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from cache import Cache, Digests, Row, StoreSpec, file_sha256
from models.backbones import backbone_class, cuts_of
from models.cuts import FEATURES
from models.errors import ModelParamError
from models.names import BACKBONES
from models.preprocessing import VideoInput
from models.published.card import WeightsCard
from models.published.kinds import WeightsKind
from models.training.checkpoint import weights_card
from models.training.frozen import Inference, NetworkFile, fitting_batch
from pipeline.arrays.cut_arrays import CutArray, cut_arrays_spec
from pipeline.build.build import StoreJob, make_store
from pipeline.build.failures import Summary
from pipeline.build.runner import RunOptions
from pipeline.build.steps import EXTRACT
from pipeline.keys.keyed import in_key
from pipeline.keys.part_facts import part_facts
from pipeline.rows.extract import ExtractWork, FrameInput
from pipeline.video.pixels import PixelScale
from pipeline.video.sampling import SamplingRule
from pipeline.video.video_files import video_ids

SHARD_ROWS = 1024


@dataclass(frozen=True)
class Request:
    """Options of one call."""

    backbone: str
    """A name of `models.names.BACKBONES` over videos, or `package.module:Class`."""
    weights: Path | None = None
    """None: untrained, with a warning; the same on every machine with one version of torch."""
    kind: WeightsKind = "harcache"
    cuts: tuple[str, ...] = (FEATURES,)
    views: int = 1
    """Number of windows of each video."""
    stride_frames: int | None = None
    """From one frame to the next; None spreads the frames over the whole video."""
    sha256: str | None = None
    """Digest of the weights, part of each row's key: a file that was replaced before loading is refused."""

    @property
    def part(self) -> str:
        """The backbone, as recipes.lock names it."""
        return f"backbone:{self.backbone}"

    @cached_property
    def card(self) -> WeightsCard | None:
        """Card of the weights."""
        return None if self.weights is None else weights_card(self.weights, self.backbone, self.kind)

    @cached_property
    def options(self) -> dict[str, Any]:
        """Options of the network that its weights were made with."""
        return {"kind": self.backbone, **({} if self.card is None else self.card.options)}

    @cached_property
    def expects(self) -> VideoInput:
        """Preprocessing of the pixels: that of the weights' training, else the network's own."""
        declared = backbone_class(self.backbone).expects
        if not isinstance(declared, VideoInput):
            raise ModelParamError(
                f"{self.backbone!r} is fed {type(declared).__name__}, not video; `extract` takes networks over "
                "video, `features` all of them"
            )
        if self.card is None:
            return declared
        facts = self.card.normalisation
        known = {name: facts[name] for name in ("frames", "size", "mean", "std") if name in facts}
        scale = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        return replace(declared, **{**known, **scale})

    @property
    def rule(self) -> SamplingRule:
        """Rule that samples the frames."""
        if self.stride_frames is None:
            return SamplingRule(rule="centered", num_frames=self.expects.frames, views=self.views)
        return SamplingRule(
            rule="strided", num_frames=self.expects.frames, views=self.views, stride_frames=self.stride_frames
        )

    @property
    def network(self) -> NetworkFile:
        """The network, and the file of its weights."""
        return NetworkFile(
            self.options, self.expects.shape, self.weights, self.kind, card=self.card, sha256=self.sha256
        )

    @property
    def frames(self) -> FrameInput:
        """Way from a video to the network's input."""
        expects = self.expects
        return FrameInput(self.rule, expects.size, PixelScale(mean=expects.mean, std=expects.std))


def run(
    videos: Sequence[Path],
    request: Request,
    out: Path,
    cache: Cache,
    options: RunOptions,
    *,
    max_failed: float,
) -> Summary:
    """Write the store `out`: for each cut (clip, view, …), one row a video, under the video's name."""
    began = time.monotonic()
    if request.weights is None:
        print(f"extract: no --weights: {request.backbone} is untrained", file=sys.stderr)
    else:
        request = replace(request, sha256=file_sha256(request.weights, cache))
    found = video_ids(videos)
    named = found.files
    inference = Inference(options.threads, batch=fitting_batch(request.expects.shape))
    job = StoreJob(
        stage="extract",
        name=out.stem,
        spec=_spec(request),
        rows=[Row(video_id, made_of) for video_id, made_of in _documents(named, request, cache).items()],
        work=ExtractWork(partial(request.network.frozen, inference), inference, request.frames, named, cache),
        coords=found.coords,
        attrs={
            "backbone": request.options,
            "input": asdict(request.expects),
            "sampling": asdict(request.rule),
        },
        parts=(request.part,),
    )
    made = make_store(job, cache, f"extract/{out.name}", out, options)
    failed, unexpected = len({failure["id"] for failure in made.store.failures}), len(made.unexpected)
    cached = len(named) - made.made - failed - unexpected
    return Summary(
        "extract", made.made, cached, failed, time.monotonic() - began, max_failed, note=found.note,
        unit="videos", listed_in=f"the attribute failures of {out}", unexpected=unexpected,
    )  # fmt: skip


def _documents(
    named: Mapping[str, Path], request: Request, cache: Cache
) -> dict[str, dict[str, dict[str, Any]]]:
    """For each video, what its row of each cut is made of."""
    weights = {} if request.sha256 is None else {"backbone": request.sha256}
    with Digests(cache) as digests:
        sources = {video_id: {"video_sha256": digests.sha256(path)} for video_id, path in named.items()}
    params = {
        "backbone": request.options,
        "input": in_key(request.expects),
        "sampling": in_key(request.rule),
        **part_facts(request.backbone, BACKBONES),
    }
    document = {
        cut: EXTRACT.documents(params={**params, "cut": cut}, weights=weights) for cut in request.cuts
    }
    return {
        video_id: {cut: document[cut](source) for cut in request.cuts} for video_id, source in sources.items()
    }


def _spec(request: Request) -> StoreSpec:
    cuts = cuts_of(request.options, request.cuts, shape=request.expects.shape)
    kept = [CutArray(cut.name, cut.dtype, (request.views, *shape), cut.dims) for cut, shape in cuts]
    return cut_arrays_spec(kept, most_rows=SHARD_ROWS)

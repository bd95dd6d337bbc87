"""Command `extract`: videos in, features out. No dataset, no skeletons, no DVC; the same cache."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import torch
from numpy.typing import NDArray

from cache import Cache, Digests, Row, StoreSpec, file_sha256
from models.backbones import backbone_class, build_backbone
from models.cuts import FEATURES, Backbone, cut_shapes
from models.device import best_device
from models.errors import ModelParamError
from models.inference import NETWORK_STOPS, embed_views, weights_not_finite
from models.names import BACKBONES
from models.preprocessing import VideoInput
from models.training.checkpoint import WeightsCard, WeightsKind, load_pretrained, weights_card
from models.training.seeding import seeded
from pipeline.arrays.cut_arrays import CutArray, cut_arrays_spec
from pipeline.build.build import StoreJob, make_store
from pipeline.build.failures import Summary
from pipeline.build.runner import RunOptions
from pipeline.build.sources import SourceFiles
from pipeline.build.steps import EXTRACT
from pipeline.build.work import ClipArrays, ClipResult, attempt, not_finite, row_failure, together
from pipeline.errors import FeatureError
from pipeline.keys.keyed import in_key
from pipeline.keys.part_facts import part_facts
from pipeline.values import Box
from pipeline.video.crop import CropRecipe, crop_clip
from pipeline.video.pixels import PixelScale, to_float
from pipeline.video.sampling import SamplingRule, sample
from pipeline.video.video import AvVideo
from pipeline.video.video_files import video_ids

BATCH_BYTES = 64_000_000
MOST_CLIPS = 32
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
        told = self.card.normalisation
        known = {name: told[name] for name in ("frames", "size", "mean", "std") if name in told}
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

    @cached_property
    def network(self) -> Backbone:
        """Loaded, on the CPU."""
        with seeded(0, "init", self.backbone):
            network = build_backbone(self.options, shape=self.expects.shape)
        if self.weights is not None and self.card is not None:
            load_pretrained(network, self.weights, expected=self.card, kind=self.kind, sha256=self.sha256)
        return network


@dataclass(frozen=True)
class ExtractWork:
    """Decodes whole frames of each video and runs the network over them."""

    request: Request
    videos: Mapping[str, Path]
    threads: int
    batch: int
    cache: Cache
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By which each video's row is named: its `video_sha256`."""
    made_with: Mapping[str, Any] = field(default_factory=dict)

    def named_by(self, inputs: Mapping[str, Mapping[str, Any]]) -> "ExtractWork":
        """Return the same work with the digests of the inputs that it must read."""
        return replace(self, inputs=inputs)

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each video's cuts; one that cannot be decoded is a failure."""
        _ = self.request.network  # what is wrong with it is no video's fault
        remaining = iter(ids)
        with SourceFiles(self.cache) as sources:
            while some := list(islice(remaining, self.batch * self.threads)):
                yield from self._some(sources, some, sorted(arrays))

    def _some(
        self, sources: SourceFiles, ids: list[str], cuts: list[str]
    ) -> Iterator[tuple[str, ClipResult]]:
        decoded = {video_id: attempt(self._clip, sources, video_id) for video_id in ids}
        clips = {video_id: clip for video_id, clip in decoded.items() if isinstance(clip, np.ndarray)}

        def rows(some: list[str]) -> dict[str, ClipArrays]:
            found = self._cuts([clips[video_id] for video_id in some], cuts)
            return {video_id: {cut: found[cut][place] for cut in cuts} for place, video_id in enumerate(some)}

        made = dict(together(rows, list(clips), stops=NETWORK_STOPS)) if clips else {}
        for video_id, clip in decoded.items():
            result = made[video_id] if isinstance(clip, np.ndarray) else clip
            wrong = not_finite(result) if isinstance(result, dict) else None
            yield video_id, result if wrong is None else row_failure(self._blamed(wrong))

    def _clip(self, sources: SourceFiles, video_id: str) -> NDArray[np.float32]:
        """(A, C, T, H, W)"""
        with sources.held({self.videos[video_id]: self.inputs[video_id]["video_sha256"]}):
            return self._decoded(video_id)

    def _decoded(self, video_id: str) -> NDArray[np.float32]:
        expects = self.request.expects
        source = AvVideo(self.videos[video_id], threads=1)
        facts = source.probe()
        recipe = CropRecipe(sampling="", size=(expects.size, expects.size), storage="raw")
        whole = Box(0, 0, facts.width, facts.height)
        samples = sample(self.request.rule, facts.num_frames)
        (pixels,) = crop_clip(source, {"frames": (recipe, samples, whole)}).values()
        return to_float(pixels, PixelScale(mean=expects.mean, std=expects.std))

    def _blamed(self, wrong: FeatureError) -> FeatureError:
        """The same with its cause: pixels are always finite."""
        weights = weights_not_finite(self.request.network)
        return FeatureError(f"{wrong}: {weights or 'its weights are finite, so the network overflows'}")

    def _cuts(self, clips: Sequence[NDArray[np.float32]], cuts: list[str]) -> dict[str, NDArray[Any]]:
        """(n, A, …) of each cut."""
        views = [torch.from_numpy(np.stack(view)) for view in zip(*clips, strict=True)]
        found = embed_views(
            self.request.network,
            cuts,
            views,
            batch_size=self.batch,
            device=best_device(),
            threads=self.threads,
        )
        return {cut: values.numpy() for cut, values in found.items()}


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
    batch = _batch(request.expects)
    made_with = {"device": best_device(), "threads": options.threads, "inference_batch": batch}
    job = StoreJob(
        stage="extract",
        name=out.stem,
        spec=_spec(request),
        rows=[Row(video_id, made_of) for video_id, made_of in _documents(named, request, cache).items()],
        work=ExtractWork(request, named, options.threads, batch, cache, made_with=made_with),
        coords=lambda ids: {"file": np.array([quote(os.fsencode(named[i].name)) for i in ids], "S")},
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
        unit="videos", told_in=f"the attribute failures of {out}", unexpected=unexpected,
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
    return {
        video_id: {
            cut: EXTRACT.document(params={**params, "cut": cut}, weights=weights, inputs=source)
            for cut in request.cuts
        }
        for video_id, source in sources.items()
    }


def _spec(request: Request) -> StoreSpec:
    with torch.device("meta"):
        network = build_backbone(request.options, shape=request.expects.shape)
    shapes = cut_shapes(network, request.expects.shape, request.cuts)
    cuts = [network.cut(name) for name in request.cuts]
    kept = [CutArray(cut.name, cut.dtype, (request.views, *shapes[cut.name]), cut.dims) for cut in cuts]
    return cut_arrays_spec(kept, most_rows=SHARD_ROWS)


def _batch(expects: VideoInput) -> int:
    """Clips that the network sees at once."""
    return max(1, min(MOST_CLIPS, BATCH_BYTES // (4 * prod(expects.shape))))

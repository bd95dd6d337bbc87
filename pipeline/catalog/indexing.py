"""Indexing of single clips, and the catalog made from the findings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cache import Cache, Store
from pipeline.build.failures import Failure
from pipeline.build.sources import SourceFiles
from pipeline.build.work import ClipArrays, ClipResult, one_by_one
from pipeline.catalog.catalog import Catalog, Entry
from pipeline.catalog.leaks import SEEN, Leaks, leaks_of
from pipeline.catalog.opened import made_keys
from pipeline.catalog.skeletons import check_length, pack, read_facts, read_flags
from pipeline.datasets.opened import clip_of, dataset_of, files_to_prove, need_video
from pipeline.datasets.protocol import Dataset, Digested, Listing, fit_to_video, without_absurd
from pipeline.errors import SkeletonError
from pipeline.skeleton.gaps import fill_lost
from pipeline.values import Clip, Skeleton

if TYPE_CHECKING:  # only `index` decodes and estimates poses here, and other stages import this too
    from pipeline.params.params import IndexParams
    from pipeline.pose.estimate import PoseEstimator
    from pipeline.video.video import VideoFacts, VideoSource


Sha256 = Callable[[Path], str]
"""A function from a file to its sha256 in hexadecimal."""


@dataclass(frozen=True)
class IndexWork:
    """Reads a clip's skeleton and counts its video's frames."""

    params: "IndexParams"
    root: Path
    listed: str
    """Key of the listing that the clips stand in."""
    cache: Cache
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """sha256 of each clip's sources, by which its row is named."""
    pose: "PoseEstimator | None" = None
    """Estimates the skeletons; None reads the dataset's own."""

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Device of the pose network; without one there is nothing to record."""
        return {} if self.pose is None else self.pose.made_with

    def named_by(self, inputs: Mapping[str, Mapping[str, Any]]) -> "IndexWork":
        """Return the same work with the digests of the inputs that it must read."""
        return replace(self, inputs=inputs)

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each clip's rows of skeletons.zarr."""
        with SourceFiles(self.cache) as sources:
            stops = () if self.pose is None else self.pose.stops
            yield from one_by_one(partial(self._clip, sources), ids, arrays, stops=stops)

    def _clip(self, sources: SourceFiles, clip_id: str, arrays: frozenset[str]) -> ClipArrays:
        dataset = dataset_of(self.params, self.root, listed=self.listed)
        clip = clip_of(dataset, clip_id)
        if dataset.modality != "none":
            need_video(dataset, clip)
        with sources.held(files_to_prove(dataset, clip, self.inputs.get(clip_id, {}))):
            video = dataset.open_video(clip)
            facts = video.probe()
            skeleton, flags = self._skeleton(dataset, clip, video, facts)
        fitted, more = fit_to_video(skeleton, facts.num_frames)
        kept, odd = without_absurd(fitted, dataset.layout if self.pose is None else self.pose.layout)
        found = flags | more | odd | facts.flags
        if "joined_bodies" not in found:  # a slot is then not one person
            kept, filled = fill_lost(kept, self.params.gaps)
            found |= filled
        made = pack(clip_id, kept, facts, found, self.params.max_frames)
        return {name: rows for name, rows in made.items() if name in arrays}

    def _skeleton(
        self, dataset: Dataset, clip: Clip, video: "VideoSource", facts: "VideoFacts"
    ) -> tuple[Skeleton, frozenset[str]]:
        """The clip's own skeleton and its flags, or the estimated ones: somebody must be in the former."""
        if self.pose is not None:
            check_length(clip.clip_id, facts.num_frames, self.params.max_frames, "video frames")
            own = dataset.read_skeleton(clip)[0] if self.pose.around_own else None
            return self.pose.skeleton(video, facts, own)
        skeleton, flags = dataset.read_skeleton(clip)
        if clip.skeleton is not None and not skeleton.present.any():
            raise SkeletonError(
                f"no body in any of {skeleton.num_frames} skeleton frames: leave the clip out"
            )
        return skeleton, flags


def source_digests(
    dataset: Dataset,
    clips: Sequence[Clip],
    sha256: Sha256,
    *,
    workers: int,
    with_skeletons: bool = True,
) -> dict[str, dict[str, str]]:
    """sha256 of each clip's sources, by clip id and then by what the source is (`video`, `skeleton`).

    with_skeletons: whether the dataset's own skeletons count; not where they are estimated from the videos.

    Of a clip that is a part of its recording, the `interval` of frames stands beside them.
    """
    with ThreadPoolExecutor(max_workers=max(2, workers)) as pool:  # hashing releases the interpreter
        found = pool.map(lambda clip: _digests(dataset, clip, sha256, with_skeletons=with_skeletons), clips)
        return {clip.clip_id: digests for clip, digests in zip(clips, found, strict=True)}


def _digests(dataset: Dataset, clip: Clip, sha256: Sha256, *, with_skeletons: bool) -> dict[str, str]:
    found = {
        kind: _digest(dataset, clip, kind, path, sha256)
        for kind, path in dataset.sources(clip).items()
        if with_skeletons or kind != "skeleton"
    }
    return found | ({"interval": clip.interval} if clip.interval else {})


def _digest(dataset: Dataset, clip: Clip, kind: str, path: Path, sha256: Sha256) -> str:
    own = dataset.digests(clip) if isinstance(dataset, Digested) else {}
    return own.get(kind) or sha256(path)


def changed_videos(
    dataset: Dataset, entries: Sequence[Entry], sha256: Sha256, *, workers: int
) -> tuple[Failure, ...]:
    """Clips whose video is no longer the file that `index` saw: its pixels must not go under the old one's key.

    Not a verdict on a clip's bytes, so it is never cached; digests are remembered while files stay as they are.
    """

    def verdict(entry: Entry) -> Failure | None:
        video = dataset.sources(entry.clip).get("video")
        if video is None or not video.exists():  # what is gone the cache may still have
            return None
        if _digest(dataset, entry.clip, "video", video, sha256) == entry.video_sha256:
            return None
        message = f"{video.name} changed since it was indexed: run `index` again"
        return Failure(entry.clip.clip_id, "crop", "VideoError", message)

    with ThreadPoolExecutor(max_workers=max(2, workers)) as pool:
        return tuple(found for found in pool.map(verdict, entries) if found is not None)


def listing_failures(listing: Listing) -> tuple[Failure, ...]:
    """Return the failures of files that the listing could not use."""
    return tuple(Failure(clip_id, "index", error, message) for clip_id, error, message in listing.failures)


def listing_incomplete(listing: Listing) -> tuple[Failure, ...]:
    """Return clips whose files are there in part: reported like failures, and counted as none."""
    return tuple(
        Failure(clip_id, "index", error, message, counts=False)
        for clip_id, error, message in listing.incomplete
    )


def listing_leaks(dataset: Dataset, protocol: str, digests: Mapping[str, Mapping[str, str]]) -> Leaks:
    """Find what the protocol's sides share, before anything is computed."""
    listed = (
        (
            clip,
            dataset.split(clip, protocol),
            (digests[clip.clip_id].get(kind) for kind in ("video", "skeleton")),
        )
        for clip in dataset.listing().clips
    )
    return leaks_of(listed, dataset.axis(protocol))


def index_catalog(
    dataset: Dataset,
    name: str,
    protocol: str,
    store: Store,
    digests: Mapping[str, Mapping[str, str]],
    leaks: Leaks,
    layout: str,
) -> Catalog:
    """Every listed clip with its split; facts and flags where skeletons.zarr has it."""
    ids = list(made_keys(store, "facts"))
    facts = read_facts(store, ids)
    found = {clip_id: {key: column[row] for key, column in facts.items()} for row, clip_id in enumerate(ids)}
    flags = read_flags(store, ids)
    entries = [
        _entry(
            dataset,
            clip,
            protocol,
            digests[clip.clip_id],
            found.get(clip.clip_id),
            flags.get(clip.clip_id, ()),
        )
        for clip in dataset.listing().clips
    ]
    entries = [
        replace(entry, flags=(*entry.flags, SEEN)) if entry.clip.clip_id in leaks.clips else entry
        for entry in entries
    ]
    return Catalog(
        entries=tuple(entries),
        dataset=name,
        protocol=protocol,
        layout=layout,
        modality=dataset.modality,
        axis=dataset.axis(protocol),
        classes=dataset.classes[: 1 + max((entry.clip.label for entry in entries), default=0)],
        unlisted=len(dataset.listing().failures),
    )


def _entry(
    dataset: Dataset,
    clip: Clip,
    protocol: str,
    digests: Mapping[str, str],
    facts: Mapping[str, NDArray[np.int64]] | None,
    flags: tuple[str, ...],
) -> Entry:
    common: dict[str, Any] = {
        "clip": clip,
        "label_name": dataset.classes[clip.label],
        "split": dataset.split(clip, protocol),
        "video_sha256": digests.get("video"),
        "skeleton_sha256": digests.get("skeleton"),
    }
    if facts is None:
        return Entry(**common, usable=False)
    return Entry(
        **common,
        usable=True,
        num_frames=int(facts["num_frames"]),
        height=int(facts["height"]),
        width=int(facts["width"]),
        fps=int(facts["fps_milli"]) / 1000,
        skeleton_frames=int(facts["skeleton_frames"]),
        flags=flags,
    )

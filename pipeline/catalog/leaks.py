"""Leaks between the sides of a protocol: shared recordings, and people who should be unknown."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.catalog.catalog import Catalog
from pipeline.datasets.protocol import Axis
from pipeline.values import UNKNOWN, Clip, Split

SHOWN = 3
"""Clips and people named one by one; the catalog has them all."""

SEEN = "in_training_too"
"""Flag of a test clip whose recording, video or skeleton, is byte for byte a training clip's too."""


@dataclass(frozen=True, slots=True)
class Leaks:
    """Clips and people that both sides share."""

    clips: Mapping[str, str]
    """Test clip to a training clip with the same recording."""
    subjects: tuple[int, ...]
    """Subjects on both sides, although the protocol separates people."""
    num_test: int

    def __bool__(self) -> bool:
        return bool(self.clips or self.subjects)

    def __str__(self) -> str:
        """A sentence each; empty where nothing leaks."""
        sentences = []
        if self.clips:
            some = ", ".join(f"{test} is {train}" for test, train in list(self.clips.items())[:SHOWN])
            sentences.append(
                f"{len(self.clips)} of {self.num_test} test clips are byte for byte the same recording as a training "
                f"clip ({some}{_more(len(self.clips))})"
            )
        if self.subjects:
            some = ", ".join(str(subject) for subject in self.subjects[:SHOWN])
            sentences.append(
                f"{len(self.subjects)} people are on both sides of a split by subject "
                f"({some}{_more(len(self.subjects))})"
            )
        return "; ".join(sentences)


def leaks_of(clips: Iterable[tuple[Clip, Split, Iterable[str | None]]], axis: Axis) -> Leaks:
    """Find what (clip, its side, sha256 of its video and skeleton) share across the sides."""
    sides: dict[Split, list[tuple[Clip, Iterable[str | None]]]] = defaultdict(list)
    for clip, split, digests in clips:
        sides[split].append((clip, tuple(digests)))
    trained = {
        digest: clip.clip_id for clip, digests in reversed(sides["train"]) for digest in digests if digest
    }
    shared = {
        clip.clip_id: trained[digest]
        for clip, digests in sides["test"]
        for digest in digests
        if digest in trained
    }
    people = {side: {clip.subject for clip, _ in sides[side]} - {UNKNOWN} for side in ("train", "test")}
    both = people["train"] & people["test"] if axis == "subject" else set[int]()
    return Leaks(shared, tuple(sorted(both)), len(sides["test"]))


def catalog_leaks(catalog: Catalog) -> Leaks:
    """Find what the catalog's sides share; skeletons alone and depth recordings too."""
    usable = ((e.clip, e.split, (e.video_sha256, e.skeleton_sha256)) for e in catalog.usable())
    return leaks_of(usable, catalog.axis)


def _more(count: int) -> str:
    return f" and {count - SHOWN} more" if count > SHOWN else ""

"""Looks at skeletons and videos themselves, at a bounded number of them and of their frames, and says at how many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cache import Store
from pipeline.catalog.catalog import Catalog, Entry
from pipeline.catalog.skeletons import read_skeleton
from pipeline.datasets.protocol import Dataset
from pipeline.errors import ClipError
from pipeline.quality.findings import Example, Finding
from pipeline.quality.lag import FEWEST_FRAMES, Floats, Lag, best_lag, correlations
from pipeline.quality.motions import MOST_FRAMES, person_box, skeleton_motion, to_grey, video_motion
from pipeline.quality.swaps import Swap, body_swaps, side_swaps
from pipeline.rng import rng_for
from pipeline.shown import ShownByShape
from pipeline.skeleton.gaps import lost_joints
from pipeline.skeleton.layouts import LAYOUTS
from pipeline.values import Skeleton

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SKELETONS = 5000
"""Skeletons that are read, drawn at random where there are more; about 20 seconds."""

MOST_DECODED = 8_000
"""Frames after which no further video is decoded; of a clip within a recording, those before it count too."""

LOST = "joints unknown between two frames that know them; `index.gaps` fills them"

OFF_FRAMES = 2
"""Frames from which a clip counts as out of step: of one frame, motion between frames cannot tell."""


def drawn(entries: Sequence[Entry], count: int) -> list[Entry]:
    """Return `count` of the entries, or all, always the same ones, in their order."""
    if len(entries) <= count:
        return list(entries)
    places = rng_for("quality").permutation(len(entries))[:count]
    return [entries[place] for place in sorted(places.tolist())]


def look_at_skeletons(store: Store, catalog: Catalog) -> tuple[tuple[Finding, ...], int]:
    """Return the findings about empty frames, lost joints, exchanged identities; and how many skeletons were read."""
    layout, empty, lost = LAYOUTS[catalog.layout], list[Example](), list[tuple[float, Example]]()
    sides, bodies = dict[str, list[Swap]](), dict[str, list[Swap]]()
    chosen = drawn([entry for entry in catalog.entries if entry.usable], MOST_SKELETONS)
    for clip_id in (entry.clip.clip_id for entry in chosen):
        skeleton = read_skeleton(store, clip_id)
        empty += _empty(clip_id, skeleton)
        lost += _lost(clip_id, skeleton)
        sides[clip_id] = side_swaps(skeleton, layout)
        bodies[clip_id] = body_swaps(skeleton)
    empty.sort(key=lambda one: (-float(one.detail.partition(" ")[0]), one.clip_id))
    flagged = sum("no_body_frames" in entry.flags for entry in catalog.entries)
    text = f"frames that show nobody; {flagged} of all {len(catalog.entries)} clips are flagged so"
    return (
        Finding("empty", len(empty), len(chosen), text, empty),
        Finding(
            "lost joints", len(lost), len(chosen), LOST, [one for _, one in sorted(lost, key=_most_lost)]
        ),
        _swapped("swapped sides", "left and right of a body change places between two frames", sides),
        _swapped("swapped bodies", "two bodies change places between two frames", bodies),
    ), len(chosen)


def _empty(clip_id: str, skeleton: Skeleton) -> Iterator[Example]:
    nobody = np.asarray(~skeleton.present.any(axis=1))
    if nobody.any():
        share = 100 * float(nobody.mean())
        yield Example(clip_id, f"{share:.0f} % of {len(nobody)} frames", int(np.argmax(nobody)))


def _lost(clip_id: str, skeleton: Skeleton) -> Iterator[tuple[float, Example]]:
    """Yield the share of joints that are lost between two sightings, and the clip, where there are any."""
    seen, lost, lengths = lost_joints(skeleton)
    if lost.any():
        share = float(lost.sum() / (lost.sum() + seen.sum()))
        longest = int(lengths.max())
        detail = f"{100 * share:.1f} % of them, {longest} frames on end at most"
        yield share, Example(clip_id, detail, int(np.argmax(lengths.max(axis=(1, 2)))))


def _most_lost(found: tuple[float, Example]) -> tuple[float, str]:
    share, example = found
    return -share, example.clip_id


def _swapped(kind: str, text: str, found: dict[str, list[Swap]]) -> Finding:
    hit = {clip_id: swaps for clip_id, swaps in found.items() if swaps}
    examples = []
    for clip_id, swaps in sorted(hit.items(), key=lambda item: (-len(item[1]), item[0])):
        worst = max(swaps, key=lambda swap: swap.saved)
        frames = ", ".join(str(swap.frame) for swap in swaps[:4]) + ("…" if len(swaps) > 4 else "")
        examples.append(Example(clip_id, f"at frame {frames}", worst.frame))
    return Finding(kind, len(hit), len(found), text, examples)


@dataclass(frozen=True, slots=True, repr=False)
class Moved(ShownByShape):
    """Motions of one clip, and where they fit each other best."""

    clip_id: str
    video: Floats
    """(T, cells): motion of the picture inside the person's box, by frame."""
    skeleton: Floats
    """(T, cells): motion of the joints, by frame of the video."""
    lag: Lag


def look_at_videos(
    store: Store, catalog: Catalog, dataset: Dataset, count: int
) -> tuple[Finding, tuple[Moved, ...], tuple[str, ...]]:
    """Return the finding about lags, of `count` clips at most, their motions, and what could not be looked at."""
    long = [e for e in catalog.entries if e.usable and min(e.num_frames, e.skeleton_frames) > FEWEST_FRAMES]
    moved, curves, lost = list[Moved](), list[Floats](), list[str]()
    left = MOST_DECODED
    for entry in drawn(long, count):
        left -= entry.clip.start + min(entry.num_frames, MOST_FRAMES)
        if left < 0:
            break
        try:
            one, curve = _moved(store, entry, dataset)
        except (ClipError, OSError) as error:
            lost.append(f"{entry.clip.clip_id} was not decoded: {error}")
            continue
        if one is not None:
            moved.append(one)
            curves.append(curve)
    return _misaligned(moved, best_lag(curves)), tuple(moved), tuple(lost)


def _moved(store: Store, entry: Entry, dataset: Dataset) -> "tuple[Moved | None, NDArray[np.float64]]":
    clip_id, length = entry.clip.clip_id, min(entry.num_frames, MOST_FRAMES)
    skeleton = read_skeleton(store, clip_id)
    box = person_box(skeleton, entry.height, entry.width)
    video = video_motion(dataset.open_video(entry.clip), box, length, to_grey)
    joints = skeleton_motion(skeleton, box, length)
    if joints.shape[1] == 1:
        video = video.mean(axis=1, keepdims=True)
    curve = correlations(video, joints)
    lag = best_lag([curve])
    return (None if lag is None else Moved(clip_id, video, joints, lag)), curve


def _misaligned(moved: Sequence[Moved], together: Lag | None) -> Finding:
    off = [one for one in moved if one.lag.is_sure and abs(one.lag.frames) >= OFF_FRAMES]
    sure = sum(one.lag.is_sure for one in moved)
    text = "an estimate from when either moves; "
    text += f"all together: {together}; {sure} clips are sure" if together else "nothing moves enough to tell"
    examples = [
        Example(one.clip_id, f"skeleton {one.lag}")
        for one in sorted(off, key=lambda one: (-abs(one.lag.frames), one.clip_id))
    ]
    return Finding("misaligned", len(off), len(moved), text, examples)

"""Flaws that the catalog and the list of failures tell of: no file is opened."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.build.failures import Failure
from pipeline.catalog.catalog import Catalog, Entry
from pipeline.quality.findings import Example, Finding

if TYPE_CHECKING:
    from pipeline.video.sampling import SamplingRule

SHOWN_BY_THEIR_OWN = ("no_body_frames", "length_mismatch")
"""Flags that have a kind of their own here; the others are listed as they are."""


def missing(catalog: Catalog, failures: Sequence[Failure]) -> Finding:
    """Recordings of which a file is not there, as `index` listed them."""
    lost = [f for f in failures if f.stage == "index" and (not f.counts or "missing" in f.message)]
    return _of_failures("missing", "a file of theirs is not there", catalog, lost)


def unusable(catalog: Catalog, failures: Sequence[Failure]) -> Finding:
    """Clips that `index` or a later stage could not use though their files are there."""
    lost = [f for f in failures if f.counts and not (f.stage == "index" and "missing" in f.message)]
    return _of_failures("unusable", "cannot be read or used", catalog, lost)


def _of_failures(kind: str, text: str, catalog: Catalog, lost: Sequence[Failure]) -> Finding:
    errors = Counter(f"{one.stage}: {one.error}" for one in lost)
    by_error = ", ".join(f"{count} {error}" for error, count in sorted(errors.items()))
    ids = {one.clip_id for one in lost}
    total = len({entry.clip.clip_id for entry in catalog.entries} | ids)
    examples = [Example(one.clip_id, one.message) for one in lost]
    return Finding(kind, len(ids), total, f"{text} ({by_error})" if lost else text, examples)


def short(catalog: Catalog, rules: Mapping[str, "SamplingRule"]) -> Finding:
    """Clips with fewer frames than a recipe samples, whose frames repeat; and skeletons that end before their video."""
    wanted = max((rule.num_frames for rule in rules.values()), default=0)
    usable = [entry for entry in catalog.entries if entry.usable]
    few = [entry for entry in usable if entry.shared_frames < wanted]
    ends = [entry for entry in usable if _ends_early(entry)]
    examples = [
        Example(e.clip.clip_id, f"{e.skeleton_frames} frames of skeleton, {e.num_frames} of video")
        for e in sorted(ends, key=lambda e: e.skeleton_frames - e.num_frames)
    ]
    examples += [
        Example(e.clip.clip_id, f"{e.shared_frames} frames")
        for e in sorted(few, key=lambda e: e.shared_frames)
    ]
    sampled = f"{len(few)} have fewer than the {wanted} frames sampled; " if rules else ""
    text = f"{sampled}{len(ends)} skeletons end before their video"
    count = len({e.clip.clip_id for e in (*few, *ends)})
    return Finding("short", count, len(usable), text, examples)


def _ends_early(entry: Entry) -> bool:
    return "length_mismatch" in entry.flags and 0 < entry.skeleton_frames < entry.num_frames


def doubled(catalog: Catalog) -> Finding:
    """Clips whose video or skeleton is byte for byte another's; parts of one recording are not, where frames differ."""
    same: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in catalog.entries:
        for digest in (entry.video_sha256, entry.skeleton_sha256):
            if digest:
                same[digest, entry.clip.interval].append(entry)
    twins: dict[str, Example] = {}
    for (_, _), entries in sorted(same.items(), key=lambda item: item[1][0].clip.clip_id):
        first = entries[0]
        for entry in entries[1:]:
            twins.setdefault(entry.clip.clip_id, Example(entry.clip.clip_id, _twin(first, entry)))
    labels = sum("another label" in one.detail for one in twins.values())
    sides = sum("other side" in one.detail for one in twins.values())
    text = f"same video or skeleton as another clip, {labels} under another label, {sides} across the sides"
    return Finding("doubled", len(twins), len(catalog.entries), text, sorted(twins.values(), key=_urgency))


def _twin(first: Entry, second: Entry) -> str:
    label = "" if first.clip.label == second.clip.label else ", under another label"
    side = "" if first.split == second.split else ", on the other side of the protocol"
    return f"is {first.clip.clip_id}{label}{side}"


def _urgency(example: Example) -> tuple[bool, bool, str]:
    return "other side" not in example.detail, "another label" not in example.detail, example.clip_id


def flagged(catalog: Catalog) -> Finding:
    """Clips with quality flags of any kind that is not told of elsewhere."""
    counts = Counter(
        flag for entry in catalog.entries for flag in entry.flags if flag not in SHOWN_BY_THEIR_OWN
    )
    flags = [entry for entry in catalog.entries if set(entry.flags) - set(SHOWN_BY_THEIR_OWN)]
    text = ", ".join(f"{flag} {count}" for flag, count in sorted(counts.items())) or "no flag"
    return Finding("flagged", len(flags), len(catalog.entries), text)

"""Warnings about later stages: a catalog of which no training or test can be made is reported at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.build.build import StoreJob
from pipeline.catalog.catalog import Catalog, Entry
from pipeline.catalog.leaks import Leaks
from pipeline.datasets.protocol import Dataset, Listing

MOST_NAMED = 5
"""Classes that a message spells out."""

FEW_CLIPS = 10
"""Below this many clips, a class for each of them may be meant."""


@dataclass(frozen=True)
class IndexOutlook:
    """A folder of recordings as `index` would find it, before it reads any of them."""

    job: StoreJob
    dataset: Dataset
    listing: Listing
    catalog: Callable[..., Catalog]
    """A function from skeletons.zarr, or what stands in for it, to the catalog; its keyword is `store`.

    A recording that nobody has read has no frames in it yet, and counts as usable.
    """


def protocol_gaps(catalog: Catalog) -> tuple[str, ...]:
    """Why the catalog's protocol cannot train and test on its usable clips, each with what to do; none where it can.

    Nothing to train on or to test, labels that name single clips, a single class, classes that are never trained on.
    """
    train, test = catalog.usable("train"), catalog.usable("test")
    here = f"protocol {catalog.protocol!r}"
    if not train and not test:
        return (f"nothing to train on, nothing to test: {here} has no usable clip; see failures.jsonl",)
    if not train or not test:
        side, other = ("train on", "test") if not train else ("test", "training")
        return (
            f"nothing to {side}: {here} puts all {len(train) + len(test)} usable clips on the {other} side; "
            "take another protocol, or fetch the clips that are missing",
        )
    labels = {entry.clip.label for entry in (*train, *test)}
    if len(train) + len(test) >= FEW_CLIPS and 2 * len(labels) > len(train) + len(test):
        return (
            f"labels that are no labels: {len(labels)} of them for {len(train) + len(test)} clips; "
            "a label names an action that many clips show",
        )
    learned = {entry.clip.label for entry in train}
    if len(learned) < 2:
        return (
            f"only {_names(train)} in training: telling classes apart needs two or more; check the labels",
        )
    unseen = [entry for entry in test if entry.clip.label not in learned]
    if unseen:
        return (
            f"never trained on: {_names(unseen)}, which {len(unseen)} test clips show and no training clip of {here}; "
            "fetch clips of it, or take its test clips out",
        )
    return ()


def listing_notes(listing: Listing) -> Iterator[str]:
    """Yield what is missing in a dataset's folder, and what lies there that its list does not name."""
    absent = ", ".join(f"{count} {what}" for what, count in sorted(listing.absent.items()) if count)
    if absent:
        yield f"not in the folder: {absent}"
    if listing.unlisted:
        few = ", ".join(listing.unlisted[:MOST_NAMED])
        more = f" and {len(listing.unlisted) - MOST_NAMED} more" if len(listing.unlisted) > MOST_NAMED else ""
        yield f"in the folder, but in no row of the table, and so left out: {few}{more}"


def index_notes(catalog: Catalog, listing: Listing, leaks: Leaks) -> Iterator[str]:
    """Yield what a reader of one line should know about a new catalog."""
    if not catalog.has_videos:
        yield "no videos, skeletons alone"
    if catalog.unused:
        yield f"{catalog.unused} usable clips are unused: {catalog.protocol} leaves them out"
    nobody = sum("nobody_found" in entry.flags for entry in catalog.entries)
    if nobody:
        yield f"pose estimation found nobody in {nobody} clips: flag nobody_found in catalog.parquet"
    yield from listing_notes(listing)
    if leaks:
        yield f"{leaks}: `index --strict` refuses that"
    tested = {entry.clip.label for entry in catalog.usable("test")}
    if tested and (never := [one for one in catalog.usable("train") if one.clip.label not in tested]):
        yield f"never tested: {_names(never)}, of which the test side has no usable clip"
    if one_group := hold_out_note(catalog, "group"):
        yield one_group


def hold_out_note(catalog: Catalog, by: str) -> str:
    """Return a note where the training clips cannot be held out in whole groups, as they should be; "" elsewhere."""
    training = catalog.usable("train")
    groups = {getattr(entry.clip, catalog.axis) for entry in training}
    if not training or len(groups) > 1 or by == "clip":
        return ""
    return (
        f"the training clips are of one {catalog.axis}, so nothing can be held out in whole groups: "
        "pretrain.hold_out: {by: clip} holds out single clips; for whole groups, tell their subject, camera or setup"
    )


def _names(entries: Sequence[Entry]) -> str:
    names = sorted({entry.label_name for entry in entries})
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"class{'es' * (len(names) > 1)} {', '.join(map(repr, names[:MOST_NAMED]))}{more}"

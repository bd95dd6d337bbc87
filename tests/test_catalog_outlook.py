"""What a catalog foretells: gaps of a protocol, and what a reader of one line should know, on made-up entries."""

import pytest

from pipeline.catalog.catalog import Catalog, Entry
from pipeline.catalog.leaks import Leaks
from pipeline.catalog.outlook import hold_out_note, index_notes, protocol_gaps
from pipeline.datasets.protocol import Listing
from pipeline.values import Clip, Split


def entry(number: int, label: int, split: Split, *, subject: int = -1) -> Entry:
    clip = Clip(f"c{number:02d}", label=label, video="v.avi", subject=subject)
    return Entry(clip, f"class {label}", split, "0" * 64, None, usable=True, num_frames=8)


def catalog(*entries: Entry) -> Catalog:
    return Catalog(entries, "own", "table", "whole_frame", "rgb", "subject", ("a", "b", "c"))


def test_a_catalog_that_trains_and_tests_has_no_gap() -> None:
    assert protocol_gaps(catalog(entry(0, 0, "train"), entry(1, 1, "train"), entry(2, 1, "test"))) == ()


GAPS: dict[str, tuple[list[tuple[int, Split]], str]] = {
    "nothing to test": (
        [(0, "train"), (1, "train")],
        "nothing to test: .* all 2 usable clips on the training side",
    ),
    "no usable clip": ([], "nothing to train on, nothing to test: .* no usable clip; see failures"),
    "nothing to train on": ([(0, "test"), (1, "test")], "nothing to train on: .* on the test side"),
    "a class never trained on": (
        [(0, "train"), (1, "train"), (2, "test"), (2, "test")],
        "never trained on: class 'class 2', which 2 test clips show",
    ),
    "one class": ([(0, "train"), (0, "test")], "only class 'class 0' in training"),
    "labels that are no labels": (
        [(label, "train" if label % 2 else "test") for label in range(10)],
        "labels that are no labels: 10 of them for 10 clips",
    ),
}


@pytest.mark.parametrize("case", sorted(GAPS))
def test_a_gap_is_told_with_what_to_do(case: str) -> None:
    rows, message = GAPS[case]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(*protocol_gaps(catalog(*(entry(i, *row) for i, row in enumerate(rows)))))


def test_a_class_that_is_never_tested_is_noted() -> None:
    listing, leaks = Listing(()), Leaks({}, (), 0)
    three = [entry(0, 0, "train"), entry(1, 1, "train"), entry(2, 1, "test")]
    notes = "; ".join(index_notes(catalog(*three), listing, leaks))
    assert "never tested: class 'class 0', of which the test side has no usable clip" in notes
    all_tested = catalog(*three, entry(3, 0, "test"))
    assert "never tested" not in "; ".join(index_notes(all_tested, listing, leaks))


def test_one_group_is_told_with_the_way_on() -> None:
    one = catalog(entry(0, 0, "train"), entry(1, 1, "train"), entry(2, 1, "test", subject=7))
    assert "of one subject" in hold_out_note(one, "group")
    assert "pretrain.hold_out: {by: clip}" in hold_out_note(one, "group")
    assert (
        hold_out_note(catalog(entry(0, 0, "train", subject=1), entry(1, 1, "train", subject=2)), "group")
        == ""
    )
    assert hold_out_note(one, "clip") == ""  # as it advises

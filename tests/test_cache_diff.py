"""diff: rows, what they were made of, attributes, coordinates and contents; each named, none made up."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cache_small import SPEC, Computer, content, rows_of
from numpy.typing import NDArray

from cache import Build, Cache, Row, StoreSpec, write_block
from cache.exchange.diff import diff_stores
from cache.exchange.diff_contents import distance


class Shifted(Computer):
    """Computes the same keys elsewhere: `features` of `rows` come out by `by` larger."""

    def __init__(self, rows: Mapping[str, float], bad: frozenset[str] = frozenset()) -> None:
        super().__init__(bad)
        self.rows = rows

    def __call__(self, ids: list[str], arrays: frozenset[str]) -> Any:
        for row_id, value in super().__call__(ids, arrays):
            if isinstance(value, dict):
                shifted: NDArray[Any] = value["features"].copy()
                shifted[0] += self.rows.get(row_id, 0)
                value = {**value, "features": shifted}
            yield row_id, value


def made(
    folder: Path, rows: list[Row], compute: Computer | None = None, *, spec: StoreSpec = SPEC,
    labels: Mapping[str, int] | None = None, **attrs: Any,
) -> Path:  # fmt: skip
    """A store built alone in `folder`, with a cache of its own."""
    plan = Build(Cache(folder / "cache"), "test/store", spec, rows)
    for task in plan.tasks:
        write_block(plan.cache.root, task, compute or Computer())
    label = [(labels or {}).get(row, int(row[1:])) for row in plan.ids]
    plan.finish(folder / "s.zarr", {"label": np.array(label)}, {"title": "small", **attrs})
    return folder / "s.zarr"


def test_equal_stores_agree_and_are_not_read(tmp_path: Path) -> None:
    a, b = (made(tmp_path / name, rows_of(*range(9))) for name in "ab")
    found = diff_stores(a, b)
    assert found.agrees
    assert found.exit_code == 0
    assert str(found) == f"{a} and {b} agree: 27 rows of 3 arrays compared"
    assert json.loads(json.dumps(found.document()))["agrees"] is True


def test_rows_in_one_only_and_another_order(tmp_path: Path) -> None:
    a = made(tmp_path / "a", rows_of(1, 2, 3))
    made(tmp_path / "b", rows_of(2, 3))
    b = made(tmp_path / "b", rows_of(1, 2, 3, 4))  # keeps 2 and 3 in their places
    found = diff_stores(a, b)
    assert (found.only_a, found.only_b, found.same_order) == ((), ("r004",), False)
    assert str(found) == f"only in {b}: 1 rows: r004"


def test_keys_that_differ_say_why_together(tmp_path: Path) -> None:
    a = made(tmp_path / "a", rows_of(*range(6)))
    b = made(tmp_path / "b", rows_of(*range(6), version={2: 5, 4: 5}))
    found = diff_stores(a, b)
    assert [(reason.array, reason.rows) for reason in found.reasons] == [
        (array, ("r002", "r004")) for array in ("count", "features", "frames")
    ]
    assert str(found.reasons[0]) == "count: version 1 → 5 (2 rows: r002, r004)"
    assert [content.compared for content in found.contents] == [4, 4, 4]
    assert not found.agrees


def test_what_all_rows_differ_in_is_told_once(tmp_path: Path) -> None:
    rows = [
        [
            Row(f"r{n:03d}", {a.name: {"params": {"size": size}, "input": n} for a in SPEC.arrays})
            for n in range(3)
        ]
        for size in (112, 224)
    ]
    a, b = (made(tmp_path / name, these) for name, these in zip("ab", rows, strict=True))
    found = diff_stores(a, b)
    assert "made of: features.params.size 112 → 224" in str(found).splitlines()
    assert found.document()["recipes"][0] == {"place": "count.params.size", "before": 112, "now": 224}  # type: ignore[index]


def test_contents_that_differ_though_keys_agree(tmp_path: Path) -> None:
    a = made(tmp_path / "a", rows_of(*range(6)))
    b = made(tmp_path / "b", rows_of(*range(6)), Shifted({"r001": 0.25, "r004": -0.5, "r005": np.nan}))
    found = {each.array: each for each in diff_stores(a, b).contents}
    assert found["features"].differing == ("r001", "r004", "r005")
    assert found["features"].max_abs_difference == 0.5
    assert found["features"].unlike_nan == ("r005",)
    assert found["frames"].agrees
    assert found["count"].agrees
    assert str(found["features"]) == (
        "features: 3 of 6 rows made of the same differ, by 0.5 at most: r001, r004, r005; 1 rows have NaN in one only"
    )


def test_a_row_that_failed_in_one_only(tmp_path: Path) -> None:
    a = made(tmp_path / "a", rows_of(*range(4)), Computer(bad=frozenset({"r001", "r002"})))
    b = made(tmp_path / "b", rows_of(*range(4)), Computer(bad=frozenset({"r002"})))
    found = diff_stores(a, b)
    assert {each.failed_in_one for each in found.contents} == {("r001",)}
    assert not any(each.differing for each in found.contents)
    assert not found.agrees


def test_cards_coordinates_and_layouts(tmp_path: Path) -> None:
    narrow = StoreSpec(SPEC.arrays[:2], rows_per_shard=8, row_dim="clip")
    rows = [Row(row.id, {n: row.docs[n] for n in ("features", "frames")}) for row in rows_of(*range(4))]
    a = made(tmp_path / "a", rows_of(*range(4)), labels={"r002": 9}, licence="CC-BY")
    b = made(tmp_path / "b", rows, spec=narrow, recipe={"size": 3})
    found = diff_stores(a, b)
    assert [str(each) for each in found.attributes] == ["licence CC-BY → nothing", "recipe.size nothing → 3"]
    assert found.coordinates == (("label", ("r002",)),)
    assert "layout: features.rows_per_shard 4 → 8" in str(found).splitlines()
    assert "coordinate label: 1 rows: r002" in str(found).splitlines()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1.0, np.nan, 3.0], [1.0, 2.0, 3.5], (0.5, True)),
        ([1.0, np.nan], [0.0, np.nan], (1.0, False)),
        ([np.inf], [-np.inf], (None, True)),
        (3, 250, (247.0, False)),
    ],
)
def test_distance(one: object, other: object, expected: tuple[float | None, bool]) -> None:
    dtype = np.uint8 if isinstance(one, int) else np.float32
    assert distance(np.asarray(one, dtype), np.asarray(other, dtype)) == expected


def test_the_computer_of_these_tests_shifts() -> None:
    ((_, value),) = Shifted({"r001": 1.0})(["r001"], frozenset({"features"}))
    assert value["features"][0] == content("r001")["features"][0] + 1

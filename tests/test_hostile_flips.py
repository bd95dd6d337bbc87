"""Flipped bits and wrong values anywhere in a stranger's store: our own error, or the very same store."""

import copy
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from cache_small import Computer, build, bytes_of, rows_of
from strangers import Files, with_card, zipped

from cache import ArchiveError, Cache
from cache.exchange.importing import import_store

WRONG: list[Any] = [None, -1, 0, "x", "../x", [], {}, [1], 1e308, 1 << 70, True, "NaN", 1.5]


def honest_files(folder: Path) -> Files:
    """Six rows, one failed."""
    build(Cache(folder / "cache"), folder / "a.zarr", rows_of(*range(6)), Computer(bad=frozenset({"r005"})))
    return bytes_of(folder / "a.zarr")


def test_flips_all_over_a_zip(tmp_path: Path) -> None:
    """Seeded: refused by an error of ours, or in a byte that says nothing of the store (a time, a flag)."""
    files = honest_files(tmp_path / "lab")
    honest, rng = zipped(tmp_path / "source.zip", files).read_bytes(), np.random.default_rng(5)
    taken = 0
    for number in range(14):
        data = bytearray(honest)
        data[int(rng.integers(0 if number % 2 else len(data) - 3000, len(data)))] ^= 1 << int(rng.integers(8))
        (tmp_path / "source.zip").write_bytes(data)
        with suppress(ArchiveError):
            import_store(tmp_path / "source.zip", tmp_path / "place" / "b.zarr")
            assert bytes_of(tmp_path / "place" / "b.zarr") == files
            taken += 1
        left = [path.name for path in (tmp_path / "place").iterdir()] if (tmp_path / "place").exists() else []
        assert left in ([], ["b.zarr"])
        shutil.rmtree(tmp_path / "place", ignore_errors=True)
    assert 0 < taken < 8


def places(document: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a JSON document."""
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [found for key, value in inner for found in ((*place, key), *places(value, (*place, key)))]


def test_wrong_values_all_over_the_card(tmp_path: Path) -> None:
    """Sealed anew each time. Seeded; a longer run of the same found no error of another kind."""
    files, rng = honest_files(tmp_path / "lab"), np.random.default_rng(7)
    known = places(json.loads(files["zarr.json"]))
    refused = 0
    for _ in range(16):
        *way, last = known[int(rng.integers(len(known)))]
        wrong = copy.deepcopy(WRONG[int(rng.integers(len(WRONG)))])

        def change(card: Any, way: list[Any] = way, last: Any = last, wrong: Any = wrong) -> None:
            for step in way:
                card = card[step]
            card[last] = wrong

        try:
            lying = with_card(files, change)
        except (TypeError, AttributeError):
            continue  # the liar's own tool stumbles over what it changed
        try:
            import_store(zipped(tmp_path / "s.zip", lying), tmp_path / "place" / "b.zarr")
        except ArchiveError:
            refused += 1
            assert not list((tmp_path / "place").iterdir())
        shutil.rmtree(tmp_path / "place", ignore_errors=True)
    assert refused > 9

"""Synthetic clips: a store like that of features, two arrays of (1, 512) float32, cheap to compute and to check."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from cache import JSON, ArraySpec, Build, Cache, Row, StoreSpec, key_of, write_block

ARRAYS = ("video", "skeleton")
CHANNELS = 512
SHARED: dict[str, dict[str, JSON]] = {
    array: {
        "step": "features",
        "version": 1,
        "params": {"input": {"style": "ctr", "num_frames": 64, "length": "resize"}},
        "weights": {"backbone": key_of(array)},
        "runtime": {"numpy": "2.4", "torch": "2.15"},
    }
    for array in ARRAYS
}
"""Members that the documents of the stage `features` share: made once, as there."""
STORE = "synthetic/features"
"""Name under which the cache remembers the row order."""


def spec(rows_per_shard: int = 4096, chunk_rows: int = 16) -> StoreSpec:
    """Lay the store out as the stage `features` does."""
    arrays = tuple(
        ArraySpec(name, "float32", (1, CHANNELS), ("view", f"{name}_channel"), chunk_rows=chunk_rows)
        for name in ARRAYS
    )
    return StoreSpec(arrays, rows_per_shard, "clip")


def clip_id(number: int) -> str:
    """Sorted as the numbers are; with a letter behind it, a name falls between two of them."""
    return f"clip{number:06d}"


def row(clip: str, recording: int = 1) -> Row:
    """A clip's row; `recording` counts the versions of the file that it is made of."""
    source = key_of({"clip": clip, "recording": recording})
    return Row(clip, {array: {**SHARED[array], "inputs": {"clip": source}} for array in ARRAYS})


def rows(numbers: Iterable[int]) -> list[Row]:
    """The rows of clips with these numbers."""
    return [row(clip_id(number)) for number in numbers]


def content(document: JSON) -> NDArray[np.float32]:
    """(1, 512): numbers that follow from the document."""
    seed = int.from_bytes(blake2b(key_of(document).encode(), digest_size=4).digest())
    return (np.arange(CHANNELS, dtype=np.float32) + np.float32(seed % 65536))[np.newaxis]


@dataclass(frozen=True, slots=True)
class Built:
    """Counts and seconds of one build."""

    computed: tuple[str, ...]
    """Ids, in the order in which they were computed."""
    shards: int
    """Shards written."""
    plan_seconds: float
    write_seconds: float
    finish_seconds: float
    cpu_seconds: float
    """CPU seconds of all three, without what other programs and the disk took."""

    @property
    def seconds(self) -> float:
        """CPU seconds of the whole build; computing the rows costs next to nothing here."""
        return self.plan_seconds + self.write_seconds + self.finish_seconds


def build(cache: Cache, out: Path, wanted: list[Row], layout: StoreSpec, name: str = STORE) -> Built:
    """Plan, write and publish, with the clock on each."""
    documents = {row.id: row.docs for row in wanted}
    computed: list[str] = []

    def compute(
        ids: list[str], arrays: frozenset[str]
    ) -> Iterator[tuple[str, Mapping[str, NDArray[np.generic]]]]:
        for clip in ids:
            computed.append(clip)
            yield clip, {array: content(documents[clip][array]) for array in arrays}

    started, cpu = perf_counter(), process_time()
    plan = Build(cache, name, layout, wanted)
    planned = perf_counter()
    receipts = [write_block(cache.root, task, compute) for task in plan.tasks]
    written = perf_counter()
    label = np.fromiter(map(len, plan.ids), np.int32, len(plan.ids))
    plan.finish(out, {"label": label}, {"title": "synthetic features", "stage": "features"})
    ended = perf_counter()
    shards = sum(len(receipt.shards) for receipt in receipts)
    return Built(
        computed=tuple(computed), shards=shards, plan_seconds=planned - started,
        write_seconds=written - planned, finish_seconds=ended - written, cpu_seconds=process_time() - cpu,
    )  # fmt: skip

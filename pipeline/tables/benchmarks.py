"""Benchmarks that the papers print figures of, and whether a catalog is one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.catalog.catalog import Catalog

if TYPE_CHECKING:
    from pipeline.params.params import IndexParams

WHOLE = 0.9
"""Share of the official clips from which a folder of recordings counts as the benchmark."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A dataset with a protocol, as an adapter reads it."""

    adapter: str
    protocol: str
    clips: int
    """Official number of clips."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the adapter that tell it from others; an adapter's default counts as told."""


NTU60, NTU120 = {"version": 60}, {"version": 120}

BENCHMARKS: dict[str, Benchmark] = {
    "NTU60 X-Sub": Benchmark("ntu", "xsub", 56_880, NTU60),
    "NTU60 X-View": Benchmark("ntu", "xview", 56_880, NTU60),
    "NTU120 X-Sub": Benchmark("ntu", "xsub", 114_480, NTU120),
    "NTU120 X-Set": Benchmark("ntu", "xset", 114_480, NTU120),
    "UTD-MHAD": Benchmark("utd_mhad", "cross_subject", 861),
    "UCF101": Benchmark("ucf101", "split1", 13_320),
    "HMDB51": Benchmark("hmdb51", "split1", 6_766),
    "ARID": Benchmark("hmdb51_arid", "split1", 10_550),
    "Toyota CS": Benchmark("smarthome", "cs", 16_115),
    "Toyota CV2": Benchmark("smarthome", "cv2", 16_115),
    "Kinetics-400": Benchmark("", "", 0),
}
"""Name in our tables to what it is; Kinetics-400 has no adapter."""


def benchmark_of(params: "IndexParams", catalog: Catalog) -> str | None:
    """Return the benchmark that the recordings are, nearly all of its clips being there; None for any other set."""
    there = len(catalog.entries) + catalog.unlisted
    for name, known in BENCHMARKS.items():
        options = {key: params.options.get(key, value) for key, value in known.options.items()}
        same = (known.adapter, known.protocol) == (
            params.adapter,
            catalog.protocol,
        ) and options == known.options
        if same and there >= WHOLE * known.clips:
            return name
    return None

"""The steps whose results are cached: their versions, and the fingerprint document that names a result.

Raise a step's version when its results change; `recipes.lock` refuses to run when the code that a step
reaches changed and its version did not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.versions import major_minor

Json = Any


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of result."""

    name: str
    version: int
    runtime: tuple[str, ...]
    """Packages whose major.minor version decides the result's bytes."""

    def document(
        self,
        *,
        params: Json,
        inputs: Mapping[str, Json],
        weights: Mapping[str, str] | None = None,
        runtime: tuple[str, ...] = (),
    ) -> dict[str, Json]:
        """Return all that decides a result, as JSON values; its digest is the result's key.

        `runtime` names packages that decided this one result beside the step's own.
        """
        return {
            "step": self.name,
            "version": self.version,
            "params": as_json(params),
            "weights": dict(weights or {}),
            "runtime": {package: major_minor(package) for package in (*self.runtime, *runtime)},
            "inputs": dict(inputs),
        }

    def documents(
        self, *, params: Json, weights: Mapping[str, str] | None = None, runtime: tuple[str, ...] = ()
    ) -> Callable[[Mapping[str, Json]], dict[str, Json]]:
        """Return what makes the document of each clip's inputs: they share all else, which is made once."""
        shared = self.document(params=params, inputs={}, weights=weights, runtime=runtime)
        return lambda inputs: {**shared, "inputs": dict(inputs)}


def as_json(value: Json) -> Json:
    """`value` with its tuples as lists, as JSON has them."""
    if isinstance(value, Mapping):
        return {name: as_json(inner) for name, inner in value.items()}
    return [as_json(inner) for inner in value] if isinstance(value, list | tuple) else value


INDEX = Step("index", 2, ("numpy", "av", "scipy"))
SAMPLE = Step("sample", 1, ("numpy",))
CROP = Step("crop", 3, ("numpy", "av", "opencv-python"))
HEATMAPS = Step("heatmaps", 1, ("numpy",))
PRETRAIN = Step("pretrain", 2, ("numpy", "torch"))
FEATURES = Step("features", 2, ("numpy", "torch"))
TRAIN = Step("train", 2, ("numpy", "torch"))
EXTRACT = Step("extract", 3, ("numpy", "av", "opencv-python", "torch"))

STEPS = {step.name: step for step in (INDEX, SAMPLE, CROP, HEATMAPS, PRETRAIN, FEATURES, TRAIN, EXTRACT)}

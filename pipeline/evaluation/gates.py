"""Statistics of the gate, the weight that a fusion gives its decision modality, as metrics.json has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.late_fusion import Scores

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gate:
    """One method's gate over the test clips: means over channels, clips and seeds, each in (0, 1)."""

    mean: float
    spread: float
    """Standard deviation over clips of their means over channels, averaged over seeds: 0 where all are alike."""
    right: float | None
    """Mean over the clips that are classified right; None where there are none."""
    wrong: float | None
    """Mean over the others; None where there are none."""
    by_class: tuple[tuple[str, float], ...]
    """(class, mean over its test clips), in the catalog's order; classes without test clips are left out."""


def gate_figures(
    labels: NDArray[np.int64], scored: Sequence[Scores], classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return what metrics.json has of each method's gate, under `gate`; methods without one are left out.

    `labels` is (N,), of the clips that `scored` are of.
    """
    found: dict[str, list[tuple[Floats, NDArray[np.bool_]]]] = {}
    for one in scored:
        if one.gates is not None:
            correct = one.probabilities.argmax(axis=1) == labels
            found.setdefault(one.method, []).append((one.gates, correct))
    return {method: {"gate": _figures(labels, of_seeds, classes)} for method, of_seeds in found.items()}


def _figures(
    labels: NDArray[np.int64], of_seeds: Sequence[tuple[Floats, NDArray[np.bool_]]], classes: Sequence[str]
) -> dict[str, Any]:
    gates = np.stack([gate for gate, _ in of_seeds])
    correct = np.stack([right for _, right in of_seeds])
    return {
        "mean": _rounded(gates),
        "spread": round(float(gates.std(axis=1).mean()), 4),
        "right": _rounded(gates[correct]),
        "wrong": _rounded(gates[~correct]),
        "by_class": {classes[label]: _rounded(gates[:, labels == label]) for label in np.unique(labels)},
    }


def _rounded(gates: Floats) -> float | None:
    return round(float(gates.mean()), 4) if gates.size else None


def read_gates(document: Mapping[str, Any]) -> dict[str, Gate]:
    """Return each method's gate from metrics.json; empty where no method has one, or in files of before."""
    return {
        name: Gate(
            **{**entry["gate"], "by_class": tuple(entry["gate"]["by_class"].items())},
        )
        for name, entry in document.items()
        if isinstance(entry, dict) and "gate" in entry
    }

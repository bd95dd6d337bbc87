"""Datasets: one module each, one line each in DATASETS. What each must say stands in `protocol.Dataset`."""

from collections.abc import Callable

from pipeline.datasets.ntu.adapter import Ntu
from pipeline.datasets.protocol import Card, Dataset, Listing
from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.datasets.table.adapter import Table
from pipeline.datasets.utd_mhad.adapter import UtdMhad

DATASETS: dict[str, Callable[..., Dataset]] = {
    "ntu": Ntu,
    "pyskl": Pyskl,
    "table": Table,
    "utd_mhad": UtdMhad,
}
"""Every adapter by its name; called as `DATASETS[name](root, **options)`."""

__all__ = ["DATASETS", "Card", "Dataset", "Listing"]

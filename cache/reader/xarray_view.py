"""A store as an xarray Dataset: arrays lazy, coordinates in memory, holes left out, wherever the store lies."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import xarray
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from .arrays import ArrayView
from .card import Card


class _Lazy(BackendArray):  # type: ignore[misc]
    """What xarray reads through when values are asked for."""

    def __init__(self, view: ArrayView) -> None:
        self.shape = view.shape
        self.dtype = view.dtype
        self._view = view

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        return np.asarray(
            indexing.explicit_indexing_adapter(
                key, self.shape, indexing.IndexingSupport.OUTER_1VECTOR, self._view.__getitem__
            )
        )


def dataset_of(
    arrays: Mapping[str, ArrayView], coords: Mapping[str, NDArray[Any]], card: Card
) -> xarray.Dataset:
    """The arrays under their dims, coordinates along the first of them, the card's plain facts as attributes."""
    row_dim = next(iter(arrays.values())).dims[0]
    data = {
        name: xarray.Variable(view.dims, indexing.LazilyIndexedArray(_Lazy(view)))
        for name, view in arrays.items()
    }
    beside = {
        name: ((row_dim, *(f"{name}_{axis}" for axis in range(1, values.ndim))), values)
        for name, values in coords.items()
    }
    facts = {field.name: getattr(card, field.name) for field in fields(card)}
    attrs = {name: value for name, value in facts.items() if isinstance(value, str)}
    return xarray.Dataset(data, coords=beside, attrs=attrs)

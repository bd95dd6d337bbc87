"""The rows that each array was made for, stated in a store's description: one row is read without all rows' keys.

An array that was made for every row with an id is not named; of another the description holds one bit a row.
"""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from ..keys import JSON
from ..shards.zstd import unpacked

_LEVEL = 3
_MAX_ROWS = 1 << 27


def made_document(named: NDArray[np.bool_], made: Mapping[str, NDArray[np.bool_]]) -> dict[str, JSON]:
    """Array to base64 of zstd of its rows' bits, the first row's highest; arrays that all `named` rows have left out.

    named: (N,) rows with an id. made: array to its (N,) rows.
    """
    return {
        name: base64.b64encode(Zstd(level=_LEVEL).encode(np.packbits(rows))).decode()
        for name, rows in made.items()
        if not rows[named].all()
    }


def stated_made(document: Any, num_rows: int) -> dict[str, NDArray[np.bool_]] | None:
    """(num_rows,) by array, as `made_document` was given it; None of a description of before it was stated.

    Raises ValueError, TypeError or AttributeError where it cannot be.
    """
    if document is None:
        return None
    return {name: _bits(text, num_rows) for name, text in document.items()}


def _bits(text: str, num_rows: int) -> NDArray[np.bool_]:
    if num_rows > _MAX_ROWS:
        raise ValueError(f"{num_rows:,} rows' bits are not unpacked")
    packed = memoryview(base64.b64decode(text, validate=True))
    bits = np.frombuffer(unpacked(Zstd(), packed, -(-num_rows // 8)), np.uint8)
    return np.unpackbits(bits, count=num_rows).view(bool)

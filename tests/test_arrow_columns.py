"""Arrow's arrays from buffers: what pyarrow makes of the same values, and pandas stays where it is."""

import io
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from house import HOUSE

from pipeline.arrays.arrow_columns import numbers, numbers_or_none, vectors, words

CODE = """
import sys
import numpy as np
import pyarrow as pa
from pipeline.arrays.arrow_columns import numbers, numbers_or_none, vectors, words
pa.table({"a": words(["x"]), "b": numbers(np.arange(1)), "c": numbers_or_none([None]), "d": vectors(np.ones((1, 2)))})
print("pandas" in sys.modules)
"""
TEXTS = ["", "clip_1", "fusé", ""]
FLOATS = [0.5, None, 0.0, -1.0, None, 2.0, 3.0, 4.0, 5.0, None]
VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (words(TEXTS), pa.array(TEXTS, pa.string())),
        (words([]), pa.array([], pa.string())),
        (numbers(np.arange(10)[::3]), pa.array([0, 3, 6, 9], pa.int64())),
        (numbers_or_none(FLOATS), pa.array(FLOATS, pa.float64())),
        (vectors(VECTORS), pa.array(VECTORS.tolist(), pa.list_(pa.float32()))),
        (vectors(VECTORS[:0]), pa.array([], pa.list_(pa.float32()))),
    ],
)
def test_they_are_what_pyarrow_makes_byte_for_byte_in_a_file(made: pa.Array, expected: pa.Array) -> None:
    made.validate(full=True)
    assert made.equals(expected)
    files = [io.BytesIO(), io.BytesIO()]
    for array, file in zip((made, expected), files, strict=True):
        pq.write_table(pa.table({"values": array}), file)
    assert files[0].getvalue() == files[1].getvalue()


def test_pandas_is_not_imported() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], cwd=HOUSE, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"

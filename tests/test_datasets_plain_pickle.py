"""Pickles of plain values and arrays: read without running them, written so that any NumPy reads them."""

import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.pyskl.plain_pickle import read_plain_pickle
from pipeline.exchange.pickle_writer import PickleWriter


def dumped(folder: Path, content: object, protocol: int = 4) -> Path:
    (folder / "x.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
    return folder / "x.pkl"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_reads_as_python_reads_it(tmp_path: Path, protocol: int) -> None:
    values = np.arange(24.0)
    content = {
        "arrays": [values.reshape(2, 3, 4).transpose(2, 0, 1), np.asfortranarray(values.reshape(4, 6)),
                   values.astype(">f4"), values[:0].astype(np.float16), np.zeros((2, 0), np.int8),
                   np.array([True, False]), np.array(7, np.uint16)],
        "plain": [None, True, -5, 1 << 40, 1.5, "ü", b"", b"\xff\x00", (), (1,), (1, 2, 3, 4), {}, [], {3: [4]}],
        "scalars": [np.int64(3), np.float32(0.5), np.bool_(True)],
    }  # fmt: skip
    found = read_plain_pickle(dumped(tmp_path, content, protocol))
    assert found["plain"] == content["plain"]
    assert found["scalars"] == [3, 0.5, True]
    for one, other in zip(found["arrays"], content["arrays"], strict=True):
        assert isinstance(other, np.ndarray)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)


def test_numpy_1_names_its_arrays_otherwise(tmp_path: Path) -> None:
    data = pickle.dumps({"a": np.arange(3), "b": np.int32(4)}, protocol=2)
    assert data.count(b"numpy._core.multiarray") == 2
    (tmp_path / "old.pkl").write_bytes(data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    found = read_plain_pickle(tmp_path / "old.pkl")
    assert (found["a"].tolist(), found["b"]) == ([0, 1, 2], 4)


def test_an_array_that_stands_twice_is_read_once(tmp_path: Path) -> None:
    shared = np.arange(3)
    first, second = read_plain_pickle(dumped(tmp_path, [shared, shared]))
    assert first is second


def test_what_is_written_python_reads_under_numpy_1_names() -> None:
    content = {"n": None, "i": -3, "f": 0.5, "b": True, "s": "ü", "t": (1, (2,)), "l": [{}], "e": []}
    array = np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3))
    out = BytesIO()
    PickleWriter(out).document(content, "items", iter([array, "last"]))
    assert b"numpy._core" not in out.getvalue()
    found = pickle.loads(out.getvalue())
    items = found.pop("items")
    assert (found, items[1]) == (content, "last")
    np.testing.assert_array_equal(items[0], array)

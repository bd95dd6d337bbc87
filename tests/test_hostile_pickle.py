"""Pickles from strangers: whatever they ask for is refused by its name, and nothing of it runs."""

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.datasets.pyskl.plain_pickle import read_plain_pickle
from pipeline.errors import PickleError


class Evil:
    """Runs something where Python's own unpickler reads it."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


def globally(name: str, arguments: bytes = b"(t") -> bytes:
    """A pickle that calls any name, also of modules that this test would rather not import."""
    module, _, attribute = name.rpartition(".")
    return b"\x80\x04c" + f"{module}\n{attribute}\n".encode() + arguments + b"R."


SHELL = b"(X\x08\x00\x00\x00touch owt"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
BEGUN = ARRAY + b"K\x00\x85C\x01b\x87R(K\x01"
"""An array announced, as NumPy does it, and the start of its state."""
DTYPE = b"cnumpy\ndtype\n(X\x02\x00\x00\x00%b\x89\x88tR"

ENCODE = b"\x80\x04c_codecs\nencode\n(X\x01\x00\x00\x00a"

PROGRAMS: dict[str, tuple[bytes, str]] = {
    "os.system": (globally("os.system", SHELL), "names 'os.system'"),
    "posix.system": (globally("posix.system", SHELL), "names 'posix.system'"),
    "eval": (globally("builtins.eval", b"(X\x01\x00\x00\x001t"), "names 'builtins.eval'"),
    "exec by stack": (b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93(t\x52.", "names 'builtins.exec'"),
    "subprocess": (globally("subprocess.Popen", SHELL), "names 'subprocess.Popen'"),
    "numpy's own eval": (globally("numpy.testing._private.utils.runstring"), "names 'numpy.testing"),
    "numpy.load": (globally("numpy.load"), "names 'numpy.load'"),
    "getattr": (globally("builtins.getattr"), "names 'builtins.getattr'"),
    "a dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.", "names 'numpy.dtype.__init__'"),
    "a name of bytes": (b"\x80\x04C\x05numpyC\x05dtype\x93.", "makes a name of a bytes"),
    "reduce inside reduce": (b"\x80\x04cnumpy\ndtype\n(cos\nsystem\n" + SHELL + b"RtR.", "names 'os.system'"),
    "calls a number": (b"\x80\x04K\x01(tR.", "calls a int"),
    "calls what it called": (ENCODE + b"X\x06\x00\x00\x00latin1tR(tR.", "calls a bytes"),
    "another codec": (ENCODE + b"X\x03\x00\x00\x00hextR.", "otherwise than as latin1"),
    "sets a state": (b"\x80\x04cnumpy\nndarray\n}b.", "sets the state of the name ndarray"),
    "persistent id": (b"\x80\x04Pthing\n.", "operation PERSID"),
    "binary persistent id": (b"\x80\x04K\x01Q.", "operation BINPERSID"),
    "extension registry": (b"\x80\x04\x82\x01.", "operation EXT1"),
    "an old instance": (b"(ios\nsystem\n.", "operation INST"),
    "an old object": (b"(cos\nsystem\no.", "names 'os.system'"),
    "a new object": (b"\x80\x04cnumpy\nndarray\n)\x81.", "operation NEWOBJ"),
    "a buffer from outside": (b"\x80\x05\x97.", "operation NEXT_BUFFER"),
    "object dtype": (b"\x80\x04" + DTYPE % b"O8" + b".", "dtype 'O8'"),
    "a dtype of records": (b"\x80\x04" + DTYPE % b"V8" + b".", "dtype 'V8'"),
    "an announced giant": (b"\x80\x04" + ARRAY + b"(\x8a\x05\0\0\0\0\x10tC\x01b\x87R.", "arrays begin empty"),
    "a subclass": (
        b"\x80\x04cnumpy.core.multiarray\n_reconstruct\ncnumpy.matrixlib.defmatrix\nmatrix\n",
        "names 'numpy.matrixlib",
    ),
    "an absurd shape": (
        b"\x80\x04" + BEGUN + b"\x8a\x05\0\0\0\0\x10\x85" + DTYPE % b"f8" + b"\x89C\x08" + bytes(8) + b"tb.",
        "an array of shape",
    ),
    "a negative shape": (
        b"\x80\x04" + BEGUN + b"J\xff\xff\xff\xff\x85" + DTYPE % b"f8" + b"\x89C\x00tb.",
        "shape must be sizes",
    ),
    "objects for bytes": (
        b"\x80\x04" + BEGUN + b"K\x01\x85" + DTYPE % b"f8" + b"\x89]tb.", "from a list",
    ),
    "a giant of bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 50) + b"x.", "expected .* bytes in a bytes8"),
    "a giant bytearray": (b"\x80\x05\x96" + struct.pack("<Q", 1 << 50) + b"x.", "expected .* bytes in a bytearray8"),
    "a memo without end": (b"\x80\x04K\x01j\xff\xff\xff\xff.", "finds nothing to work on"),
    "an empty stack": (b"\x80\x04R.", "finds nothing to work on"),
    "keys that are lists": (b"\x80\x04}(]K\x01u.", "not words or numbers"),
    "no end": (b"\x80\x04K\x01", "exhausted before seeing STOP"),
    "too much at the end": (b"\x80\x04K\x01K\x01.", "values left over"),
    "no pickle": (b"\xff\xff", "opcode b'\\\\xff' unknown"),
    "a number without end": (b"L" + b"9" * 10_000 + b"L\n.", "integer string conversion|Exceeds"),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_pickle_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    data, match = PROGRAMS[program]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "annotations.pkl").write_bytes(data)
    with pytest.raises(PickleError, match=match) as caught:
        Pyskl(tmp_path)
    assert "nothing of it was run" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["annotations.pkl"]


@pytest.mark.parametrize(
    "evil",
    [
        Evil(os.system, ("touch ow",)),
        Evil(exec, ("open('ow', 'w')",)),
        Evil(print, (), {"x": 1}),
        np.array([Evil(os.system, ("touch ow",))], dtype=object),
        np.zeros(2, [("a", "f4"), ("b", "i4")]),
        np.array(["2020-01-01"], "M8[D]"),
        {1, 2},
        Path("a"),
        range(3),
        1j,
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_what_python_pickles_and_is_not_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evil: object, protocol: int
) -> None:
    """Wherever it stands in an annotation."""
    monkeypatch.chdir(tmp_path)
    content = {"split": {}, "annotations": [{"frame_dir": "a", "keypoint": evil}]}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(PickleError, match="nothing of it was run"):
        read_plain_pickle(tmp_path / "x.pkl")
    assert [path.name for path in tmp_path.iterdir()] == ["x.pkl"]


def test_nests_without_end_and_circles(tmp_path: Path) -> None:
    """Deep nesting and a list that holds itself are data; whoever looks for annotations finds none."""
    (tmp_path / "deep.pkl").write_bytes(b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".")
    assert isinstance(read_plain_pickle(tmp_path / "deep.pkl"), list)
    circle: list[Any] = []
    circle.append(circle)
    (tmp_path / "circle.pkl").write_bytes(pickle.dumps({"split": {"x_train": circle}, "annotations": circle}))
    with pytest.raises(ValueError, match="no dict but list"):
        Pyskl(tmp_path, file="circle.pkl")


def test_the_machine_and_python_agree_on_plain_data(tmp_path: Path) -> None:
    """Random flips in an honest pickle: refused, or plain data; never an error of another kind."""
    honest = pickle.dumps(
        {"split": {}, "annotations": [{"frame_dir": "a", "keypoint": np.ones((1, 2, 3, 2))}]}
    )
    rng = np.random.default_rng(0)
    refused_count = 0
    for _ in range(400):
        data = bytearray(honest)
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        (tmp_path / "x.pkl").write_bytes(data)
        try:
            read_plain_pickle(tmp_path / "x.pkl")
        except PickleError:
            refused_count += 1
    assert 50 < refused_count < 400

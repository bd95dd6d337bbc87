#!/usr/bin/env bash
# SciPy 1.17.1.
#
# Expected: a MATLAB array of class double loads as float64. UTD-MHAD keeps its skeletons in such files.
# Happens: the MAT format may store a double array whose values are whole numbers as smaller integers, to save
# space (MATLAB does so by itself), and loadmat gives the type as stored, not the class. Whether a clip loads
# as float64 or uint8 then hangs on its values, and in uint8 a bone, one joint minus another, wraps round.
# `mat_dtype=True` gives float64 for both. The script writes the two files byte by byte, per the format.
# Seen:
#   stored as double loads as float64 [2.0, -240.0]
#   stored as uint8 loads as uint8 [2, 16]
. "$(dirname "$0")/lib.sh" scipy==1.17.1 numpy==2.4.6
python - <<'PY'
import io
import struct

import numpy as np
from scipy.io import loadmat


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def mat_file(array, kind, dtype):
    """A MAT 5 file with one array of class double (6), its numbers stored as `kind`."""
    matrix = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<2i", *array.shape))
    matrix += element(1, b"d_skel") + element(kind, array.astype(dtype).tobytes("F"))
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    return io.BytesIO(header + element(14, matrix))


joints = np.array([[1.0, 250.0], [3.0, 10.0]])  # two joints; their difference is (2, -240)
seen = {}
for name, kind, dtype in (("stored as double", 9, "<f8"), ("stored as uint8", 2, "u1")):
    loaded = loadmat(mat_file(joints, kind, dtype))["d_skel"]
    assert np.array_equal(loaded, joints)
    seen[name] = (str(loaded.dtype), (loaded[1] - loaded[0]).tolist())
    print(name, "loads as", *seen[name])
    assert loadmat(mat_file(joints, kind, dtype), mat_dtype=True)["d_skel"].dtype == np.float64
assert seen == {"stored as double": ("float64", [2.0, -240.0]), "stored as uint8": ("uint8", [2, 16])}
PY

#!/usr/bin/env bash
# safetensors 0.8.0 (0.7.0 was right), NumPy 2.4.6.
#
# Expected: a dense array comes back from a file as it was saved, or is refused. The documentation asks for
# "contiguous and dense"; NumPy's transposes of whole arrays are both, in Fortran's order.
# Happens: the NumPy saver writes the memory as it lies, under the shape of the view. A skeleton turned from
# (frame, joint, axis) to (axis, joint, frame) loads with the right shape and dtype and other numbers in it.
# The same call with 0.7.0 gives the right numbers, so an upgrade changes what is stored.
# Seen:
#   safetensors 0.8.0 x of all joints: [0.0, 1.0, 2.0, 3.0]
#   safetensors 0.7.0 x of all joints: [0.0, 6.0, 3.0, 9.0]
. "$(dirname "$0")/lib.sh" safetensors==0.8.0 numpy==2.4.6
cat >check.py <<'PY'
import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

joints = np.arange(12, dtype=np.float32).reshape(2, 2, 3)  # frame, joint, axis
turned = joints.T
assert turned.flags.f_contiguous and not turned.flags.c_contiguous
save_file({"turned": turned, "copied": np.ascontiguousarray(turned)}, "clip.safetensors")
loaded = load_file("clip.safetensors")
print("safetensors", safetensors.__version__, "x of all joints:", loaded["turned"][0].ravel().tolist())
assert np.array_equal(loaded["copied"], turned)
assert loaded["turned"].shape == turned.shape
if safetensors.__version__ == "0.8.0":
    assert not np.array_equal(loaded["turned"], turned)
    assert loaded["turned"].ravel().tolist() == joints.ravel().tolist()
else:
    assert np.array_equal(loaded["turned"], turned)
PY
python check.py
python -m pip install --quiet --disable-pip-version-check safetensors==0.7.0 2>/dev/null
python check.py

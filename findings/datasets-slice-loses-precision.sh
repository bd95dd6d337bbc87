#!/usr/bin/env bash
# Hugging Face datasets 5.2.0, NumPy 2.4.6.
#
# Expected: `with_format("numpy")` gives the stored type: float64 time stamps, uint8 frames.
# Happens: one row gives float64, but a slice of the same rows gives float32, in which the time of day in
# seconds since 1970 has steps of 128 s: two frames get one time. uint8 values become int64, eight times the
# memory. The features still say float64 and uint8.
# Seen:
#   features   float64 uint8
#   row 1      float64 True
#   rows       float32 int64
#   time steps [0.0, 0.0] of 0.0333
. "$(dirname "$0")/lib.sh" datasets==5.2.0 numpy==2.4.6
export HF_HOME="$work/hub"
python - <<'PY'
import numpy as np
from datasets import Dataset, Features, Value

times = [1_600_000_000 + k / 30 for k in range(3)]
features = Features({"time": Value("float64"), "pixel": Value("uint8")})
rows = Dataset.from_dict({"time": times, "pixel": [1, 2, 3]}, features=features).with_format("numpy")
one, many = rows[1], rows[:]
print("features  ", rows.features["time"].dtype, rows.features["pixel"].dtype)
print("row 1     ", one["time"].dtype, one["time"] == times[1])
print("rows      ", many["time"].dtype, many["pixel"].dtype)
print("time steps", np.diff(many["time"]).tolist(), "of", round(times[1] - times[0], 4))
assert one["time"].dtype == np.float64 and one["time"] == times[1]
assert many["time"].dtype == np.float32 and not np.diff(many["time"]).any()
assert many["pixel"].dtype == np.int64
assert rows.with_format("arrow")[:]["time"].to_pylist() == times
PY

#!/usr/bin/env bash
# pandas 3.1.1, pyarrow 26.0.1.
#
# Expected: a join on NTU's body numbers (17 digits, from the Kinect's tracker) matches equal numbers only.
# Happens: one missing number in a Parquet column makes pandas read the column as float64, where numbers of
# that size have steps of 16. `merge` of an integer with a float column then compares as floats: the second
# body gets the first one's actor. No warning, and Parquet itself holds the numbers exactly.
# Read with dtype_backend="numpy_nullable" the join is right.
# Seen:
#   {'float64': ['A', 'A'], 'Int64': ['A', None]}
. "$(dirname "$0")/lib.sh" pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6
PYTHONWARNINGS=error python - <<'PY'
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

first, second = 72057594037931101, 72057594037931102
bodies = pd.DataFrame({"body": [first, second], "frames": [103, 55]})
known = pa.table({"body": pa.array([first, None], pa.int64()), "actor": ["A", "unknown"]})
pq.write_table(known, "known.parquet")
assert pq.read_table("known.parquet")["body"].to_pylist() == [first, None]

actors = {}
for backend in ({}, {"dtype_backend": "numpy_nullable"}):
    table = pd.read_parquet("known.parquet", **backend)
    joined = bodies.merge(table, on="body", how="left")
    actors[str(table["body"].dtype)] = [None if pd.isna(a) else a for a in joined["actor"]]
print(actors)
assert actors == {"float64": ["A", "A"], "Int64": ["A", None]}
PY

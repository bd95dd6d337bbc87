#!/usr/bin/env bash
# pyarrow 26.0.1.
#
# Expected: the two ways to write "all but the test clips" as a filter select the same clips.
# Happens: `("split", "!=", "test")` drops the clips whose split is not known, `("split", "not in", ["test"])`
# keeps them. The length of a training set depends on which of the two was typed; neither warns.
# Seen:
#   ('split', '!=', 'test') [1, 4]
#   ('split', 'not in', ['test']) [1, 3, 4]
. "$(dirname "$0")/lib.sh" pyarrow==26.0.1
python - <<'PY'
import pyarrow as pa
import pyarrow.parquet as pq

pq.write_table(pa.table({"clip": [1, 2, 3, 4], "split": ["train", "test", None, "train"]}), "clips.parquet")
chosen = {}
for condition in (("split", "!=", "test"), ("split", "not in", ["test"])):
    chosen[condition[1]] = pq.read_table("clips.parquet", filters=[condition])["clip"].to_pylist()
    print(condition, chosen[condition[1]])
assert chosen == {"!=": [1, 4], "not in": [1, 3, 4]}
PY

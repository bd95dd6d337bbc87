#!/usr/bin/env bash
# pylance (the Lance format) 14.0.2, pyarrow 26.0.1.
#
# Expected: correcting one label leaves the clips in their order, as in a table of Parquet or a Zarr array.
# Happens: an update writes the changed row anew at the end and marks the old place as deleted. Reading the
# table, and `take` by position, now number all later clips one lower, so features that are joined to the
# table by row number belong to other clips. The number of rows is as before.
# Seen:
#   before {'clip': ['a', 'b', 'c', 'd'], 'label': [0, 1, 2, 3]} take([1]): ['b']
#   after  {'clip': ['a', 'c', 'd', 'b'], 'label': [0, 2, 3, 7]} take([1]): ['c']
. "$(dirname "$0")/lib.sh" pylance==14.0.2 pyarrow==26.0.1 numpy==2.4.6
python - <<'PY'
import lance
import pyarrow as pa

lance.write_dataset(pa.table({"clip": ["a", "b", "c", "d"], "label": [0, 1, 2, 3]}), "clips.lance")
before = lance.dataset("clips.lance")
result = lance.dataset("clips.lance")
result.update({"label": "7"}, where="clip = 'b'")
after = lance.dataset("clips.lance")
for name, table in (("before", before), ("after ", after)):
    print(name, table.to_table().to_pydict(), "take([1]):", table.take([1])["clip"].to_pylist())
assert before.count_rows() == after.count_rows() == 4
assert before.take([1])["clip"].to_pylist() == ["b"]
assert after.take([1])["clip"].to_pylist() == ["c"]
assert after.to_table().to_pydict() == {"clip": ["a", "c", "d", "b"], "label": [0, 2, 3, 7]}
PY

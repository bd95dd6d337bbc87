#!/usr/bin/env bash
# zarr 3.1.6, TensorStore 0.1.86, h5py 3.16.0.
#
# Expected: after an array shrinks and grows again, the new rows hold the fill value, as in HDF5.
# Happens: both Zarr writers delete whole chunks beyond the new end only. What the last chunk (with zarr's
# sharding: the last shard) held beyond the end stays in the file and is data again once the array grows.
# A "rewound" feature store shows rows of clips that had been taken out, not the -1 that marks an empty row.
# Seen:
#   h5py, 8 to 5 to 8          [100, 101, 102, 103, 104, -1, -1, -1]
#   zarr, 8 to 1 to 8          [100, 101, 102, 103, -1, -1, -1, -1]
#   zarr sharded, 8 to 1 to 8  [100, 101, 102, 103, 104, 105, 106, 107]
#   TensorStore, 8 to 1 to 8   [100, 101, 102, 103, -1, -1, -1, -1]
. "$(dirname "$0")/lib.sh" zarr==3.1.6 tensorstore==0.1.86 h5py==3.16.0 numpy==2.4.6
python - <<'PY'
import h5py
import numpy as np
import tensorstore
import zarr

rows = np.arange(100, 108, dtype="i4")

with h5py.File("a.h5", "w") as file:
    data = file.create_dataset("x", data=rows, maxshape=(None,), chunks=(4,), fillvalue=-1)
    data.resize((5,))
    data.resize((8,))
    hdf5 = data[:].tolist()

chunked = zarr.create_array("a.zarr", shape=(8,), chunks=(4,), dtype="i4", fill_value=-1)
sharded = zarr.create_array("b.zarr", shape=(8,), chunks=(1,), shards=(8,), dtype="i4", fill_value=-1)
for array in (chunked, sharded):
    array[:] = rows
    array.resize((1,))
    array.resize((8,))

spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": "c.zarr/"}}
layout = tensorstore.ChunkLayout(chunk_shape=[4])
store = tensorstore.open(
    spec, create=True, dtype=tensorstore.int32, shape=[8], fill_value=-1, chunk_layout=layout
).result()
store.write(rows).result()
store = store.resize(exclusive_max=[1]).result().resize(exclusive_max=[8]).result()

print("h5py, 8 to 5 to 8         ", hdf5)
print("zarr, 8 to 1 to 8         ", chunked[:].tolist())
print("zarr sharded, 8 to 1 to 8 ", sharded[:].tolist())
print("TensorStore, 8 to 1 to 8  ", store.read().result().tolist())
assert hdf5 == [100, 101, 102, 103, 104, -1, -1, -1]
assert chunked[:].tolist() == [100, 101, 102, 103, -1, -1, -1, -1]
assert sharded[:].tolist() == rows.tolist()
assert store.read().result().tolist() == chunked[:].tolist()
PY

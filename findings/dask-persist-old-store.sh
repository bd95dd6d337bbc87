#!/usr/bin/env bash
# dask and distributed 2026.8.0, zarr 3.1.6.
#
# Expected: `da.from_zarr(path).persist()` after a store was rewritten holds the new numbers.
# Happens: the name of the dask array depends on the path and the metadata, not on what is stored. While an
# earlier persisted array lives on the cluster, the new one has the same keys, so the scheduler hands out the
# old blocks; `.compute()` of the same fresh array reads the new ones. Two answers from one object.
# Seen:
#   same name: True
#   stored    [5.0, 5.0, 5.0, 5.0]
#   computed  [5.0, 5.0, 5.0, 5.0]
#   persisted [1.0, 1.0, 1.0, 1.0]
. "$(dirname "$0")/lib.sh" dask==2026.8.0 distributed==2026.8.0 zarr==3.1.6 numpy==2.4.6
cat >check.py <<'PY'
import logging

import dask.array as da
import zarr
from distributed import Client

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None):
        store = zarr.create_array("features", shape=(4,), chunks=(4,), dtype="f4")
        store[:] = 1
        before = da.from_zarr("features").persist()
        assert before.compute().tolist() == [1, 1, 1, 1]
        store[:] = 5
        after = da.from_zarr("features")
        computed, persisted = after.compute().tolist(), after.persist().compute().tolist()
        print("same name:", after.name == before.name)
        print("stored   ", store[:].tolist())
        print("computed ", computed)
        print("persisted", persisted)
        assert after.name == before.name
        assert computed == [5, 5, 5, 5]
        assert persisted == [1, 1, 1, 1]
        del before, after
PY
python check.py

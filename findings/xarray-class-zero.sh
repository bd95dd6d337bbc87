#!/usr/bin/env bash
# xarray 2026.9.0, zarr 3.1.6.
#
# Expected: the same labels, written by the same zarr, read the same from Zarr format 2 and 3.
# Happens: zarr gives every array the fill value 0. In format 2 xarray takes that for "missing": the integer
# labels come back as float64 and each label 0 is NaN. In format 3 they stay integers. So the first class of
# a data set is gone from one copy of a store and there in the other, and a mean over clips skips it.
# Seen:
#   format 2 float64 [nan, 1.0, 2.0, nan] mean 1.5
#   format 3 int32 [0, 1, 2, 0] mean 0.75
. "$(dirname "$0")/lib.sh" xarray==2026.9.0 zarr==3.1.6 numpy==2.4.6
python - <<'PY'
import xarray
import zarr

for version in (2, 3):
    group = zarr.open_group(f"v{version}", mode="w", zarr_format=version)
    named = {"dimension_names": ["clip"]} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": ["clip"]}}
    group.create_array("label", shape=(4,), dtype="i4", **named)[:] = [0, 1, 2, 0]
    label = xarray.open_zarr(f"v{version}", consolidated=False)["label"]
    print("format", version, label.dtype, label.values.tolist(), "mean", float(label.mean()))
    if version == 2:
        assert label.dtype == "float64" and label.isnull().values.tolist() == [True, False, False, True]
        assert float(label.mean()) == 1.5
    else:
        assert label.dtype == "int32" and float(label.mean()) == 0.75
PY

#!/usr/bin/env bash
# zarr 3.1.6, TensorStore 0.1.86.
#
# Expected: an attribute is a remark. If one can't be stored, zarr says so when it is set.
# Happens: zarr writes a NaN attribute (say, a mean over no valid frames) into zarr.json as the bare word NaN,
# which is not JSON. zarr itself reads it back; to TensorStore the whole array, with all its good chunks, can't
# be opened. The fill value NaN is written as the string "NaN", as the specification asks, and harms nothing.
# Seen:
#   plain | zarr: [1.0, 2.0] | TensorStore: [1.0, 2.0]
#   nan | zarr: [1.0, 2.0] | TensorStore: refused, invalid JSON
. "$(dirname "$0")/lib.sh" zarr==3.1.6 tensorstore==0.1.86 numpy==2.4.6
python - <<'PY'
import json
from pathlib import Path

import tensorstore
import zarr


def opens(name):
    try:
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{name}/"}}
        return str(tensorstore.open(spec).result().read().result().tolist())
    except ValueError as error:
        return "refused, invalid JSON" if "Invalid JSON" in str(error) else str(error)


for name, attributes in {"plain": {"mean": 0.5}, "nan": {"mean": float("nan")}}.items():
    array = zarr.create_array(
        name, shape=(2,), dtype="f4", fill_value=float("nan"), attributes=attributes
    )
    array[:] = [1, 2]
    print(name, "| zarr:", zarr.open_array(name, mode="r")[:].tolist(), "| TensorStore:", opens(name))

text = Path("nan/zarr.json").read_text()
assert '"mean": NaN' in text
assert json.loads(text)["fill_value"] == "NaN"  # Python's reader is as lenient as its writer
assert opens("plain") == "[1.0, 2.0]"
assert opens("nan") == "refused, invalid JSON"
PY

#!/usr/bin/env bash
# rtmlib 0.0.16, onnxruntime 1.32.0, OpenCV 5.0.0.93.
#
# Expected: where the person detector finds nobody, the pose solution `Body` returns no skeleton.
# Happens: it runs the pose model on the whole frame and returns one person with 17 joints and the model's
# scores. An empty room before the actor enters becomes frames with a body in them, and nothing in the answer
# tells them from real ones. The two networks are stand-ins with constant answers, made by the script: what is
# tested is what rtmlib does between them.
# Seen:
#   somebody | boxes 1 | skeletons (1, 17, 2) | score 0.90
#   nobody | boxes 0 | skeletons (1, 17, 2) | score 0.90
. "$(dirname "$0")/lib.sh" onnxruntime==1.32.0 onnx==1.23.2 opencv-python-headless==5.0.0.93 tqdm==4.70.1 numpy==2.4.6
python -m pip install --quiet --disable-pip-version-check --no-deps rtmlib==0.0.16
python - <<'PY'
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rtmlib import Body


def constant_network(path, size, outputs):
    """A network that answers `outputs` to every picture of `size`."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *size])
    nodes = [helper.make_node("Constant", [], [n], value=numpy_helper.from_array(a)) for n, a in outputs.items()]
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, a.shape) for n, a in outputs.items()]
    model = helper.make_model(helper.make_graph(nodes, "g", [image], infos),
                              opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)


def boxes(score):
    return np.array([[[10, 10, 40, 60, score]]], np.float32)


across, down = np.full((1, 17, 96), 0.1, np.float32), np.full((1, 17, 128), 0.1, np.float32)
across[..., 48] = down[..., 64] = 0.9
constant_network("pose.onnx", (64, 48), {"simcc_x": across, "simcc_y": down})
found = {}
for name, score in (("somebody", 0.95), ("nobody", 0.05)):
    constant_network(f"{name}.onnx", (64, 64), {"dets": boxes(score)})
    body = Body(det=f"{name}.onnx", det_input_size=(64, 64), pose="pose.onnx", pose_input_size=(48, 64))
    frame = np.zeros((64, 64, 3), np.uint8)
    found[name] = len(body.det_model(frame)), body(frame)[0].shape, float(body(frame)[1].mean())
    print(name, "| boxes", found[name][0], "| skeletons", found[name][1], f"| score {found[name][2]:.2f}")
assert found["nobody"][0] == 0 and found["somebody"][0] == 1
assert found["nobody"][1:] == found["somebody"][1:]
assert found["nobody"][1] == (1, 17, 2)
PY

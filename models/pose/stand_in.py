"""Small ONNX networks with known answers in the forms of RTMPose, ViTPose, RTMO and YOLOX: for checks without weights.

Joint k lies where the picture is brightest in red, green or blue (k mod 3); its score is that brightness in [0, 1].
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import ModelParamError
from models.pose.install import INSTALL

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Scale of the picture that RTMPose and ViTPose are given, in RGB."""

JOINTS = 17
_OPSET, _IR = 17, 8


def rtmpose_like(height: int = 256, width: int = 192, *, batch: int | str = "batch") -> bytes:
    """An ONNX network with RTMPose's outputs: SimCC along x (N, 17, 2 · width) and along y (N, 17, 2 · height)."""
    shape = (batch, 3, height, width)
    columns = (_node("ReduceMax", ["bright"], "columns", axes=[2], keepdims=0),)
    rows = (_node("ReduceMax", ["bright"], "rows", axes=[3], keepdims=0),)
    return _model(
        shape,
        [*_brightness(), *columns, *_doubled("columns", "x"), *rows, *_doubled("rows", "y")],
        {"x": (batch, JOINTS, 2 * width), "y": (batch, JOINTS, 2 * height)},
        {**_scale(), "joints": _colours(), "twice": np.array([1, 1, 1, 2]), "last": np.array([3]),
         "x_shape": np.array([0, 3, 2 * width]), "y_shape": np.array([0, 3, 2 * height])},
    )  # fmt: skip


def vitpose_like(height: int = 256, width: int = 192) -> bytes:
    """An ONNX network with ViTPose's output: maps (N, 17, height / 4, width / 4)."""
    nodes = [
        *_brightness(),
        _node("MaxPool", ["bright"], "small", kernel_shape=[4, 4], strides=[4, 4]),
        _node("Gather", ["small", "joints"], "maps", axis=1),
    ]
    outputs = {"maps": ("batch", JOINTS, height // 4, width // 4)}
    return _model(("batch", 3, height, width), nodes, outputs, {**_scale(), "joints": _colours()})


def rtmo_like(boxes: ArrayLike, joints: ArrayLike, *, side: int = 640) -> bytes:
    """An ONNX network with RTMO's outputs: always the same boxes (P, 5) and joints (P, 17, 3), in input pixels."""
    return _constant(side, {"dets": np.asarray(boxes, np.float32), "poses": np.asarray(joints, np.float32)})


def yolox_like(boxes: ArrayLike, *, side: int = 640) -> bytes:
    """An ONNX network with a YOLOX's output behind its suppression: always these (P, 5) boxes, in input pixels."""
    return _constant(side, {"dets": np.asarray(boxes, np.float32)})


def _constant(side: int, answers: dict[str, NDArray[np.float32]]) -> bytes:
    """Answers of (P, …), one for each picture."""
    nodes: list[Any] = []
    outputs: dict[str, tuple[Any, ...]] = {}
    given: dict[str, NDArray[Any]] = {"zero": np.array([0.0], np.float32)}
    nodes.append(_node("ReduceMean", ["images"], "mean", axes=[1, 2, 3], keepdims=0))
    nodes.append(_node("Mul", ["mean", "zero"], "zeros"))
    for name, answer in answers.items():
        given |= {f"{name}_is": answer[None], f"{name}_axes": np.arange(1, answer.ndim + 1)}
        nodes.append(_node("Unsqueeze", ["zeros", f"{name}_axes"], f"{name}_zeros"))
        nodes.append(_node("Add", [f"{name}_zeros", f"{name}_is"], name))
        outputs[name] = ("batch", *answer.shape)
    return _model(("batch", 3, side, side), nodes, outputs, given)


def _brightness() -> list[Any]:
    """(N, 3, H, W) as it is given → `bright` in [0, 1]."""
    return [_node("Mul", ["images", "std"], "spread"), _node("Add", ["spread", "mean"], "bright")]


def _scale() -> dict[str, NDArray[Any]]:
    return {
        name: (np.array(values, np.float32) / 255).reshape(1, 3, 1, 1)
        for name, values in (("mean", MEAN), ("std", STD))
    }


def _colours() -> NDArray[np.int64]:
    return np.arange(JOINTS) % 3


def _doubled(line: str, out: str) -> list[Any]:
    """(N, 3, length) → (N, 17, 2 · length), each value twice."""
    return [
        _node("Unsqueeze", [line, "last"], f"{out}_column"),
        _node("Tile", [f"{out}_column", "twice"], f"{out}_pairs"),
        _node("Reshape", [f"{out}_pairs", f"{out}_shape"], f"{out}_colours"),
        _node("Gather", [f"{out}_colours", "joints"], out, axis=1),
    ]


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return _onnx().helper.make_node(kind, inputs, [output], **attributes)


def _model(
    shape: tuple[Any, ...],
    nodes: Sequence[Any],
    outputs: dict[str, tuple[Any, ...]],
    given: dict[str, NDArray[Any]],
) -> bytes:
    onnx = _onnx()
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        list(nodes),
        "stand_in",
        [value("images", kind, shape)],
        [value(name, kind, of) for name, of in outputs.items()],
        [onnx.numpy_helper.from_array(array, name) for name, array in given.items()],
    )
    opset = [onnx.helper.make_opsetid("", _OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=_IR)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ModelParamError(f"onnx cannot be imported ({error}); {INSTALL}") from error
    return onnx

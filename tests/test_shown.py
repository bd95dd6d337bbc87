"""Values that hold arrays print shapes, never arrays."""

import ast
from collections.abc import Iterator
from importlib import import_module

import numpy as np
import pytest
import torch
from house import modules, room

from models.head import HeadOutput
from models.shown import ShownByShape as ShownTensors
from pipeline.shown import ShownByShape
from pipeline.values import Skeleton

ARRAYS = {"NDArray", "Tensor", "Floats", "Ints", "Bools", "Bytes", "bytes"}


def values_of_arrays() -> Iterator[tuple[str, str]]:
    """(module, class) of every public dataclass in pipeline and models that declares a field of arrays."""
    for module, path in modules().items():
        if room(module) not in ("pipeline", "models"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            declared = any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
            if declared and any(is_array(field) for field in fields):
                yield module, node.name


def is_array(field: ast.AnnAssign) -> bool:
    hidden = field.value is not None and "repr=False" in ast.unparse(field.value)
    spelled = ast.unparse(field.annotation)
    words = {node.id for node in ast.walk(field.annotation) if isinstance(node, ast.Name)}
    return not hidden and "Callable" not in spelled and bool(words & ARRAYS)


@pytest.mark.parametrize(("module", "name"), sorted(values_of_arrays()))
def test_every_value_of_arrays_is_shown_by_shape(module: str, name: str) -> None:
    kind = getattr(import_module(module), name)
    assert issubclass(kind, (ShownByShape, ShownTensors))
    assert kind.__repr__ in (ShownByShape.__repr__, ShownTensors.__repr__)


def test_a_skeleton_in_print() -> None:
    shape = (12, 2, 25)
    skeleton = Skeleton(
        np.zeros((*shape, 3), np.float32),
        np.zeros((*shape, 2), np.float32),
        np.ones(shape, np.float32),
        np.arange(12, dtype=np.int32),
    )
    assert repr(skeleton) == (
        "Skeleton(joints_3d=float32(12, 2, 25, 3), joints_2d=float32(12, 2, 25, 2), "
        "score=float32(12, 2, 25), video_frame=int32(12,))"
    )


def test_a_heads_output_in_print() -> None:
    assert repr(HeadOutput(torch.zeros(8, 60))) == "HeadOutput(logits=float32(8, 60), gate=None)"

"""ONNX: a network as a file that other runtimes execute, checked against torch when it is written."""

import json
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.errors import ExportError
from models.head import HeadOutput

OPSET = 18

RELATIVE_TOLERANCE = 1e-3
"""Largest accepted difference, relative to the largest output: float32 sums in another order."""

NUM_CLIPS = 2
"""Size of the batch that a file is tried on; the file takes any."""

NEEDS = ("onnx", "onnxscript", "onnxruntime")
"""Advice for a missing package: the extra `onnx`."""


class _Plain(nn.Module):
    """Tensors in, one tensor out: of a head its logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> Tensor:
        output: Any = self.model(*inputs)
        values: Tensor = output.logits if isinstance(output, HeadOutput) else output
        return values


def trial_clips(shape: Sequence[int]) -> Tensor:
    """Return the clips of `shape` that a file is tried on, (2, …), drawn from [0, 1), always the same."""
    return torch.rand(NUM_CLIPS, *shape, generator=torch.Generator().manual_seed(0))


def export_onnx(
    model: nn.Module,
    inputs: Sequence[Tensor],
    path: Path,
    *,
    names: Sequence[str],
    metadata: Mapping[str, Any] | None = None,
) -> float:
    """Write `model` as ONNX and run it once with onnxruntime on `inputs`; gives the largest relative difference.

    `names` are the inputs'; the output is called `output`, and the batch may be of any size, all other axes
    are as in `inputs`, which need two clips: of one, torch would take the batch for fixed. `metadata` becomes
    the file's metadata_props, as JSON by name. Raises ExportError where the network cannot be exported, or the
    file says something else than torch does; then nothing lies at `path`.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise ExportError(f"ONNX needs {', '.join(missing)}: pip install 'harcache[onnx]'")
    if any(len(x) < 2 for x in inputs):
        raise ExportError(f"inputs must hold two clips or more, got {[len(x) for x in inputs]}")
    plain, part = _Plain(model).eval(), path.with_name(f"{path.name}.part")
    try:
        _write(plain, inputs, part, names, metadata or {})
        difference = _difference(plain, inputs, part, names)
        if difference > RELATIVE_TOLERANCE:
            raise ExportError(
                f"{type(model).__name__} as ONNX differs from torch by {difference:.2g} of the largest output, "
                f"allowed is {RELATIVE_TOLERANCE}"
            )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return difference


def run_onnx(path: Path, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Run the file on these inputs with onnxruntime on the CPU; return its output."""
    import onnxruntime  # an extra; nothing else here needs it

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (output,) = session.run(None, dict(inputs))
    return np.asarray(output)


def _write(
    plain: _Plain, inputs: Sequence[Tensor], path: Path, names: Sequence[str], metadata: Mapping[str, Any]
) -> None:
    batch = torch.export.Dim("batch", min=1)
    try:
        with redirect_stdout(StringIO()), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of torch about its own parts
            program = torch.onnx.export(
                plain,
                tuple(inputs),
                input_names=list(names),
                output_names=["output"],
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=(tuple({0: batch} for _ in inputs),),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ExportError(f"{type(plain.model).__name__} cannot be exported to ONNX: {error}") from error
    assert program is not None
    fixed = [x.name for x in program.model.graph.inputs if x.shape is None or isinstance(x.shape[0], int)]
    if fixed:
        raise ExportError(
            f"{type(plain.model).__name__} cannot be exported to ONNX: it counts the clips of {fixed} in Python, "
            f"as len(x) does, so that the file would take {len(inputs[0])} only; use x.shape[0]"
        )
    program.model.metadata_props.update({name: json.dumps(value) for name, value in metadata.items()})
    program.save(str(path), external_data=False)


def _difference(plain: _Plain, inputs: Sequence[Tensor], path: Path, names: Sequence[str]) -> float:
    with torch.no_grad():
        expected = plain(*inputs).numpy()
    found = run_onnx(path, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))

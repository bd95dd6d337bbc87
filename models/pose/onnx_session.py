"""ONNX files as rtmlib's tools see them: read once a process, run on one thread in batches of one fixed size."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointError, ModelError, ModelParamError
from models.files import weights_content
from models.pose.install import INSTALL

BATCH = 8
"""Pictures that a network with a free batch size sees at once, always; the last ones may be zeros."""

GPU = "CUDAExecutionProvider"
RUNTIME = ("onnxruntime", "opencv-python")
"""Packages whose major and minor version decides what is found; of rtmlib the whole version does (`rtmlib_version`)."""
STOPS: tuple[type[Exception], ...] = (ModelError,)
"""Errors that show a fault of the network or the device, not of a clip."""


@dataclass(frozen=True)
class OnnxFile:
    """One ONNX network with a picture as its input."""

    session: Any
    """The onnxruntime session."""
    name: str
    """The input's name."""
    batch: int
    """Pictures that it sees at once."""
    size: tuple[int, int] | None
    """Height and width of its input; None where the file leaves them free."""

    def run(self, pictures: Sequence[NDArray[Any]]) -> list[list[NDArray[Any]]]:
        """Return for each (H, W, 3) picture, at most `batch` of them, its outputs, each (1, …).

        Raises ModelError where the network cannot be run on them.
        """
        given = np.zeros((self.batch, 3, *pictures[0].shape[:2]), np.float32)
        for place, picture in enumerate(pictures):
            given[place] = picture.transpose(2, 0, 1)
        try:
            outputs = self.session.run(None, {self.name: given})
        except Exception as error:  # onnxruntime's errors have no other base
            raise ModelError(f"the ONNX network cannot be run on {given.shape}: {error}") from error
        if any(len(output) != self.batch for output in outputs):
            raise ModelError(
                f"the ONNX network gives {[output.shape for output in outputs]} for {self.batch} pictures: export it "
                "with a batch axis first in every output"
            )
        return [[output[place : place + 1].copy() for output in outputs] for place in range(len(pictures))]


@lru_cache(maxsize=4)
def onnx_file(weights: Path, sha256: str) -> OnnxFile:
    """Read a network from a file. Raises CheckpointError where it is missing, another, or no ONNX; ModelParamError."""
    ort = _onnxruntime()
    content, _ = weights_content(weights, sha256)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = (
        1  # sums may differ with threads; processes work
    )
    available = [name for name in (GPU, "CPUExecutionProvider") if name in ort.get_available_providers()]
    try:
        session = ort.InferenceSession(content, options, providers=available)
    except Exception as error:  # onnxruntime's errors have no other base
        raise CheckpointError(f"{weights} is no ONNX network that onnxruntime reads: {error}") from error
    first, *others = session.get_inputs()
    if others or len(first.shape) != 4:
        raise CheckpointError(
            f"{weights} takes {[one.shape for one in (first, *others)]}, expected one batch of pictures (N, 3, H, W)"
        )
    free, _, *size = first.shape
    return OnnxFile(
        session,
        first.name,
        free if isinstance(free, int) else BATCH,
        (size[0], size[1]) if all(isinstance(side, int) for side in size) else None,
    )


def input_size(weights: Path, sha256: str, given: tuple[int, int] | None) -> tuple[int, int]:
    """Return height and width of a network's input: `given`, or what its file says. Raises ModelParamError."""
    size = onnx_file(weights, sha256).size
    if size is not None and given not in (None, size):
        raise ModelParamError(
            f"{weights} takes pictures of {size} (height, width); options.size is {given}: leave it out"
        )
    if (chosen := size or given) is None:
        raise ModelParamError(
            f"{weights} leaves the size of its pictures free; say options.size: [height, width]"
        )
    return chosen


def rtmlib_tool(name: str, weights: Path, sha256: str, **options: Any) -> Any:
    """Make rtmlib's tool `name` (RTMPose, YOLOX, …), which prepares pictures and reads outputs; `onnx_file` runs them.

    Raises ModelParamError where rtmlib is not installed.
    """
    onnx_file(weights, sha256)  # rtmlib would fetch what is not there
    try:
        import rtmlib
    except ImportError as error:
        raise ModelParamError(f"rtmlib cannot be imported ({error}); {INSTALL}") from error
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the file's path
        return getattr(rtmlib, name)(str(weights), backend="onnxruntime", device="cpu", **options)


def rtmlib_version() -> str:
    """Return the version of rtmlib that is installed; every release so far is a 0.0."""
    try:
        return version("rtmlib")
    except PackageNotFoundError as error:
        raise ModelParamError(f"rtmlib is not there; {INSTALL}") from error


def made_with() -> dict[str, Any]:
    """Facts for the record, in no key: device, threads, pictures of a batch."""
    gpu = GPU in _onnxruntime().get_available_providers()
    return {"device": "cuda" if gpu else "cpu", "threads": 1, "inference_batch": BATCH}


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelParamError(f"onnxruntime cannot be imported ({error}); {INSTALL}") from error
    return onnxruntime

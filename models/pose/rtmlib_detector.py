"""People's boxes by YOLOX or RTMDet in an ONNX file, through rtmlib (Apache-2.0)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelParamError
from models.pose.batches import in_batches
from models.pose.onnx_session import RUNTIME, STOPS, input_size, onnx_file, rtmlib_tool, rtmlib_version

Model = Literal["yolox", "rtmdet"]

TOOLS: Mapping[str, str] = {"yolox": "YOLOX", "rtmdet": "RTMDet"}

PERSON = 0
"""Class of people, COCO's first."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class RtmlibDetector:
    """One ONNX file, with or without the suppression of doubles in it; BGR as in mmdet's training.

    model: which of rtmlib's ways to prepare a picture and to read the outputs. size: height and width of the input,
    where the file leaves them free. score: below which a box is none. overlap: intersection over union from which two
    boxes are of one person, where the file itself suppresses no doubles.
    """

    weights: Path
    sha256: str
    root: Path
    model: Model = "yolox"
    size: tuple[int, int] | None = None
    score: float = 0.5
    overlap: float = 0.45

    stops: ClassVar[tuple[type[Exception], ...]] = STOPS
    runtime: ClassVar[tuple[str, ...]] = RUNTIME

    def __post_init__(self) -> None:
        if self.model not in get_args(Model):
            raise ModelParamError(f"model must be one of {list(get_args(Model))}, got {self.model!r}")
        if self.size is not None:
            object.__setattr__(self, "size", tuple(self.size))
        for name in ("score", "overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise ModelParamError(f"{name} must lie in [0, 1], got {getattr(self, name)}")

    @property
    def in_key(self) -> dict[str, Any]:
        """Return the options that name results; the file's digest stands beside them."""
        size = input_size(self.weights, self.sha256, self.size)
        return {
            "rtmlib": rtmlib_version(),
            "model": self.model,
            "size": list(size),
            "score": self.score,
            "overlap": self.overlap,
        }

    def read(self) -> None:
        """Read the file before the first clip. Raises CheckpointError or ModelParamError."""
        _tool(self)

    def boxes(self, frames: Sequence[Pixels]) -> Iterator[NDArray[Any]]:
        """Yield each RGB frame's people (P, 4): left, top, right and bottom in its pixels."""
        tool, file = _tool(self), onnx_file(self.weights, self.sha256)
        for some in in_batches(frames, file.batch):
            prepared = [tool.preprocess(np.ascontiguousarray(frame[..., ::-1])) for frame in some]
            answers = file.run([picture for picture, _ in prepared])
            for (found, *_), (_, ratio) in zip(answers, prepared, strict=True):
                yield self._people(tool, found, ratio)

    def _people(self, tool: Any, found: NDArray[Any], ratio: float) -> NDArray[Any]:
        """(P, 4) of an answer of (1, n, 5), doubles suppressed, or (1, n, 5 + classes)."""
        if found.shape[2] == 5:  # rtmlib's own threshold here is fixed for YOLOX
            return np.asarray(found[0, found[0, :, 4] >= self.score, :4] / ratio)
        boxes, classes = tool.postprocess(found, ratio)
        people: NDArray[Any] = np.asarray(boxes, np.float32).reshape(-1, 4)[np.asarray(classes) == PERSON]
        return people


@lru_cache(maxsize=4)
def _tool(detector: RtmlibDetector) -> Any:
    size = input_size(detector.weights, detector.sha256, detector.size)
    return rtmlib_tool(
        TOOLS[detector.model], detector.weights, detector.sha256, model_input_size=size, det_mode="multiclass",
        score_thr=detector.score, nms_thr=detector.overlap,
    )  # fmt: skip

"""RTMPose, ViTPose and RTMO as ONNX files, through rtmlib (Apache-2.0): its pictures in, its joints out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelParamError
from models.pose.batches import in_batches
from models.pose.onnx_session import (
    RUNTIME,
    STOPS,
    input_size,
    made_with,
    onnx_file,
    rtmlib_tool,
    rtmlib_version,
)

Model = Literal["rtmpose", "vitpose", "rtmo"]

TOOLS: Mapping[str, str] = {"rtmpose": "RTMPose", "vitpose": "ViTPose", "rtmo": "RTMO"}

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class RtmlibNetwork:
    """One ONNX file. RTMPose and ViTPose take boxes (top-down), RTMO finds the people itself.

    model: which of rtmlib's ways to prepare a picture and to read the outputs. size: height and width of the input,
    where the file leaves them free. channels: order of the colours that the network was trained on; rgb for RTMPose and
    ViTPose, whose training turns BGR to RGB, and bgr for RTMO, as in mmpose's configs.
    box_score: for RTMO, below which a person's box is none.
    """

    weights: Path
    sha256: str
    root: Path
    model: Model = "rtmpose"
    size: tuple[int, int] | None = None
    channels: Literal["rgb", "bgr"] | None = None
    box_score: float = 0.3

    stops: ClassVar[tuple[type[Exception], ...]] = STOPS
    runtime: ClassVar[tuple[str, ...]] = RUNTIME

    def __post_init__(self) -> None:
        if self.model not in get_args(Model):
            raise ModelParamError(f"model must be one of {list(get_args(Model))}, got {self.model!r}")
        if self.size is not None:
            object.__setattr__(self, "size", tuple(self.size))
        if self.channels not in ("rgb", "bgr", None):
            raise ModelParamError(f"channels must be rgb or bgr, got {self.channels!r}")
        if not 0 <= self.box_score <= 1:
            raise ModelParamError(f"box_score must lie in [0, 1], got {self.box_score}")

    @property
    def finds_people(self) -> bool:
        """Whether it takes no boxes."""
        return self.model == "rtmo"

    @property
    def in_key(self) -> dict[str, Any]:
        """Return the options that name results; the file's digest stands beside them."""
        own = {"box_score": self.box_score} if self.finds_people else {}
        options = {"model": self.model, "size": list(self._size), "channels": self._channels, **own}
        return {"rtmlib": rtmlib_version(), **options}

    @property
    def made_with(self) -> dict[str, Any]:
        """Device, threads and batch, for the record."""
        return made_with()

    def read(self) -> None:
        """Read the file before the first clip. Raises CheckpointError or ModelParamError."""
        _tool(self)

    def people(
        self, frames: Sequence[Pixels], boxes: Sequence[NDArray[np.float32]]
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield each RGB frame's joints (P, V, 2) in its pixels, and their scores (P, V)."""
        if self.finds_people:
            yield from self._whole_frames(frames)
            return
        pairs = ((frame, box) for frame, its in zip(frames, boxes, strict=True) for box in its)
        poses = self._in_boxes(pairs)
        for its in boxes:
            found = [next(poses) for _ in its]
            yield _joined(found) if found else _NOBODY

    def _whole_frames(self, frames: Sequence[Pixels]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        tool, file = _tool(self), onnx_file(self.weights, self.sha256)
        for some in in_batches(frames, file.batch):
            prepared = [tool.preprocess(self._coloured(frame)) for frame in some]
            for outputs, (_, ratio) in zip(file.run([p for p, _ in prepared]), prepared, strict=True):
                nobody = outputs[0].shape[1] == 0  # rtmlib asks for the first of them
                yield _NOBODY if nobody else tool.postprocess(outputs, ratio, tool.nms_thr, tool.score_thr)

    def _in_boxes(
        self, pairs: Iterator[tuple[Pixels, NDArray[np.float32]]]
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """(1, V, 2) and (1, V) of each frame and box."""
        tool, file = _tool(self), onnx_file(self.weights, self.sha256)
        for some in in_batches(pairs, file.batch):
            prepared = [tool.preprocess(self._coloured(frame), box) for frame, box in some]
            answers = file.run([picture for picture, *_ in prepared])
            for outputs, (_, centre, scale) in zip(answers, prepared, strict=True):
                yield tool.postprocess(outputs, centre, scale)

    def _coloured(self, frame: Pixels) -> Pixels:
        return np.ascontiguousarray(frame[..., ::-1]) if self._channels == "bgr" else frame

    @property
    def _channels(self) -> str:
        return self.channels or ("bgr" if self.finds_people else "rgb")

    @property
    def _size(self) -> tuple[int, int]:
        return input_size(self.weights, self.sha256, self.size)


_NOBODY = np.zeros((0, 1, 2)), np.zeros((0, 1))


def _joined(found: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.concatenate([joints for joints, _ in found]), np.concatenate([score for _, score in found])


@lru_cache(maxsize=4)
def _tool(network: RtmlibNetwork) -> Any:
    height, width = input_size(network.weights, network.sha256, network.size)
    options: dict[str, Any] = (
        {"model_input_size": (height, width), "score_thr": network.box_score}
        if network.finds_people
        else {"model_input_size": (width, height)}
    )
    return rtmlib_tool(TOOLS[network.model], network.weights, network.sha256, **options)

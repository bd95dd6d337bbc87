"""Any top-down network of mmpose: its config and checkpoint, its own preparation of pictures and reading of outputs."""

import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.device import best_device
from models.errors import ModelError, ModelParamError
from models.files import load_state, read_torch, weights_content
from models.pose.batches import in_batches
from models.pose.mmpose_parts import mmpose

BATCH = {"cpu": 8, "cuda": 64}
"""People that the network sees at once, always: the last batch is filled up. Recorded, in no key."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class MMPoseNetwork:
    """One network: `config`, a file of mmpose's form, and its checkpoint.

    config: absolute, from the project's folder, or a place in the package's own configs, as
    "body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py". flip_test: whether a mirrored picture is
    averaged in; None leaves it to the config.
    """

    weights: Path
    sha256: str
    root: Path
    config: str
    flip_test: bool | None = None

    stops: ClassVar[tuple[type[Exception], ...]] = (ModelError, torch.OutOfMemoryError)
    runtime: ClassVar[tuple[str, ...]] = ("torch", "mmpose", "mmcv", "opencv-python")
    finds_people: ClassVar[bool] = False

    @property
    def in_key(self) -> dict[str, Any]:
        """Return the options that name results, as a digest of the config's network, preparation and joints."""
        config = _config(self)
        deciding = {"model": config.model.to_dict(), "pipeline": _pipeline(config), "joints": _joints(config)}
        text = json.dumps(deciding, sort_keys=True, default=str)
        return {"config_sha256": hashlib.sha256(text.encode()).hexdigest()}

    @property
    def made_with(self) -> dict[str, Any]:
        """Device, threads and batch, for the record."""
        device = best_device()
        return {"device": device, "threads": 1, "inference_batch": BATCH[device]}

    def read(self) -> None:
        """Read config and checkpoint before the first clip. Raises CheckpointError or ModelParamError."""
        _loaded(self)

    def people(
        self, frames: Sequence[Pixels], boxes: Sequence[NDArray[np.float32]]
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield each RGB frame's joints (P, V, 2) in its pixels, and their scores (P, V)."""
        loaded = _loaded(self)
        poses = loaded.poses((frame, box) for frame, its in zip(frames, boxes, strict=True) for box in its)
        for its in boxes:
            found = [next(poses) for _ in its]
            joints, score = zip(*found, strict=True) if found else ((), ())
            yield np.reshape(joints, (len(its), -1, 2)), np.reshape(score, (len(its), -1))


def untrained(config: str, root: Path) -> nn.Module:
    """Build the network of a config with the values that it starts training from. Raises ModelParamError."""
    return _built(_config(MMPoseNetwork(root, "", root, config)))


@dataclass(frozen=True)
class _Loaded:
    """A network in memory, and how its pictures are prepared."""

    network: nn.Module
    prepare: Any
    meta: dict[str, Any]
    """mmpose's facts about the joints: which a mirror exchanges among them."""
    device: str

    def poses(
        self, pairs: Iterable[tuple[Pixels, NDArray[np.float32]]]
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield (V, 2) and (V,) of each RGB frame and box, in batches of one size."""
        size = BATCH[self.device]
        for some in in_batches(pairs, size):
            prepared = [self._prepared(frame, box) for frame, box in some]
            prepared += prepared[-1:] * (size - len(prepared))
            for found in self._run(prepared)[: len(some)]:
                yield found.keypoints[0], found.keypoint_scores[0]

    def _prepared(self, frame: Pixels, box: NDArray[np.float32]) -> dict[str, Any]:
        picture = np.ascontiguousarray(frame[..., ::-1])  # BGR, as mmpose reads files
        one: dict[str, Any] = self.prepare(
            {"img": picture, "bbox": box[None], "bbox_score": np.ones(1, np.float32), **self.meta}
        )
        return one

    def _run(self, prepared: Sequence[dict[str, Any]]) -> list[Any]:
        from mmengine.dataset import pseudo_collate

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums differ in the last bits with their number; processes are the workers
        try:
            with _no_warnings(), torch.inference_mode():
                found = self.network.test_step(pseudo_collate(prepared))  # type: ignore[operator]
        finally:
            torch.set_num_threads(threads)
        return [one.pred_instances for one in found]


@lru_cache(maxsize=2)
def _loaded(of: MMPoseNetwork) -> _Loaded:
    config, device = _config(of), best_device()
    content, _ = weights_content(of.weights, of.sha256)
    document = read_torch(content, str(of.weights))
    from mmengine.dataset import Compose

    network = _built(config)
    load_state(network, document.get("state_dict", document), str(of.weights))
    return _Loaded(network.to(device).eval(), Compose(_pipeline(config)), _joints(config), device)


def _built(config: Any) -> nn.Module:
    from mmpose.models import build_pose_estimator

    with _no_warnings():
        network: nn.Module = build_pose_estimator(config.model)
    return network


@lru_cache(maxsize=4)
def _config(of: MMPoseNetwork) -> Any:
    """The config, its bases joined in, and without what would fetch weights. Raises ModelParamError."""
    package = Path(str(mmpose().__file__)).parent / ".mim" / "configs"
    from mmengine.config import Config

    places = [of.root / of.config, package / of.config]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise ModelParamError(
            f"config {of.config!r} is no file in {of.root}, nor in mmpose's own {package}; correct it"
        )
    try:
        config = Config.fromfile(path)
        kind = config.get("data_mode", "topdown")
        if kind != "topdown":
            raise ModelParamError(
                f"{path} is of a {kind} network: mmpose is run top-down here; RTMO runs as ONNX through rtmlib"
            )
        backbone = config.model.backbone
        backbone.init_cfg = None  # names a file on the web
        if (
            backbone.get("_scope_", "mmdet") == "mmdet"
        ):  # mmpose has it too, and mmdet's import asks for all of mmcv
            backbone._scope_ = "mmpose"
        if of.flip_test is not None:
            config.model.test_cfg.flip_test = of.flip_test
    except (AttributeError, KeyError, SyntaxError, OSError) as error:
        raise ModelParamError(f"{path} is no config of a pose network: {error!r}") from error
    return config


def _pipeline(config: Any) -> list[dict[str, Any]]:
    """The config's preparation of a picture, in plain values."""
    return [dict(step) for step in config.test_dataloader.dataset.pipeline]


def _joints(config: Any) -> dict[str, Any]:
    """mmpose's facts about the joints of the config's data."""
    from mmpose.apis.inference import dataset_meta_from_config

    with _no_warnings():
        meta: dict[str, Any] = dataset_meta_from_config(config, dataset_mode="test")
    return meta


@contextmanager
def _no_warnings() -> Iterator[None]:
    """mmpose warns of torch's newer names and of where it finds its own configs: nothing that a user could mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

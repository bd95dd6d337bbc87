"""Tracks of SLEAP and DeepLabCut, read by the package movement, and its datasets, written: it is known here alone."""

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.datasets.table.keypoints import BROKEN, Floats, tracked
from pipeline.errors import ParamError, SkeletonError
from pipeline.skeleton.layouts import Layout
from pipeline.values import Skeleton

SUFFIXES = (".slp", ".h5", ".csv", ".nc")
"""SLEAP's labels and analysis, DeepLabCut's (and Lightning Pose's) tables, and movement's own datasets."""

FORM = "SLEAP's .slp or analysis .h5, DeepLabCut's .csv, or a dataset of poses that movement saved as .nc"

WRONG = (*BROKEN, OSError, RuntimeError, AssertionError, EOFError, MemoryError)
"""Errors by which movement, and what it reads through, show that a file has another form."""


def check_installed() -> None:
    """Raise ParamError, with what to do, where the package is not there."""
    if find_spec("movement") is None:
        raise ParamError(
            "tracks of SLEAP and DeepLabCut, and datasets of poses, are read and written by the package movement, "
            "which is not there: make movement (docs/datasets.md)"
        )


def read_movement(
    path: Path, layout: Layout, max_persons: int, first_frame: int, keypoint_names: Mapping[str, str]
) -> tuple[Skeleton, frozenset[str]]:
    """The skeleton in a file of tracks, in pixels, and its flags.

    keypoint_names: of joints of the layout that the file calls otherwise, its names for them. An individual is one
    person throughout, whatever its name; the surest over all frames get the first slots. A joint without a confidence
    scores 1 where it is known. Raises SkeletonError.
    """
    try:
        dataset = _dataset(path)
        position = np.asarray(
            dataset["position"].transpose("time", "individuals", "keypoints", "space"), float
        )
        confidence = np.asarray(dataset["confidence"].transpose("time", "individuals", "keypoints"), float)
        names = [str(name) for name in dataset["keypoints"].values]
        frames = _frames(dataset) - first_frame
    except SkeletonError:
        raise
    except WRONG as error:
        raise SkeletonError(f"{path.name}: expected {FORM} ({error!r:.120})") from error
    if position.shape[3] != 2:
        raise SkeletonError(
            f"{path.name}: joints in {position.shape[3]} dimensions, whose unit nobody says; write metres into a .npz "
            "file (docs/presets.md), or name the tracks in pixels"
        )
    numbers = np.concatenate([position, np.where(np.isnan(confidence), 1.0, confidence)[..., None]], axis=3)
    picked = _picked(names, layout, keypoint_names, path.name)
    individuals: list[dict[int, Floats]] = [
        dict(zip(frames.tolist(), one, strict=True)) for one in numbers.swapaxes(0, 1)
    ]
    return tracked(individuals, picked, layout, max_persons, path.name)


def write_movement(path: Path, skeleton: Skeleton, layout: Layout) -> None:
    """Write joints in pixels as movement's dataset of poses (netCDF), which `read_movement` reads back.

    Its times are the video's frames, its confidence the joints' score; slots in which nobody is ever known are left
    out. Raises SkeletonError where no joint is known in pixels.
    """
    load = _movement()
    known = np.asarray(np.isfinite(skeleton.joints_2d).all(axis=3), bool)
    people = np.flatnonzero(known.any(axis=2).any(axis=0))
    if not people.size:
        raise SkeletonError("no joint is known in pixels, which is what movement's datasets hold")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = load.from_numpy(
            position_array=np.transpose(skeleton.joints_2d[:, people], (0, 3, 2, 1)),
            confidence_array=np.transpose(skeleton.score[:, people], (0, 2, 1)),
            individual_names=[f"person_{slot}" for slot in people],
            keypoint_names=list(layout.joints),
            source_software="harcache",
        )
        dataset.assign_coords(time=skeleton.video_frame).to_netcdf(path)


def _dataset(path: Path) -> Any:
    """movement's dataset (an xarray.Dataset) of a file."""
    load = _movement()
    if not path.is_file():
        raise SkeletonError(f"{path.name}: no such file; make it, or leave the cell empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.suffix == ".nc":
            return load.xr.load_dataset(path)
        if path.suffix == ".csv":
            return load.from_dlc_file(path)
        if path.suffix == ".h5":
            _refuse_pickles(path)
        return load.from_sleap_file(path)


def _refuse_pickles(path: Path) -> None:
    with h5py.File(path) as file:
        if "tracks" not in file:
            raise SkeletonError(
                f"{path.name}: no analysis file of SLEAP. DeepLabCut's .h5 holds pickles, code that would run here: "
                "write its .csv (deeplabcut.analyze_videos_converth5_to_csv)"
            )


def _frames(dataset: Any) -> Any:
    """(T,) int64: the frame of each time, which movement counts from 0 or in seconds."""
    times = np.asarray(dataset["time"].values, float)
    per_second = float(dataset.attrs["fps"]) if dataset.attrs.get("time_unit") == "seconds" else 1.0
    return np.rint(times * per_second).astype(np.int64)


def _picked(names: Sequence[str], layout: Layout, called: Mapping[str, str], name: str) -> list[int]:
    """The place in the file of each joint of the layout."""
    there = {_plain(keypoint): place for place, keypoint in enumerate(names)}
    wanted = {joint: _plain(called.get(joint, joint)) for joint in layout.joints}
    if lacking := [joint for joint, keypoint in wanted.items() if keypoint not in there]:
        raise SkeletonError(
            f"{name}: its keypoints are {', '.join(names)[:200]}; which of them is {', '.join(lacking[:3])} of layout "
            f"{layout.name}? Say index.options.keypoint_names, as {{{lacking[0]}: {names[0]}}}"
        )
    return [there[keypoint] for keypoint in wanted.values()]


def _plain(keypoint: str) -> str:
    """Left Shoulder, left-shoulder and left_shoulder are one."""
    return keypoint.strip().lower().replace(" ", "_").replace("-", "_")


@cache
def _movement() -> Any:
    """movement.io.load_poses, without the log file, the console and the warnings that its import sets up."""
    check_installed()
    shown = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from movement.io import load_poses
        from movement.utils.logging import logger
    logger.remove()
    warnings.showwarning = shown
    return load_poses

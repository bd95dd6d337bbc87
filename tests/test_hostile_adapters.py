"""Skeletons, labels and lists of the adapters, spoilt at random: each is read, or refused by an error of ours."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.nw_ucla.skeletons import bodies_of, read_json
from pipeline.datasets.pku_mmd.text_files import read_joints, read_labels, read_sides
from pipeline.datasets.smarthome.skeleton_file import read_smarthome_skeleton
from pipeline.errors import ClipError, DatasetError, SkeletonError

TIMES = 300
ROUGH = [
    b"",
    b",",
    b"\n",
    b"-",
    b"nan",
    b"1e999",
    b"[",
    b"]",
    b"{}",
    b"null",
    b"\xff\xfe",
    b"0" * 400,
    b'"',
    b"#",
    b"true",
]


def joints(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).round(3)


def bodies(path: Path) -> Any:
    return bodies_of(path.read_text("ascii", "replace"), path.name)


def smarthome(path: Path) -> Any:
    return read_smarthome_skeleton(path, 2)


def labels(path: Path) -> list[Any]:
    return list(read_labels(path))


LINES = "".join(f"{x:.3f},{y:.3f},{z:.3f},2\n" for x, y, z in joints(20, 3))
FILES: dict[str, tuple[Callable[[Path], Any], bytes]] = {
    "nw_ucla json": (read_json, json.dumps({"skeletons": joints(3, 20, 3).tolist()}).encode()),
    "nw_ucla text": (bodies, f"1\n{LINES}2\n{LINES}".encode()),
    "smarthome": (
        smarthome,
        json.dumps(
            {"njts": 13, "frames": [[{"pose2d": joints(26).tolist(), "pose3d": joints(39).tolist()}], []]}
        ).encode(),
    ),
    "pku skeleton": (read_joints, "\n".join(" ".join(map(str, row)) for row in joints(4, 150)).encode()),
    "pku labels": (labels, b"1,4,16,2\n3,18,30,2\n"),
    "pku list": (read_sides, b"Training videos:\n0002-L, 0003-M\nValidation videos:\n0004-R\n"),
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_spoilt_file_is_read_or_refused(tmp_path: Path, name: str) -> None:
    read, sound = FILES[name]
    rng = np.random.default_rng(7)
    path = tmp_path / "0002-L.txt"
    path.write_bytes(sound)
    read(path)
    refused: list[str] = []
    for _ in range(TIMES):
        data = bytearray(sound)
        for _ in range(rng.integers(1, 4)):
            start = int(rng.integers(0, len(data) + 1))
            data[start : start + int(rng.integers(0, 12))] = ROUGH[rng.integers(len(ROUGH))]
        path.write_bytes(bytes(data[: int(rng.integers(1, len(data) + 2))] if rng.random() < 0.2 else data))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = read(path)
        except (SkeletonError, DatasetError) as error:
            refused.append(str(error))
        else:
            listed = found if name == "pku labels" else ()
            refused += [str(action) for action in listed if isinstance(action, ClipError)]
    assert len(refused) > TIMES / 10
    assert all(path.name in reason for reason in refused)

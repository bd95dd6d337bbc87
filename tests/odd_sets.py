"""Small datasets in other forms than the demo's: a table, a pickle, loose files; and a project on each."""

import json
import pickle
from pathlib import Path
from typing import Any

import av
import numpy as np
import yaml
from tiny import Project, tiny_params

FRAMES = 12


def video(path: Path, shade: int = 0, frames: int = FRAMES) -> None:
    """Pictures of 64 x 48 that differ from frame to frame and from shade to shade."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            picture = np.full((48, 64, 3), 40 + (shade * 17) % 160, np.uint8)
            picture[:, (number * 5) % 60 :][:, :4] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def joints(seed: int, frames: int = FRAMES) -> np.ndarray:
    """(T, 1, 25, 3): somebody who moves, 3 metres away."""
    still = np.random.default_rng(seed).normal(0, 0.3, (1, 1, 25, 3)) + np.array([0, 0, 3])
    moved = np.sin(np.arange(frames)[:, None, None, None] / 3 + np.arange(25)[None, None, :, None])
    return np.asarray(still + 0.2 * moved, np.float64)


def npz(path: Path, seed: int) -> None:
    """The same as a table's skeleton file, with pixels."""
    metres = joints(seed)
    np.savez(
        path, joints_3d=metres, joints_2d=np.stack([32 + 8 * metres[..., 0], 24 + 8 * metres[..., 1]], -1)
    )


def ntu_text(seed: int, frames: int = FRAMES) -> str:
    """The same as NTU's text."""
    lines = [str(frames)]
    for body in joints(seed, frames)[:, 0]:
        lines += ["1", "72057594037927810 0 1 1 1 1 0 0.1 -0.1 2", "25"]
        lines += [
            f"{x:.5f} {y:.5f} {z:.5f} 0 0 {32 + 8 * x:.3f} {24 - 8 * y:.3f} 0 0 0 1 2" for x, y, z in body
        ]
    return "\n".join(lines) + "\n"


def project(root: Path, **changes: Any) -> Project:
    """An empty data/raw/demo, and the tiny preset with `changes`."""
    made = Project(root)
    made.raw.mkdir(parents=True)
    (root / "params.yaml").write_text(yaml.safe_dump(tiny_params(**changes)))
    return made


TABLE = {"adapter": "table", "protocol": "table", "max_frames": 64, "shard_rows": 64, "options": {}}
PYSKL = {**TABLE, "adapter": "pyskl", "protocol": "xsub"}


def table(made: Project, rows: list[dict[str, Any]]) -> None:
    """table.csv, and each video or skeleton that it names and that is not there."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [",".join(str(row.get(column, "")) for column in columns) for row in rows]
    (made.raw / "table.csv").write_text("\n".join([",".join(columns), *lines]) + "\n")
    for number, row in enumerate(rows):
        for column, make in (("video", video), ("skeleton", npz)):
            if row.get(column) and not (made.raw / row[column]).exists():
                make(made.raw / row[column], number)


def annotation(name: str, label: int, seed: int = 0) -> dict[str, Any]:
    """One of PYSKL's, in metres."""
    keypoint = joints(seed).transpose(1, 0, 2, 3).astype(np.float32)
    return {"frame_dir": name, "label": label, "total_frames": FRAMES, "keypoint": keypoint}


def pickled(made: Project, annotations: list[dict[str, Any]], split: dict[str, list[str]]) -> None:
    """annotations.pkl."""
    (made.raw / "annotations.pkl").write_bytes(pickle.dumps({"split": split, "annotations": annotations}))


def failures(made: Project) -> dict[str, dict[str, Any]]:
    """Lines of failures.jsonl by clip."""
    return {line["clip_id"]: line for line in map(json.loads, made.paths.failures.read_text().splitlines())}

"""More inputs that `mutants` spoils: keypoints of other tools, the adapters' own files, and class scores."""

import copy
import json
import pickle
import random
from collections.abc import Callable
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bench.mutant_kinds import FRAMES, ODD_CELLS, Kind, Rng, odd_array, odd_arrays, people, read_clips
from pipeline.datasets.nw_ucla.adapter import NwUcla
from pipeline.datasets.pku_mmd.adapter import PkuMmd
from pipeline.datasets.smarthome.adapter import Smarthome
from pipeline.datasets.table.adapter import Table
from pipeline.datasets.ucf101.adapter import Ucf101
from pipeline.evaluation.score_files import read_scores
from pipeline.skeleton.layouts import COCO_17

ODD_JSON: tuple[Any, ...] = (
    None,
    -1,
    0,
    2**40,
    10**30,
    1.5,
    -1e300,
    1e7,
    "",
    "9",
    "x" * 500,
    [],
    [[]],
    {},
    [0],
    True,
    [1] * 99,
)
"""Values that JSON may hold and that no field expects, or not of that size."""

LABELS = b"1,4,16,2\n3,18,30,2\n"
LIST = b"Archery/v_Archery_g08_c01.avi 1\nArchery/v_Archery_g09_c01.avi 1\n"
UCLA, HOME, RECORDING = "a01_s01_e00_v01", "Walk_p03_r01_v16_c06", "0002-L"


def pixels(joints: int) -> Any:
    """(T, V, 3) numbers: x and y in pixels, and a score."""
    found = 100 + 10 * people(joints)[:, 0]
    found[..., 2] = 0.75
    return found.round(2)


def written(document: Any, rng: Rng) -> bytes:
    """Dump a document as JSON; spoilt, a value anywhere in it is another."""
    if rng is not None:
        document = copy.deepcopy(document)
        place = document
        while True:
            key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if not place[key] or not isinstance(place[key], dict | list) or rng.random() < 0.2:
                break
            place = place[key]
        place[key] = rng.choice(ODD_JSON)
    return json.dumps(document).encode()


def openpose(rng: Rng = None) -> bytes:
    """One of OpenPose's files, BODY_25, two people."""
    one, other = pixels(25)[:2].reshape(2, -1).tolist()
    return written(
        {"version": 1.3, "people": [{"pose_keypoints_2d": one}, {"pose_keypoints_2d": other}]}, rng
    )


def coco(rng: Rng = None) -> bytes:
    """COCO's images and annotations."""
    images = [{"id": 900 + t, "file_name": f"{t:05d}.jpg"} for t in range(FRAMES)]
    bodies = pixels(17).reshape(FRAMES, -1).tolist()
    listed = [{"image_id": 900 + t, "num_keypoints": 17, "keypoints": body} for t, body in enumerate(bodies)]
    return written({"images": images, "annotations": listed}, rng)


def mediapipe(rng: Rng = None) -> bytes:
    """Results of its pose landmarker."""
    found = [
        {"pose_landmarks": [{"x": x, "y": y, "z": 0.0, "visibility": 0.75} for x, y, _ in frame]}
        for frame in (pixels(33) / 200).tolist()
    ]
    return written([*found, None], rng)


def deeplabcut(rng: Rng = None) -> bytes:
    """Its CSV of one animal."""
    columns = [(joint, axis) for joint in COCO_17.joints for axis in ("x", "y", "likelihood")]
    lines = [["scorer", *("DLC" for _ in columns)]]
    lines += [["bodyparts", *(joint for joint, _ in columns)], ["coords", *(axis for _, axis in columns)]]
    lines += [[str(t), *map(str, frame.reshape(-1).tolist())] for t, frame in enumerate(pixels(17))]
    if rng is not None:
        line = rng.choice(lines)
        line[rng.randrange(len(line))] = str(rng.choice(ODD_CELLS))
    return ("\n".join(",".join(line) for line in lines) + "\n").encode(errors="replace")


def sleap(rng: Rng = None) -> bytes:
    """Its analysis file: (tracks, axes, nodes, frames)."""
    found = pixels(17)
    arrays: dict[str, Any] = {
        "tracks": found[..., :2].T[:, :, :].swapaxes(0, 1)[None].swapaxes(1, 2),
        "point_scores": found[..., 2].T[None],
        "track_names": np.array([b"ann"]),
        "node_names": np.array([name.encode() for name in COCO_17.joints]),
        "track_occupancy": np.ones((FRAMES, 1), bool),
    }
    sink = BytesIO()
    with h5py.File(sink, "w") as file:
        for name, array in (arrays if rng is None else _odd_hdf(rng, arrays)).items():
            file[name] = array
        file["edge_inds"], file["edge_names"] = np.zeros((0, 2), int), np.zeros((0, 2), "S1")
    return sink.getvalue()


def _odd_hdf(rng: random.Random, arrays: dict[str, Any]) -> dict[str, Any]:
    """Numbers of another type or shape; HDF5 holds no text of NumPy's."""
    numbers = {name: array for name, array in arrays.items() if array.dtype.kind != "S"}
    odd = {name: array for name, array in odd_arrays(rng, numbers).items() if array.dtype.kind != "U"}
    return {**{name: array for name, array in arrays.items() if name not in numbers}, **odd}


def ucla(rng: Rng = None) -> bytes:
    """The JSON form of Northwestern-UCLA."""
    return written({"file_name": UCLA, "skeletons": people(20)[:, 0].tolist(), "label": 1}, rng)


def smarthome(rng: Rng = None) -> bytes:
    """Toyota Smarthome's refined skeletons."""
    frames = [
        [{"pose2d": frame[:, :2].T.reshape(-1).tolist(), "pose3d": frame.T.reshape(-1).tolist()}]
        for frame in pixels(13)
    ]
    return written({"K": 1, "njts": 13, "frames": [*frames, []]}, rng)


def pku_text() -> bytes:
    """PKU-MMD's skeleton of a recording of thirty frames, two people."""
    both = np.tile(people(25).reshape(FRAMES, -1), (5, 2))
    return "\n".join(" ".join(f"{x:.4f}" for x in row) for row in both).encode()


def scores(ending: str, rng: Rng = None) -> bytes:
    """Class scores of four clips."""
    ids, values = [f"clip_{n}" for n in range(4)], np.arange(12.0).reshape(4, 3) / 12
    if ending == "npz":
        sink = BytesIO()
        arrays = {"scores": values}
        np.savez(sink, ids=np.array(ids), **(arrays if rng is None else odd_arrays(rng, arrays)))
        return sink.getvalue()
    rows: list[list[Any]] = [[name, *row] for name, row in zip(ids, values.tolist(), strict=True)]
    if rng is not None:
        row = rng.choice(rows)
        row[rng.randrange(len(row))] = rng.choice(ODD_CELLS)
    if ending == "csv":
        sink_text = StringIO()
        sink_text.write("clip_id,a,b,c\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n")
        return sink_text.getvalue().encode(errors="replace")
    content: Any = {str(row[0])[:99]: row[1:] for row in rows}
    if rng is not None:
        content[rng.choice(list(content))] = rng.choice((*ODD_CELLS, odd_array(rng, values)))
    return pickle.dumps(content, protocol=4)


def _table(layout: str) -> Callable[[Path, str], list[str]]:
    def read(folder: Path, name: str) -> list[str]:
        (folder / "table.csv").write_text(f"skeleton,label\n{name.partition('/')[0]},a\n")
        return read_clips(Table(folder, layout=layout))

    return read


def _pku(folder: Path, name: str) -> list[str]:
    """With both files there, the other one sound."""
    for kind, sound in (("skeleton", pku_text()), ("label", LABELS)):
        path = folder / kind / f"{RECORDING}.txt"
        if not name.startswith(kind):
            path.parent.mkdir()
            path.write_bytes(sound)
    return read_clips(PkuMmd(folder))


def _listed(folder: Path, _: str) -> list[str]:
    """The lists of UCF101; its videos are not read."""
    clips = folder / "UCF-101" / "Archery"
    clips.mkdir(parents=True)
    for group in (1, 8, 9):
        (clips / f"v_Archery_g{group:02d}_c01.avi").write_bytes(b"")
    lists = folder / "ucfTrainTestlist"
    (lists / "classInd.txt").write_text("1 Archery\n")
    for split in (1, 2, 3):
        (lists / f"testlist{split:02d}.txt").write_text("Archery/v_Archery_g01_c01.avi\n")
        if split > 1:
            (lists / f"trainlist{split:02d}.txt").write_text("Archery/v_Archery_g08_c01.avi 1\n")
    dataset = Ucf101(folder)
    for clip in dataset.listing().clips:
        for protocol in dataset.protocols:
            if dataset.split(clip, protocol) not in ("train", "test", "unused"):
                raise AssertionError(f"{clip.clip_id} is on no side of {protocol}")
    return [error for _, error, _ in dataset.listing().failures]


def _scores(folder: Path, name: str) -> list[str]:
    table = read_scores(folder / name)
    if table.scores.ndim != 2 or len(table.scores) != len(table.names) or not np.isfinite(table.scores).all():
        raise AssertionError(f"scores {table.scores.shape} of {len(table.names)} clips")
    return []


POSES: dict[str, Kind] = {
    "openpose": Kind("clip/clip_000000000000_keypoints.json", openpose, _table("openpose_25"), openpose),
    "coco": Kind("clip.json", coco, _table("coco_17"), coco),
    "mediapipe": Kind("clip.json", mediapipe, _table("mediapipe_33"), mediapipe),
    "ucla": Kind(f"{UCLA}.json", ucla, lambda at, _: read_clips(NwUcla(at)), ucla),
    "smarthome": Kind(
        f"skeletonv12/{HOME}_pose3d.json", smarthome, lambda at, _: read_clips(Smarthome(at)), smarthome
    ),
    "pku": Kind(f"skeleton/{RECORDING}.txt", pku_text, _pku),
    "pku_label": Kind(f"label/{RECORDING}.txt", lambda: LABELS, _pku),
    "list": Kind("ucfTrainTestlist/trainlist01.txt", lambda: LIST, _listed),
    "scores_pkl": Kind("scores.pkl", partial(scores, "pkl"), _scores, partial(scores, "pkl")),
    "scores_npz": Kind("scores.npz", partial(scores, "npz"), _scores, partial(scores, "npz")),
    "scores_csv": Kind("scores.csv", partial(scores, "csv"), _scores, partial(scores, "csv")),
}
"""Kinds by name, those that need no package of their own."""

TRACKS: dict[str, Kind] = {
    "deeplabcut": Kind("clip.csv", deeplabcut, _table("coco_17"), deeplabcut),
    "sleap": Kind("clip.h5", sleap, _table("coco_17"), sleap),
}
"""Kinds that the package movement reads."""

"""The inputs that `mutants` spoils: for each kind a few sound files, and how the house reads them to the end."""

import pickle
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.io import savemat

from pipeline.datasets.ntu.adapter import Ntu
from pipeline.datasets.protocol import Dataset, fit_to_video, without_absurd
from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.datasets.table.adapter import Table
from pipeline.datasets.utd_mhad.adapter import UtdMhad
from pipeline.errors import ClipError
from pipeline.params.presets import load_preset
from pipeline.values import Clip, Skeleton
from pipeline.video.video import AvVideo, VideoFacts

Rng = random.Random | None
"""None makes a sound file; else its content is spoilt, its form is whole."""
FAILED = "failed"
"""Stands among the flags for a clip that was refused by its name."""
FRAMES, MOST_FRAMES = 6, 100_000
CSV = (
    "video,label,skeleton,subject,camera,split\n"
    "a.avi,wave,a.npz,1,1,train\nb.avi,bow,b.npz,2,1,test\nc.avi,bow,c.npz,3,2,\n"
)
NTU_NAME = "S001C001P001R001A001"


ODD_NUMBERS = (np.nan, np.inf, -np.inf, 1e30, -1e300, 1e7, -5.0, 0.0, 1e-320)
ODD_CELLS = (
    None, -1, 0, 2**40, 2**62, 1.5, -0.0, float("nan"), 1e300, "", " ", "é" * 100, "x" * 5000, "9" * 20, "١٢",
    b"\xff\xfe", True, "a.avi", "../a.avi", "/etc/passwd", "a\x00b", "train", "unused", "nan", "1.0",
)  # fmt: skip


def people(joints: int = 25) -> np.ndarray:
    """(T, 1, V, 3): one person who stands and moves a little."""
    return np.asarray(np.random.default_rng(0).normal(0, 0.3, (FRAMES, 1, joints, 3)) + np.array([0, 0, 3]))


def skeleton_text() -> bytes:
    """Write joints in the text form of NTU's `.skeleton` files."""
    lines = [str(FRAMES)]
    for body in people()[:, 0]:
        lines += ["1", "72057594037927810 0 1 1 1 1 0 0.1 -0.1 2", "25"]
        lines += [
            f"{x:.4f} {y:.4f} {z:.4f} 0 0 {960 + 300 * x:.2f} {540 - 300 * y:.2f} 0 0 0 1 2"
            for x, y, z in body
        ]
    return ("\n".join(lines) + "\n").encode()


def npz(rng: Rng = None) -> bytes:
    """A table's skeleton file."""
    sink = BytesIO()
    metres = people()
    arrays = {"joints_3d": metres, "joints_2d": 32 + 8 * metres[..., :2], "video_frame": np.arange(FRAMES)}
    np.savez(sink, **(arrays if rng is None else odd_arrays(rng, arrays)))  # type: ignore[arg-type]
    return sink.getvalue()


def parquet(rng: Rng = None) -> bytes:
    """The same as CSV; spoilt, one column holds other values."""
    head, *lines = CSV.splitlines()
    cells = zip(*(line.split(",") for line in lines), strict=True)
    columns: dict[str, list[Any]] = dict(zip(head.split(","), map(list, cells), strict=True))
    if rng is not None:
        columns[rng.choice(list(columns))] = [rng.choice(ODD_CELLS)] * 2 + [None]
    sink = BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def annotations(protocol: int, rng: Rng = None) -> bytes:
    """PYSKL's form, two clips of COCO; spoilt, some field of one or of the file is another value."""
    pixels = (100 + 10 * people(17)[..., :2]).swapaxes(0, 1).astype(np.float32)
    names = (NTU_NAME, NTU_NAME.replace("P001", "P003"))
    found: list[dict[str, Any]] = [
        {
            "frame_dir": name,
            "label": label,
            "total_frames": FRAMES,
            "img_shape": (480, 640),
            "keypoint": pixels,
        }
        for label, name in enumerate(names)
    ]
    split: dict[str, Any] = {"xsub_train": [names[0]], "xsub_val": [names[1]]}
    content: Any = {"split": split, "annotations": found}
    if rng is not None:
        value: Any
        place: Any = rng.choice((found[0], found[1], found[1], found, split, content))
        value = rng.choice(
            (*ODD_CELLS, odd_array(rng, pixels), odd_array(rng, pixels), {0.5: 1}, [], (0, -1), {})
        )
        place[rng.randrange(2) if isinstance(place, list) else rng.choice([*place, "keypoint_score"])] = value
    return pickle.dumps(content, protocol=protocol)


def mat(name: str, rng: Rng = None) -> bytes:
    """UTD-MHAD's: `d_skel` (20, 3, T) or `d_depth` (H, W, T)."""
    sink = BytesIO()
    depth = np.full((24, 32, FRAMES), 3000, np.uint16)
    arrays = {name: people(20)[:, 0].transpose(1, 2, 0) if name == "d_skel" else depth}
    savemat(sink, arrays if rng is None else odd_arrays(rng, arrays), do_compression=rng is None)
    return sink.getvalue()


def odd_arrays(rng: random.Random, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One of them changed, renamed or gone."""
    name = rng.choice(list(arrays))
    found = {**arrays, name: odd_array(rng, arrays[name])}
    if rng.random() < 0.1:
        found["other"] = found.pop(name)
    return found


def odd_array(rng: random.Random, array: np.ndarray) -> np.ndarray:
    """Other numbers, another type or another shape."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changed = np.array(array).astype(
            rng.choice(("f8", "f8", "f8", "f2", "i1", "u1", "i8", "bool", "c16", "U8"))
        )
    if rng.random() < 0.7 and changed.dtype.kind == "f":
        for _ in range(rng.choice((1, 5, changed.size))):
            changed.flat[rng.randrange(changed.size)] = rng.choice(ODD_NUMBERS)
    shapes = (
        changed,
        changed,
        changed,
        changed[:0],
        changed[..., :0],
        changed[..., 0],
        changed.T,
        changed[None],
    )
    shown = (*shapes, changed.repeat(2, axis=-1), changed.reshape(-1), changed[..., :1])
    return np.array(rng.choice(shown), order="C")


def video(form: str) -> bytes:
    """Eight pictures of 64 x 48."""
    sink = BytesIO()
    with av.open(sink, "w", format=form) as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(8):
            picture = np.full((48, 64, 3), 30 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return sink.getvalue()


def read_clips(dataset: Dataset) -> list[str]:
    """Every clip as `index` reads it; the flags found. A clip's own failure counts as one."""
    listing, flags = dataset.listing(), []
    for clip in listing.clips:
        try:
            flags += _read_clip(dataset, clip)
        except ClipError:
            flags.append(FAILED)
    return [*flags, *(FAILED for _ in listing.failures)]


def _read_clip(dataset: Dataset, clip: Clip) -> list[str]:
    skeleton, flags = dataset.read_skeleton(clip)
    facts = dataset.open_video(clip).probe() if dataset.modality == "none" else None
    if facts is not None:
        check_facts(facts)
        skeleton, more = fit_to_video(skeleton, facts.num_frames)
        flags |= more
    kept, odd = without_absurd(skeleton, dataset.layout)
    check_skeleton(kept, dataset)
    if not 0 <= clip.label < len(dataset.classes):
        raise AssertionError(f"label {clip.label} of {len(dataset.classes)} classes")
    return sorted(flags | odd)


def check_skeleton(skeleton: Skeleton, dataset: Dataset) -> None:
    """A silent wrong shape, or an infinity that got through."""
    shape = skeleton.score.shape[1:]
    if shape != (dataset.max_persons, dataset.layout.num_joints):
        raise AssertionError(f"a skeleton of {shape}")
    for joints in (skeleton.joints_3d, skeleton.joints_2d):
        if joints.dtype != np.float32 or np.isinf(joints).any():
            raise AssertionError(f"joints of {joints.dtype} up to {np.nanmax(np.abs(joints)):g}")


def check_facts(facts: VideoFacts) -> None:
    """Counts and sizes that no later stage could hold."""
    if not (facts.num_frames > 0 and facts.height > 0 and facts.width > 0 and facts.fps >= 0):
        raise AssertionError(f"facts that cannot be: {facts}")


def read_video(path: Path) -> list[str]:
    """Probed, then the first, middle and last picture decoded."""
    source = AvVideo(path)
    facts = source.probe()
    check_facts(facts)
    if facts.num_frames > MOST_FRAMES:
        raise AssertionError(f"{facts.num_frames} frames in {path.stat().st_size} bytes")
    for number, picture in source.frames(sorted({0, facts.num_frames // 2, facts.num_frames - 1})):
        if picture.shape != (facts.height, facts.width, 3):
            raise AssertionError(f"frame {number} is {picture.shape}, {facts} were told")
    return []


def _table(folder: Path, name: str) -> list[str]:
    for other in ("a.avi", "b.avi", "c.avi", "a.npz", "b.npz", "c.npz"):
        if not (folder / other).exists():
            (folder / other).write_bytes(npz() if other.endswith("npz") else b"")
    return read_clips(Table(folder, table=name, layout="ntu_25"))


def _pyskl(folder: Path, _: str) -> list[str]:
    return read_clips(Pyskl(folder))


def _own_skeleton(folder: Path, _: str) -> list[str]:
    (folder / "table.csv").write_text("skeleton,label\none.npz,a\n")
    return read_clips(Table(folder, layout="ntu_25"))


def _depth(folder: Path, name: str) -> list[str]:
    skeleton = folder / name.replace("depth", "skeleton")
    if not skeleton.exists():
        skeleton.write_bytes(mat("d_skel"))
    dataset = UtdMhad(folder)
    for clip in dataset.listing().clips:
        facts = dataset.open_video(clip).probe()
        check_facts(facts)
        list(dataset.open_video(clip).frames(sorted({0, facts.num_frames - 1})))
    return read_clips(dataset)


Reader = Callable[[Path, str], list[str]]
"""(folder, the file's name) to the flags found."""


def _params(folder: Path, name: str) -> list[str]:
    load_preset(folder / name, "ntu60_xsub")
    return []


@dataclass(frozen=True)
class Kind:
    """One kind of input."""

    file: str
    sound: Callable[[], bytes]
    read: Reader
    odd: Callable[[random.Random], bytes] | None = None
    """Whole in form, odd in content; None where spoilt bytes reach everything."""


KINDS: dict[str, Kind] = {
    "skeleton": Kind(
        f"{NTU_NAME}.skeleton", skeleton_text, lambda at, _: read_clips(Ntu(at, missing_list="none"))
    ),
    "npz": Kind("one.npz", npz, _own_skeleton, npz),
    "csv": Kind("table.csv", CSV.encode, _table),
    "parquet": Kind("table.parquet", parquet, _table, parquet),
    "pickle2": Kind("annotations.pkl", lambda: annotations(2), _pyskl, lambda rng: annotations(2, rng)),
    "pickle4": Kind("annotations.pkl", lambda: annotations(4), _pyskl, lambda rng: annotations(4, rng)),
    "mat": Kind(
        "a1_s1_t1_skeleton.mat",
        lambda: mat("d_skel"),
        lambda at, _: read_clips(UtdMhad(at)),
        lambda rng: mat("d_skel", rng),
    ),
    "depth": Kind("a1_s1_t1_depth.mat", lambda: mat("d_depth"), _depth, lambda rng: mat("d_depth", rng)),
    "avi": Kind("video.avi", lambda: video("avi"), lambda at, name: read_video(at / name)),
    "mp4": Kind("video.mp4", lambda: video("mp4"), lambda at, name: read_video(at / name)),
    "mkv": Kind("video.mkv", lambda: video("matroska"), lambda at, name: read_video(at / name)),
    "params": Kind("params.yaml", Path("params.yaml").read_bytes, _params),
}
"""Every kind by its name."""

"""The inputs that `mutants` spoils: for each kind a few sound files, and how the house reads them to the end."""

import pickle
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

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

FAILED = "failed"
"""Stands among the flags for a clip that was refused by its name."""
FRAMES, MOST_FRAMES = 6, 100_000
CSV = (
    "video,label,skeleton,subject,camera,split\n"
    "a.avi,wave,a.npz,1,1,train\nb.avi,bow,b.npz,2,1,test\nc.avi,bow,,3,2,\n"
)
NTU_NAME = "S001C001P001R001A001"


def people(joints: int = 25) -> np.ndarray:
    """(T, 1, V, 3): one person who stands and moves a little."""
    return np.asarray(np.random.default_rng(0).normal(0, 0.3, (FRAMES, 1, joints, 3)) + np.array([0, 0, 3]))


def skeleton_text() -> bytes:
    """NTU's form."""
    lines = [str(FRAMES)]
    for body in people()[:, 0]:
        lines += ["1", "72057594037927810 0 1 1 1 1 0 0.1 -0.1 2", "25"]
        lines += [
            f"{x:.4f} {y:.4f} {z:.4f} 0 0 {960 + 300 * x:.2f} {540 - 300 * y:.2f} 0 0 0 1 2"
            for x, y, z in body
        ]
    return ("\n".join(lines) + "\n").encode()


def npz() -> bytes:
    """A table's skeleton file."""
    sink = BytesIO()
    metres = people()
    np.savez(sink, joints_3d=metres, joints_2d=32 + 8 * metres[..., :2], video_frame=np.arange(FRAMES))
    return sink.getvalue()


def parquet() -> bytes:
    """The same as CSV."""
    head, *lines = CSV.splitlines()
    cells = zip(*(line.split(",") for line in lines), strict=True)
    sink = BytesIO()
    pq.write_table(pa.table(dict(zip(head.split(","), map(list, cells), strict=True))), sink)
    return sink.getvalue()


def annotations(protocol: int) -> bytes:
    """PYSKL's form, two people of COCO."""
    pixels = (100 + 10 * people(17)[..., :2]).swapaxes(0, 1).astype(np.float32)
    found = [
        {
            "frame_dir": name,
            "label": label,
            "total_frames": FRAMES,
            "img_shape": (480, 640),
            "keypoint": pixels,
        }
        for label, name in enumerate((NTU_NAME, NTU_NAME.replace("P001", "P003")))
    ]
    split = {"xsub_train": [NTU_NAME], "xsub_val": [found[1]["frame_dir"]]}
    return pickle.dumps({"split": split, "annotations": found}, protocol=protocol)


def mat(name: str) -> bytes:
    """UTD-MHAD's: `d_skel` (20, 3, T) or `d_depth` (H, W, T)."""
    sink = BytesIO()
    depth = np.full((24, 32, FRAMES), 3000, np.uint16)
    savemat(
        sink, {name: people(20)[:, 0].transpose(1, 2, 0) if name == "d_skel" else depth}, do_compression=True
    )
    return sink.getvalue()


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
    for other in ("a.avi", "b.avi", "c.avi", "a.npz", "b.npz"):
        if not (folder / other).exists():
            (folder / other).write_bytes(npz() if other.endswith("npz") else b"")
    return read_clips(Table(folder, table=name, layout="ntu_25"))


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
        list(dataset.open_video(clip).frames([0, facts.num_frames - 1]))
    return read_clips(dataset)


Reader = Callable[[Path, str], list[str]]
"""(folder, the file's name) to the flags found."""


def _params(folder: Path, name: str) -> list[str]:
    load_preset(folder / name, "ntu60_xsub")
    return []


KINDS: dict[str, tuple[str, Callable[[], bytes], Reader]] = {
    "skeleton": (
        f"{NTU_NAME}.skeleton",
        skeleton_text,
        lambda at, _: read_clips(Ntu(at, missing_list="none")),
    ),
    "npz": ("one.npz", npz, _own_skeleton),
    "csv": ("table.csv", CSV.encode, _table),
    "parquet": ("table.parquet", parquet, _table),
    "pickle2": ("annotations.pkl", lambda: annotations(2), lambda at, _: read_clips(Pyskl(at))),
    "pickle4": ("annotations.pkl", lambda: annotations(4), lambda at, _: read_clips(Pyskl(at))),
    "mat": ("a1_s1_t1_skeleton.mat", lambda: mat("d_skel"), lambda at, _: read_clips(UtdMhad(at))),
    "depth": ("a1_s1_t1_depth.mat", lambda: mat("d_depth"), _depth),
    "avi": ("video.avi", lambda: video("avi"), lambda at, name: read_video(at / name)),
    "mp4": ("video.mp4", lambda: video("mp4"), lambda at, name: read_video(at / name)),
    "mkv": ("video.mkv", lambda: video("matroska"), lambda at, name: read_video(at / name)),
    "params": ("params.yaml", lambda: Path("params.yaml").read_bytes(), _params),
}
"""Kind to the file's name, a sound one's bytes, and how it is read."""

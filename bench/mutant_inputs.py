"""The inputs that `mutants` spoils: for each kind a few sound files, and how the house reads them to the end."""

import pickle
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.io import savemat

from bench.mutant_kinds import (
    FRAMES,
    MOST_FRAMES,
    ODD_CELLS,
    Kind,
    Rng,
    check_facts,
    odd_array,
    odd_arrays,
    people,
    read_clips,
)
from bench.mutant_poses import POSES, TRACKS
from pipeline.datasets.ntu.adapter import Ntu
from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.datasets.table.adapter import Table
from pipeline.datasets.utd_mhad.adapter import UtdMhad
from pipeline.params.presets import load_preset
from pipeline.video.video import AvVideo

CSV = (
    "video,label,skeleton,subject,camera,split\n"
    "a.avi,wave,a.npz,1,1,train\nb.avi,bow,b.npz,2,1,test\nc.avi,bow,c.npz,3,2,\n"
)
NTU_NAME = "S001C001P001R001A001"


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


def _params(folder: Path, name: str) -> list[str]:
    load_preset(folder / name, "ntu60_xsub")
    return []


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
    **POSES,
    **(TRACKS if find_spec("movement") else {}),
}
"""Every kind by its name; tracks where `make movement` installed what reads them."""

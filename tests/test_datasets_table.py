"""A plain table of one's own recordings: columns, labels, splits, skeletons, and mistakes named by row."""

from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.datasets.opened import dataset_class
from pipeline.datasets.table.adapter import Table
from pipeline.errors import DatasetError, ParamError, SkeletonError
from pipeline.values import Clip


def write_video(path: Path, num_frames: int = 5) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(num_frames):
            picture = np.full((48, 64, 3), 90, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def write_table(folder: Path, text: str, *, videos: tuple[str, ...] = ("jump.avi", "run.avi")) -> Path:
    (folder / "table.csv").write_text(text, encoding="utf-8")
    for video in videos:
        write_video(folder / video)
    return folder


def test_video_and_label_are_enough(tmp_path: Path) -> None:
    dataset = Table(write_table(tmp_path, "video,label\nrun.avi,running\njump.avi,jumping\n"))
    assert dataset.listing().clips == (Clip("jump", 0, "jump.avi"), Clip("run", 1, "run.avi"))
    assert dataset.classes == ("jumping", "running")
    assert dataset.protocols == ()
    skeleton, flags = dataset.read_skeleton(dataset.listing().clips[0])
    assert skeleton.score.shape == (5, 2, 1)
    assert not skeleton.present.any()
    assert flags == frozenset()
    assert dataset.sources(dataset.listing().clips[0]) == {"video": tmp_path / "jump.avi"}


def test_numbered_labels_are_sorted_by_value(tmp_path: Path) -> None:
    assert Table(write_table(tmp_path, "video,label\nrun.avi,10\njump.avi,9\n")).classes == ("9", "10")


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    text = "clip_id,video,label,subject,split\nr,run.avi,7,3,train\nj,jump.avi,8,,test\n"
    from_csv = Table(write_table(tmp_path, text))
    columns = {
        "clip_id": ["r", "j"], "video": ["run.avi", "jump.avi"], "label": [7, 8],
        "subject": [3, None], "split": ["train", "test"],
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "clips.parquet")
    from_parquet = Table(tmp_path, table="clips.parquet")
    assert from_parquet.listing() == from_csv.listing()
    assert from_parquet.classes == from_csv.classes == ("7", "8")


TWO_SUBJECTS = "video,label,subject,split\nrun.avi,a,3,train\njump.avi,b,4,train\nhop.avi,a,5,test\n"


def test_splits_come_from_the_column_or_from_subjects(tmp_path: Path) -> None:
    folder = write_table(tmp_path, TWO_SUBJECTS, videos=("run.avi", "jump.avi", "hop.avi"))
    dataset = Table(folder, train_subjects="3 5")
    assert dataset.protocols == ("table", "subjects")
    hop, jump, run = dataset.listing().clips
    assert [dataset.split(clip, "table") for clip in (hop, jump, run)] == ["test", "train", "train"]
    assert [dataset.split(clip, "subjects") for clip in (hop, jump, run)] == ["train", "test", "train"]
    assert (dataset.axis("table"), dataset.axis("subjects")) == ("subject", "subject")
    assert Table(folder, train_subjects=[3, 5]).protocols == ("table", "subjects")
    with pytest.raises(ParamError, match=r"\[9\] are in no row"):
        Table(folder, train_subjects=[9])
    with pytest.raises(ParamError, match="did you mean 'table'"):
        dataset.axis("tabel")


def test_where_nothing_can_be_held_out_the_axis_is_the_subject(tmp_path: Path) -> None:
    dataset = Table(write_table(tmp_path, "video,label,split\nrun.avi,a,train\njump.avi,b,train\n"))
    assert dataset.axis("table") == "subject"


def test_without_a_protocol_it_says_which_column_to_fill(tmp_path: Path) -> None:
    dataset = Table(write_table(tmp_path, "video,label\nrun.avi,a\njump.avi,b\n"))
    with pytest.raises(
        DatasetError, match=r"fill the column `split` .* or the column `subject`, and say who trains"
    ):
        dataset.axis("table")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,lable\nrun.avi,a\n", "unknown column 'lable'; did you mean 'label'"),
        ("video,label,weather\nrun.avi,a,b\n", "unknown column 'weather'; known are video"),
        ("video,subject\nrun.avi,1\n", "column 'label' is missing"),
        ("video,label\n", "no rows"),
        ("subject,label\n1,a\n", "column 'video' or 'skeleton' is missing"),
        ("video,label,label\nrun.avi,a,b\n", "a column stands twice"),
    ],
)
def test_mistakes_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        Table(write_table(tmp_path, text, videos=()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,label\nrun.avi,\n", "row 1: label is empty"),
        ("video,label\n,a\n", "row 1: video is empty"),
        ("video,label\nrun.avi,a,b\n", "row 1: more cells"),
        ("video,label,clip_id\nrun.avi,a,x\njump.avi,b,x\n", "row 2: clip id 'x' stands twice"),
        (
            "video,label,subject\nrun.avi,a,anna\n",
            "row 1: subject must be a whole number",
        ),
        ("video,label,camera\nrun.avi,a,20139999999999999999\n", "row 1: camera must be a whole number"),
        ("video,label,camera\nrun.avi,a,4294967296\n", "row 1: run: camera must be a whole number"),
        (
            "video,label,split\nrun.avi,a,val\n",
            "row 1: split must be 'train', 'test', 'unused' or empty, got 'val'",
        ),
    ],
)
def test_a_bad_row_fails_by_itself(text: str, message: str, tmp_path: Path) -> None:
    head, *rows = text.splitlines()
    good = ["good.avi", "b", *[""] * (head.count(",") - 1)]
    table = Table(
        write_table(tmp_path, "\n".join([head, *rows, ",".join(good)]) + "\n", videos=("good.avi", "run.avi"))
    )
    [(place, _, reason)] = table.listing().failures
    assert place == message.split(":")[0]
    assert message in reason
    assert "good" in [clip.clip_id for clip in table.listing().clips]


def test_odd_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no file"):
        Table(tmp_path)
    (tmp_path / "table.parquet").write_bytes(b"no parquet")
    with pytest.raises(DatasetError, match="no Parquet file"):
        Table(tmp_path, table="table.parquet")
    (tmp_path / "table.csv").write_bytes(b"video,label\n\xff\xfe,1\n")
    with pytest.raises(DatasetError, match="no CSV in UTF-8"):
        Table(tmp_path)
    (tmp_path / "table.txt").touch()
    with pytest.raises(DatasetError, match=r"must be \.csv or \.parquet"):
        Table(tmp_path, table="table.txt")


def test_missing_files_are_failures(tmp_path: Path) -> None:
    text = "video,label,skeleton\nrun.avi,a,run.npz\njump.avi,b,\ngone.avi,a,gone.npz\n"
    listing = Table(write_table(tmp_path, text), layout="utd_20").listing()
    assert listing.clips == ()
    assert [failure[:2] for failure in listing.failures] == [
        ("gone", "VideoError"), ("jump", "SkeletonError"), ("run", "SkeletonError"),
    ]  # fmt: skip
    assert listing.absent == {"video missing": 1, "skeleton missing": 2}


def table_with_skeleton(folder: Path, **arrays: np.ndarray) -> tuple[Table, Clip]:
    np.savez(folder / "run.npz", **arrays)  # type: ignore[arg-type]
    dataset = Table(
        write_table(folder, "video,label,skeleton\nrun.avi,a,run.npz\n", videos=("run.avi",)), layout="utd_20"
    )
    return dataset, dataset.listing().clips[0]


def test_2d_joints_alone_are_enough(tmp_path: Path) -> None:
    joints = np.ones((4, 1, 20, 2))
    joints[1, 0, 3, 0] = np.inf
    joints[2] = np.nan
    dataset, clip = table_with_skeleton(tmp_path, joints_2d=joints, video_frame=np.array([0, 2, 3, 4]))
    skeleton, flags = dataset.read_skeleton(clip)
    assert skeleton.score.shape == (4, 2, 20)
    assert skeleton.score.sum(axis=(1, 2)).tolist() == [20, 19, 0, 20]
    assert np.isnan(skeleton.joints_3d).all()
    assert skeleton.video_frame.tolist() == [0, 2, 3, 4]
    assert flags == {"nan_joints", "no_body_frames"}


def test_given_scores_are_kept(tmp_path: Path) -> None:
    arrays = {"joints_3d": np.ones((2, 2, 20, 3)), "joints_2d": np.ones((2, 2, 20, 2))}
    dataset, clip = table_with_skeleton(tmp_path, **arrays, score=np.full((2, 2, 20), 0.25))
    skeleton, flags = dataset.read_skeleton(clip)
    assert (skeleton.score == 0.25).all()
    assert flags == frozenset()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pose": np.ones((4, 1, 20, 2))}, r"needs joints_3d or joints_2d, got \['pose'\]"),
        ({"joints_2d": np.ones((4, 1, 17, 2))}, r"utd_20 has \(T, M, 20, 2\) joints, got \(4, 1, 17, 2\)"),
        ({"joints_2d": np.ones((4, 3, 20, 2))}, r"M up to max_persons \(2\)"),
        ({"joints_2d": np.ones((4, 1, 20, 2)), "joints_3d": np.ones((5, 1, 20, 3))}, "same for both"),
        ({"joints_2d": np.ones((4, 1, 20, 2)), "score": np.ones((4, 1))}, r"score must be \(4, 1, 20\)"),
        (
            {"joints_2d": np.ones((4, 1, 20, 2)), "score": np.full((4, 1, 20), 2.0)},
            r"score must lie in \[0, 1\]",
        ),
        ({"joints_2d": np.ones((2, 1, 20, 2)), "video_frame": np.array([1, 1])}, "rise strictly"),
        ({"joints_2d": np.ones((2, 1, 20, 2)), "video_frame": np.array([0.5, 1])}, "whole numbers"),
        ({"joints_2d": np.full((2, 1, 20, 2), np.nan)}, "nobody is seen"),
        ({"joints_2d": np.array(["a"])}, "must hold numbers"),
    ],
)
def test_odd_skeletons_are_refused(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    dataset, clip = table_with_skeleton(tmp_path, **arrays)
    with pytest.raises(SkeletonError, match=message):
        dataset.read_skeleton(clip)


@pytest.mark.parametrize("content", [b"", b"no npz", b"PK\x03\x04 torn"])
def test_torn_skeletons_are_refused(content: bytes, tmp_path: Path) -> None:
    dataset, clip = table_with_skeleton(tmp_path, joints_2d=np.ones((1, 1, 20, 2)))
    (tmp_path / "run.npz").write_bytes(content)
    with pytest.raises(SkeletonError, match=r"run\.npz: no readable \.npz file"):
        dataset.read_skeleton(clip)


@pytest.mark.parametrize("method", [1, 12, 14, 97])
@pytest.mark.parametrize("bits", [0, 1])
def test_archives_compressed_otherwise_or_encrypted_are_refused(
    method: int, bits: int, tmp_path: Path
) -> None:
    """In a zip's directory, flag bit 0 says encrypted; methods 1 and 97 nobody reads, 12 is bzip2 and 14 LZMA."""
    dataset, clip = table_with_skeleton(tmp_path, joints_2d=np.ones((1, 1, 20, 2)))
    content = bytearray((tmp_path / "run.npz").read_bytes())
    for header, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.index(header) + at
        content[place : place + 4] = bytes([bits, 0, method, 0])
    (tmp_path / "run.npz").write_bytes(bytes(content))
    with pytest.raises(SkeletonError, match=r"run\.npz: no readable \.npz file"):
        dataset.read_skeleton(clip)


def test_skeletons_need_a_layout(tmp_path: Path) -> None:
    folder = write_table(tmp_path, "video,label,skeleton\nrun.avi,a,run.npz\n", videos=())
    with pytest.raises(
        ParamError,
        match=r"say their layout, one of \['box_4', 'coco_17', .*'ntu_25', 'nw_ucla_20', 'openpose_18', .*, 'utd_20'\]",
    ):
        Table(folder)
    with pytest.raises(ParamError, match="did you mean 'ntu_25'"):
        dataset_class("table")(folder, layout="ntu25")

"""PKU-MMD: clips that are parts of recordings, from index to crops, each recording decoded once; mistakes by name."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numbered_video import encode, number_of
from odd_sets import project
from tiny import Project

from cache import harstore
from pipeline.catalog.catalog import read_catalog
from pipeline.datasets.opened import dataset_class
from pipeline.datasets.pku_mmd.adapter import PkuMmd
from pipeline.datasets.pku_mmd.text_files import read_joints, read_sides
from pipeline.decoding.numbering import Numbering
from pipeline.errors import DatasetError, SkeletonError

NUMBERS = (2, 3, 4, 5)
RECORDINGS = [f"{number:04d}-{view}" for number in NUMBERS for view in "LMR"]
LABELS = "1,4,16,2\n3,18,30,2\n\n1,30,41,1\n3,45,58,2\n"
"""Of every recording: two actions, twice each."""
FRAMES = 60


def joints(frames: int = FRAMES) -> np.ndarray:
    """(T, 2, 25, 3): x tells the frame; the second person is there from frame 30 on."""
    coordinates = np.zeros((frames, 2, 25, 3))
    coordinates[:, 0] = np.arange(25)[None, :, None] * 0.01 + [0, 0, 3]
    coordinates[:, 0, :, 0] += np.arange(frames)[:, None] / 100
    coordinates[30:, 1] = coordinates[30:, 0] + [1, 0, 0]
    return coordinates


def listed(train: list[str], test: list[str], blank: str = "") -> str:
    return f"Training videos:\n{', '.join(train)}\n{blank}Validation videos:\n{', '.join(test)}\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the archives unpack."""
    root = tmp_path_factory.mktemp("pku")
    folders = {kind: root / name for kind, name in (
        ("video", "RGB_VIDEO"), ("skeleton", "Skeleton/PKU_Skeleton_Renew"), ("label", "Label/Train_Label_PKU_final"),
    )}  # fmt: skip
    for folder in folders.values():
        folder.mkdir(parents=True)
    text = "\n".join(" ".join(f"{x:.4f}" for x in row) for row in joints().reshape(FRAMES, -1)) + "\n"
    for name in RECORDINGS:
        encode(folders["video"] / f"{name}.avi", range(FRAMES))
        (folders["skeleton"] / f"{name}.txt").write_text(text)
        (folders["label"] / f"{name}.txt").write_text(LABELS)
    tested = [name for name in RECORDINGS if name.startswith("0005")]
    (root / "cross-subject.txt").write_text(listed([n for n in RECORDINGS if n not in tested], tested))
    left = [name for name in RECORDINGS if name.endswith("L")]
    (root / "cross-view.txt").write_text(listed([n for n in RECORDINGS if n not in left], left, blank="\n"))
    return root


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def test_each_label_is_a_clip(whole: Path) -> None:
    dataset = dataset_class("pku_mmd")(whole)
    clips = {clip.clip_id: clip for clip in dataset.listing().clips}
    assert len(clips) == 4 * len(RECORDINGS)
    clip = clips["0003-M_001"]
    assert (clip.label, clip.setup, clip.camera, clip.start, clip.end) == (2, 3, 2, 18, 30)
    assert (dataset.classes[2], len(dataset.classes)) == ("A03", 51)
    assert (clip.video, clip.skeleton) == (
        "RGB_VIDEO/0003-M.avi", "Skeleton/PKU_Skeleton_Renew/0003-M.txt",
    )  # fmt: skip
    skeleton, flags = dataset.read_skeleton(clip)
    assert skeleton.score.shape == (12, 2, 25)
    np.testing.assert_allclose(skeleton.joints_3d[:, 0, 0, 0], np.arange(18, 30) / 100, atol=1e-6)
    assert not skeleton.present[:, 1].any()
    assert flags == frozenset()
    late, _ = dataset.read_skeleton(clips["0003-M_002"])
    assert late.present.all()
    assert dataset.open_video(clip).probe().num_frames == 12
    assert [number_of(frame) for _, frame in dataset.open_video(clip).frames([0, 11])] == [18, 29]
    assert dataset.listing().absent == {"recordings of the 1,076 of PKU-MMD I": 1_064, "video missing": 0}


def test_protocols_are_the_lists(whole: Path) -> None:
    dataset = PkuMmd(whole)
    clips = dataset.listing().clips
    subject = {clip.clip_id[:6]: dataset.split(clip, "xsub") for clip in clips}
    assert {name for name, side in subject.items() if side == "test"} == {"0005-L", "0005-M", "0005-R"}
    view = {clip.clip_id[5]: dataset.split(clip, "xview") for clip in clips}
    assert view == {"L": "test", "M": "train", "R": "train"}
    assert (dataset.axis("xsub"), dataset.axis("xview")) == ("setup", "camera")


@pytest.fixture
def indexed(whole: Path, tmp_path: Path) -> Project:
    index: dict[str, Any] = {"adapter": "pku_mmd", "protocol": "xsub", "max_frames": 64}
    made = project(tmp_path / "project", **{"index": index, "crop.recipes.r4.box": {"rule": "frame"}})
    shutil.copytree(whole, made.raw, dirs_exist_ok=True)
    made.run("index")
    return made


def test_a_part_goes_from_index_to_its_own_pixels(indexed: Project) -> None:
    catalog = read_catalog(indexed.paths.catalog)
    entry = catalog.by_id["0002-L_003"]
    assert (entry.num_frames, entry.clip.start, entry.clip.end, entry.usable) == (13, 45, 58, True)
    with harstore.open(indexed.paths.store("skeletons")) as store:
        made_of = store.made_of("0002-L_003", "joints_3d")
        assert made_of["inputs"].keys() == {"video", "skeleton", "interval"}
        assert made_of["inputs"]["interval"] == "45:58"
    indexed.run_all("sample", "crop")
    with harstore.open(indexed.paths.store("samples")) as store:
        sampled = np.asarray(store["r4"][:])
        order = {clip_id: row for row, clip_id in enumerate(store.ids)}
    with harstore.open(indexed.paths.store("frames")) as store:
        assert sorted(store.ids) == sorted(order)
        frames = {clip_id: np.asarray(store["r4"][row]) for row, clip_id in enumerate(store.ids)}
    for clip_id, start in (("0002-L_000", 4), ("0004-R_002", 30), ("0005-M_003", 45)):
        shown = [bits(frame) for frame in frames[clip_id][0]]
        assert shown == [start + int(number) for number in sampled[order[clip_id]][0]]
    assert indexed.paths.failures.read_text() == ""


def bits(frame: np.ndarray) -> int:
    """The number that a crop of 32 x 32 spells: eight bars of four pixels."""
    bars = frame[:14].mean(axis=(0, 2)).reshape(8, 4)[:, 1:-1].mean(axis=1)
    return sum(1 << bit for bit in range(8) if bars[bit] > 125)


def test_crop_decodes_each_recording_once(indexed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed.run("sample")
    count = []
    pictures = Numbering.pictures

    def counted(self: Numbering, *args: Any, **options: Any) -> Any:
        for number, frame in pictures(self, *args, **options):
            count.append(number)
            yield number, frame
            del frame

    monkeypatch.setattr(Numbering, "pictures", counted)
    indexed.run("crop")
    assert len(count) <= FRAMES * len(RECORDINGS)
    # 16 rows a shard, which are 4 recordings, so that none is in two shards
    assert count.count(4) <= len(RECORDINGS)


def test_another_label_makes_that_clip_anew(indexed: Project) -> None:
    place = indexed.raw / "Label/Train_Label_PKU_final/0002-L.txt"
    place.write_text(LABELS.replace("3,18,30", "3,18,31"))
    summary = indexed.run("index")
    assert (summary.made, summary.cached) == (1, 4 * len(RECORDINGS) - 1)


def test_lines_and_files_that_cannot_be_read_are_named(copy: Path) -> None:
    labels, skeletons = copy / "Label/Train_Label_PKU_final", copy / "Skeleton/PKU_Skeleton_Renew"
    (labels / "0002-L.txt").write_text("52,4,16,2\n1,16,4,2\n1,4\n1,50,80,2\n1,70,80,1\n")
    (labels / "0003-L.txt").unlink()
    (skeletons / "0003-M.txt").unlink()
    (copy / "RGB_VIDEO/0003-R.avi").unlink()
    dataset = PkuMmd(copy)
    listing = dataset.listing()
    failed = {clip_id: (error, reason) for clip_id, error, reason in listing.failures}
    assert failed.keys() == {"0002-L_000", "0002-L_001", "0002-L_002", "0003-L", "0003-M"}
    assert "0002-L.txt: line 1: expected an action from 1 to 51" in failed["0002-L_000"][1]
    assert [clip_id for clip_id, _, _ in listing.incomplete] == ["0003-R"]
    clips = {clip.clip_id: clip for clip in listing.clips}
    assert dataset.open_video(clips["0002-L_003"]).probe().num_frames == 10
    with pytest.raises(
        SkeletonError, match=r"0002-L_004: it begins at frame 70 of 0002-L\.txt, which has 60"
    ):
        dataset.read_skeleton(clips["0002-L_004"])


def test_skeletons_alone(copy: Path) -> None:
    shutil.rmtree(copy / "RGB_VIDEO")
    dataset = PkuMmd(copy)
    assert dataset.modality == "none"
    clip = dataset.listing().clips[1]
    assert dataset.open_video(clip).probe().num_frames == 12


def test_wrong_folders_and_lists_are_refused(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatasetError, match=r"no folder .*; expected RGB_VIDEO/0002-L\.avi"):
        PkuMmd(tmp_path / "gone").listing()
    (tmp_path / "zips").mkdir()
    (tmp_path / "zips" / "Skeleton.7z").touch()
    with pytest.raises(DatasetError, match=r"no labels below .*found Skeleton\.7z"):
        PkuMmd(tmp_path / "zips").listing()
    (copy / "cross-view.txt").unlink()
    dataset = PkuMmd(copy)
    clip = dataset.listing().clips[0]
    with pytest.raises(
        DatasetError, match=r"xview: no list below .* named cross.*, found cross-subject\.txt"
    ):
        dataset.split(clip, "xview")
    monkeypatch.setattr("pipeline.datasets.pku_mmd.adapter.NUM_RECORDINGS", len(RECORDINGS))
    with pytest.raises(
        DatasetError,
        match="expected 944 to train and 132 to test, the list gives 9 and 3",
    ):
        PkuMmd(copy).split(clip, "xsub")
    (copy / "more").mkdir()
    shutil.copy(copy / "cross-subject.txt", copy / "more")
    with pytest.raises(DatasetError, match="list of xsub lies there twice"):
        PkuMmd(copy).listing()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0002-L, 0003-L\n", "names stand before any line"),
        ("Training videos:\n0002-L\n", "expected 'Training videos:' and 'Validation videos:'"),
        (listed(["0002-L"], ["0002-L"]), "it puts 0002-L on two sides"),
    ],
)
def test_a_list_out_of_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "cross-subject.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_sides(tmp_path / "cross-subject.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got \\(0, 0\\)"),
        ("1 2 3\n", "got \\(1, 3\\)"),
        ("1 x 3\n", "expected 150 numbers a line"),
        ("1 2\n1 2 3\n", "expected 150 numbers a line"),
    ],
)
def test_a_skeleton_out_of_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "0002-L.txt").write_text(text)
    with pytest.raises(SkeletonError, match=rf"0002-L\.txt: .*{message}"):
        read_joints(tmp_path / "0002-L.txt")


def test_the_second_phase_is_read_by_its_own_names(tmp_path: Path) -> None:
    """Skeletons alone, as Skeleton_v2, Label_PKUMMD_v2 and the lists of the second phase unpack."""
    names = ["A01N02-L", "A01N02-R", "A12N03-M"]
    text = "\n".join(" ".join(f"{x:.4f}" for x in row) for row in joints(20).reshape(20, -1)) + "\n"
    for folder, content in (("Skeleton_v2", text), ("Label_PKUMMD_v2", "51,4,16,2\n8,10,20,1\n")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.txt").write_text(content)
    (tmp_path / "cross_subject_v2.txt").write_text(listed(names[:2], names[2:]))
    (tmp_path / "cross_view_v2.txt").write_text(listed(names[1:], names[:1]))
    dataset = PkuMmd(tmp_path)
    clips = {clip.clip_id: clip for clip in dataset.listing().clips}
    clip = clips["A12N03-M_001"]
    assert (clip.label, clip.setup, clip.camera, clip.start, clip.end) == (7, 1203, 2, 10, 20)
    assert [dataset.split(clips[f"{name}_000"], "xsub") for name in names] == ["train", "train", "test"]
    assert [dataset.split(clips[f"{name}_000"], "xview") for name in names] == ["test", "train", "train"]
    assert dataset.listing().absent["recordings of the 1,009 of PKU-MMD II"] == 1006
    assert dataset.read_skeleton(clip)[0].num_frames == 10

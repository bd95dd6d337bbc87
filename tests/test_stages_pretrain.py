"""pretrain: known by what it learned from, chosen on held-out people, resumed without a trace."""

import json
import shutil
import signal
import subprocess
from typing import Any

import pytest
from tiny import Project, content, replace_file

from cache import open_store
from models.device import emulates_bf16
from pipeline.catalog.catalog import Catalog, read_catalog
from pipeline.errors import DatasetError
from pipeline.params.params import HoldOut
from pipeline.training.splits import held_out_groups
from pipeline.training.trainings import read_trainings
from pipeline.values import Clip

TEST_CLIP, TRAIN_CLIP = "S001C002P010R001A004", "S001C002P002R001A004"


def catalog(project: Project) -> Catalog:
    return read_catalog(project.paths.catalog)


def documents(project: Project, step: str) -> list[dict[str, Any]]:
    """What each training of the cache was made of."""
    records = [
        json.loads(path.read_text()) for path in (project.root / ".harcache/blobs").rglob("record.json")
    ]
    return [record["doc"] for record in records if record["doc"]["step"] == step]


def other_video(project: Project, clip_id: str) -> None:
    """Give a clip another's video."""
    entries = catalog(project).by_id
    donor = next(e for e in entries.values() if e.usable and e.clip.clip_id[8:12] != clip_id[8:12])
    data = (project.raw / donor.clip.video).read_bytes()
    replace_file(project.raw / entries[clip_id].clip.video, data)


def test_selection_never_contains_a_test_subject(finished: Project) -> None:
    subjects = {entry.clip.clip_id: entry.clip.subject for entry in catalog(finished).entries}
    training = {e.clip.clip_id for e in catalog(finished).usable("train")}
    trained = documents(finished, "pretrain") + documents(finished, "train")
    assert len(trained) == 4 + 7 * 3  # two backbones, seven heads: a selection and each seed's final
    for document in trained:
        fit, select = ({lesson[0] for lesson in document["inputs"][part]} for part in ("fit", "select"))
        assert fit | select <= training
        assert not {subjects[i] for i in fit} & {subjects[i] for i in select}  # whole subjects
        assert fit | select == training or not select
        assert select or fit == training  # the final run sees all of the training part
    assert sum(bool(document["inputs"]["select"]) for document in trained) == 2 + 7


def test_features_for_selection_exist_of_training_clips_only(finished: Project) -> None:
    store = open_store(finished.paths.store("features"))
    training = {e.clip.clip_id for e in catalog(finished).usable("train")}
    assert store.keys("video_0_fold").keys() == store.keys("skeleton_0_fold").keys() == training
    assert store.keys("video_0").keys() == {e.clip.clip_id for e in catalog(finished).usable()}


def test_what_lies_in_the_weights_folder(finished: Project) -> None:
    folder = finished.paths.weights / "backbones"
    names = {
        "video_0.pt",
        "video_0_fold.pt",
        "skeleton_0.pt",
        "skeleton_0_fold.pt",
        "trainings.json",
        "documents.json",
        "seals.json",
    }
    names |= {name.replace(".pt", "_classifier.pt") for name in names if name.endswith(".pt")}
    assert {path.name for path in folder.iterdir()} == names
    for training in read_trainings(folder):
        assert [record["epoch"] for record in training.history] == list(range(len(training.history)))
        assert (training.val_accuracy is None) == (training.phase == "final")


def test_a_changed_test_clip_retrains_nothing(copied: Project) -> None:
    weights = content(copied.paths.weights)
    other_video(copied, TEST_CLIP)
    done = copied.run_all("index", "sample", "crop", "heatmaps", "pretrain", "features", "train")
    counts = {stage: (summary.made, summary.cached) for stage, summary in done.items()}
    assert counts["index"] == counts["crop"] == counts["features"] == (1, 57)
    assert counts["pretrain"] == (0, 4)
    assert counts["train"] == (0, 21)
    assert content(copied.paths.weights) == weights
    assert (copied.paths.reports / "metrics.json").exists()


def test_a_changed_training_clip_retrains(copied: Project) -> None:
    other_video(copied, TRAIN_CLIP)
    done = copied.run_all("index", "sample", "crop", "pretrain")
    assert (done["pretrain"].made, done["pretrain"].cached) == (4, 0)


def test_killed_after_an_epoch_it_goes_on_to_the_same_bytes(copied: Project) -> None:
    """SIGKILL when the first epoch is told; the next run takes up the second, and ends as if undisturbed."""
    expected = content(copied.paths.weights / "backbones")
    for folder in (copied.paths.weights, copied.root / ".harcache/blobs"):
        shutil.rmtree(folder)
    process = subprocess.Popen(
        copied.command("pretrain", "demo"), env=copied.environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    with process.stderr:
        line = next(line for line in process.stderr if "epoch 1 of 2" in line)
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert "selection" in line
    assert not copied.paths.weights.exists()
    assert list((copied.root / ".harcache/work").rglob("epoch.pt"))

    again = copied.cli("pretrain", "demo")
    assert again.returncode == 0, again.stderr
    resumed = line.split(":")[0]
    assert f"{resumed}: epoch 1 of 2" not in again.stderr
    assert f"{resumed}: epoch 2 of 2" in again.stderr
    assert content(copied.paths.weights / "backbones") == expected
    assert not list((copied.root / ".harcache/work").rglob("epoch.pt"))


def test_bfloat16_on_a_cpu_without_it_is_warned_of(
    copied: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("stages.pretrain.emulates_bf16", lambda: True)
    monkeypatch.setattr("stages.pretrain.training_schedule", lambda *_: iter(()))
    copied.run("pretrain")
    assert not caplog.messages
    copied.set_params(**{"pretrain.amp": "bf16"})
    copied.run("pretrain")
    assert "emulates it, many times slower than float32; set pretrain.amp: off" in caplog.text


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
@pytest.mark.parametrize("native", [(), ("avx512_bf16",), ("amx_bf16",)])
def test_only_an_x86_cpu_without_bf16_emulates_it(
    architecture: str, native: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    can: dict[str, object] = {"architecture": architecture, "avx512_bf16": False, "amx_bf16": False}
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: can | dict.fromkeys(native, True))
    monkeypatch.setattr("models.device.best_device", lambda: "cpu")
    assert emulates_bf16() == (architecture == "x86_64" and not native)


@pytest.mark.parametrize(("share", "count"), [(0.01, 1), (0.34, 1), (0.6, 2), (0.99, 2)])
def test_of_three_subjects_one_at_least_selects_and_one_at_least_fits(share: float, count: int) -> None:
    clips = [Clip(f"c{number}", label=0, video="v", subject=number % 3) for number in range(9)]
    held_out = held_out_groups(clips, "subject", HoldOut(share=share))
    assert len(held_out) == count
    assert held_out < {0, 1, 2}


def test_holding_out_names_what_it_cannot() -> None:
    clips = [Clip(f"c{number}", label=0, video="v", subject=number % 3) for number in range(9)]
    for groups in ((7,), (0, 1, 2)):
        with pytest.raises(DatasetError, match=r"must be some, not all, of the subjects \[0, 1, 2\]"):
            held_out_groups(clips, "subject", HoldOut(groups=groups))
    with pytest.raises(DatasetError, match="needs at least 2"):
        held_out_groups(clips[:1], "subject", HoldOut())

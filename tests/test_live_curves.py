"""live.csv and live.json: what a training tells while it runs, and what a restarted one replaces."""

import json
from dataclasses import dataclass
from pathlib import Path

from tiny import Project

from pipeline.fitting.live_curves import COLUMNS, add_epoch


@dataclass(frozen=True)
class Told:
    epoch: int
    train_loss: float
    val_accuracy: float | None = None


def test_epochs_stand_once_and_a_restart_takes_their_place(tmp_path: Path) -> None:
    for epoch, loss in ((0, 2.0), (1, 1.5), (2, 1.25)):
        add_epoch(tmp_path, "pretrain, selection", "video", 0, Told(epoch, loss, 10.0 * epoch))
    add_epoch(tmp_path, "pretrain, final", "video", 0, Told(0, 1.75))
    add_epoch(tmp_path, "pretrain, selection", "video", 0, Told(1, 1.0, 50.0))
    head, *lines = (tmp_path / "live.csv").read_text().splitlines()
    assert head == ",".join(COLUMNS)
    assert sorted(lines) == [
        '"pretrain, final",video,0,0,1.750000,',
        '"pretrain, selection",video,0,0,2.000000,0.0000',
        '"pretrain, selection",video,0,1,1.000000,50.0000',
    ]
    assert json.loads((tmp_path / "live.json").read_text()) == {
        "pretrain, selection": {"video_0": {"epoch": 1.0, "train_loss": 1.0, "val_accuracy": 50.0}},
        "pretrain, final": {"video_0": {"epoch": 0.0, "train_loss": 1.75}},
    }


def test_a_file_of_another_form_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "live.csv").write_text("step,loss\n1,2\n")
    add_epoch(tmp_path, "pretrain, final", "skeleton", 1, Told(0, 1.0))
    assert (tmp_path / "live.csv").read_text().splitlines()[1:] == [
        '"pretrain, final",skeleton,1,0,1.000000,'
    ]


def test_pretrain_tells_each_epoch(finished: Project) -> None:
    """Two backbones, two epochs each, of a selection run and a final one."""
    live = (finished.paths.reports / "live.csv").read_text().splitlines()
    assert len(live) == 1 + 2 * 2 * 2
    curves = (finished.paths.reports / "curves.csv").read_text()
    newest = json.loads((finished.paths.reports / "live.json").read_text())
    loss = newest["pretrain, selection"]["video_0"]["train_loss"]
    (line,) = (one for one in curves.splitlines() if one.startswith('"pretrain, selection",video,0,1,'))
    assert abs(float(line.split(",")[5]) - loss) < 1e-6

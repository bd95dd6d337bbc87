"""Curves of trainings while they run: live.csv with a line an epoch, live.json with each training's newest figures.

Both lie in the folder of reports and are of no stage: `dvc plots show` and `dvc metrics diff` read them at any time.
"""

import csv
import io
import json
from pathlib import Path

from pipeline.files import write_whole
from pipeline.fitting.networks import Epoch

COLUMNS = ("phase", "method", "seed", "epoch", "train_loss", "val_accuracy")
"""Columns of live.csv, those of curves.csv."""


def add_epoch(reports: Path, phase: str, method: str, seed: int, record: Epoch) -> None:
    """Add an epoch of one training to live.csv and live.json in `reports`, in place of what stood from it on.

    `phase` is as curves.csv has it: "pretrain, selection".
    """
    training = (phase, method, str(seed))
    before = [line for line in _lines(reports / "live.csv") if not _undone(line, training, record.epoch)]
    held_out = "" if record.val_accuracy is None else f"{record.val_accuracy:.4f}"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *before, (*training, str(record.epoch), f"{record.train_loss:.6f}", held_out)])
    write_whole(reports / "live.csv", text.getvalue())
    write_whole(reports / "live.json", json.dumps(_newest(text.getvalue()), indent=1) + "\n")


def _lines(path: Path) -> list[tuple[str, ...]]:
    """Lines of an earlier epoch or run; none where the file is of another form."""
    if not path.exists():
        return []
    head, *lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8")))) or [[]]
    return [tuple(line) for line in lines] if tuple(head) == COLUMNS else []


def _undone(line: tuple[str, ...], training: tuple[str, ...], epoch: int) -> bool:
    return line[:3] == training and int(line[3]) >= epoch


def _newest(text: str) -> dict[str, dict[str, dict[str, float]]]:
    """By phase and training: the last epoch, its loss and the accuracy on clips held out, in per cent."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for line in csv.DictReader(io.StringIO(text)):
        figures = {"epoch": float(line["epoch"]), "train_loss": float(line["train_loss"])}
        if line["val_accuracy"]:
            figures["val_accuracy"] = float(line["val_accuracy"])
        found.setdefault(line["phase"], {})[f"{line['method']}_{line['seed']}"] = figures
    return found

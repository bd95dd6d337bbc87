"""What `pretrain` leaves behind: weights, and trainings.json that says how each came to be."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.files import replaced_folder
from pipeline.params import PretrainParams
from pipeline.splits import Parts

Phase = Literal["selection", "final"]

Ids = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Training:
    """One training of one backbone, as the cache holds it."""

    name: str
    seed: int
    phase: Phase
    """`selection` fits a part of the training clips and chooses the epoch on the rest; `final` fits all."""
    num_clips: int
    best_epoch: int
    """The epoch whose weights are kept, counted from 0."""
    history: tuple[dict[str, Any], ...]
    """For each epoch: epoch, lr, train_loss, val_accuracy."""
    sha256: str
    """Of the weights' file."""
    weights: bytes
    from_cache: bool

    @property
    def array(self) -> str:
        """The array of features.zarr that these weights make: video_0, or video_0_fold of the selection."""
        return f"{self.name}_{self.seed}" + ("_fold" if self.phase == "selection" else "")

    @property
    def file(self) -> str:
        """Its file in weights/<dataset>/backbones."""
        return f"{self.array}.pt"

    @property
    def val_accuracy(self) -> float | None:
        """Per cent of the held-out clips, at the epoch kept."""
        accuracy: float | None = self.history[self.best_epoch]["val_accuracy"]
        return accuracy


Learn = Callable[[int, Ids, Ids, int], Training]
"""(seed, clips to fit, clips to select on, epochs) to a training."""


def training_of(
    folder: Path, name: str, seed: int, phase: Phase, num_clips: int, *, from_cache: bool
) -> Training:
    """The training whose files lie in a blob's `folder`: weights.pt and history.json."""
    history = json.loads((folder / "history.json").read_text())
    weights = (folder / "weights.pt").read_bytes()
    return Training(
        name,
        seed,
        phase,
        num_clips,
        best_epoch=history["best_epoch"],
        history=tuple(history["epochs"]),
        sha256=hashlib.sha256(weights).hexdigest(),
        weights=weights,
        from_cache=from_cache,
    )


def course(
    seeds: Sequence[int], parts: Parts, epochs: int, how: PretrainParams, learn: Learn
) -> Iterator[Training]:
    """The first seed's selection run, then every seed's final run on the whole training part.

    The final runs take as many epochs as selection kept, or all where `how.select` is `last`. Without
    `how.refit`, each seed's selection run is its final one.
    """
    for place, seed in enumerate(seeds):
        if place == 0 or not how.refit:
            selection = learn(seed, parts.fit, parts.select, epochs)
            yield selection
            if how.refit and how.select == "best":
                epochs = selection.best_epoch + 1
        if how.refit:
            yield learn(seed, parts.training, (), epochs)


def write_trainings(folder: Path, trainings: Sequence[Training]) -> None:
    """Write all weights and trainings.json into `folder`, replacing what was there in one step."""
    facts = [{k: v for k, v in asdict(t).items() if k not in ("weights", "from_cache")} for t in trainings]
    with replaced_folder(folder) as aside:
        for training in trainings:
            (aside / training.file).write_bytes(training.weights)
        (aside / "trainings.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


def read_trainings(folder: Path) -> tuple[Training, ...]:
    """What `write_trainings` wrote; weights are read from their files."""
    facts = json.loads((folder / "trainings.json").read_text())
    found = []
    for fact in facts:
        known = {**fact, "history": tuple(fact["history"])}
        blank = Training(**known, weights=b"", from_cache=True)
        found.append(Training(**known, weights=(folder / blank.file).read_bytes(), from_cache=True))
    return tuple(found)

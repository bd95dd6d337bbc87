"""Files of the `pretrain` stage: weights, and trainings.json, which describes how each was trained."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cache import Cache, Store
from cache.home.blobs import blob_document
from cache.home.references import remember_use
from pipeline.arrays.cut_arrays import LOGITS
from pipeline.errors import DatasetError
from pipeline.files import replaced_folder
from pipeline.paths import Paths
from pipeline.seals import parsed, proven_bytes, way_on
from pipeline.shown import ShownByShape
from pipeline.stand_ins import stand_in

Phase = Literal["selection", "final"]

Ids = tuple[str, ...]

TRAININGS = "trainings.json"
DOCUMENTS = "documents.json"
CLASSIFIER = "classifier.pt"
"""File in a backbone's blob that holds the weights of the classifier that trained it."""
_FIELDS = ("name", "seed", "phase", "num_clips", "best_epoch", "history", "sha256", "key")
"""What trainings.json tells of each."""


@dataclass(frozen=True, slots=True, repr=False)
class Training(ShownByShape):
    """One training of one backbone, as the cache holds it."""

    name: str
    seed: int
    phase: Phase
    """`selection` fits a part of the training clips and chooses the epoch on the rest; `final` fits all."""
    num_clips: int
    best_epoch: int
    """Epoch of the stored weights, counted from 0."""
    history: tuple[dict[str, Any], ...]
    """For each epoch: epoch, lr, train_loss, val_accuracy."""
    sha256: str
    """Digest of the weights' file."""
    key: str
    """Cache key: the digest of the document `made_of`, which holds its data and options."""
    weights: bytes
    from_cache: bool
    made_of: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Document that the key is the digest of; empty where read from a folder, whose documents.json has it."""
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Params that the key holds; empty where trainings.json was written before it had them."""
    classifier: bytes = b""
    """Weights of the linear classifier on top; none of a head, or where `pretrain` ran before it kept them."""
    classifier_sha256: str = ""
    """Digest of those weights; empty where there are none."""
    part: int | None = None
    """Number of the part of the phase's clips that it was trained without, for out-of-fold rows; None of all others."""
    cross_fit: int = 0
    """Number of parts that `pretrain.cross_fit` asked for, where it was trained without one."""

    @property
    def array(self) -> str:
        """Array of features.zarr that these weights make: video_0, or video_0_fold for the selection run.

        Trained without part 1 it is video_0_without1, or video_0_fold_without1.
        """
        network = f"{self.name}_{self.seed}" + ("_fold" if self.phase == "selection" else "")
        return network if self.part is None else without(network, self.part)

    @property
    def title(self) -> str:
        """Its name in curves: with the part that it was trained without."""
        return self.name if self.part is None else f"{self.name} without part {self.part}"

    @property
    def file(self) -> str:
        """Name of its file in weights/<dataset>/backbones."""
        return f"{self.array.replace(':', '.')}.pt"

    @property
    def classifier_file(self) -> str:
        """Name of its classifier's file beside it."""
        return f"{self.file.removesuffix('.pt')}_classifier.pt"

    @property
    def files(self) -> dict[str, bytes]:
        """Its weights, by the names of their files."""
        return {self.file: self.weights} | (
            {self.classifier_file: self.classifier} if self.classifier else {}
        )

    def is_tested(self, *, selection: bool) -> bool:
        """Whether test clips are shown to it: to final networks, and to a `selection` run where there are no others."""
        return self.part is None and (self.phase == "final" or selection)

    def weights_of(self, cut: str) -> dict[str, str]:
        """Return the digests of the weights that make a cut, by role. Raises DatasetError where logits lack theirs."""
        if cut != LOGITS:
            return {"backbone": self.sha256}
        if not self.classifier_sha256:
            raise DatasetError(
                f"{self.file} lies there without the classifier that the cut {cut!r} of {self.name!r} is made by: run "
                "`pretrain` with the present params"
            )
        return {"backbone": self.sha256, "classifier": self.classifier_sha256}

    @property
    def history_json(self) -> bytes:
        """Content of the blob's history.json, as `training_of` reads it."""
        document = {"best_epoch": self.best_epoch, "epochs": list(self.history)}
        return json.dumps(document, sort_keys=True).encode("ascii")

    @property
    def val_accuracy(self) -> float | None:
        """Accuracy on the held-out clips at the stored epoch, in per cent; None without held-out clips."""
        accuracy: float | None = self.history[self.best_epoch]["val_accuracy"]
        return accuracy


def without(network: str, part: int) -> str:
    """Return the array of the network that was trained like another, named by its array, but without a part."""
    return f"{network}_without{part}"


def training_of(
    folder: Path, name: str, seed: int, phase: Phase, num_clips: int, *, from_cache: bool
) -> Training:
    """Read a training from the files in a blob's `folder`: weights.pt, history.json, and a backbone's classifier.pt."""
    history = json.loads((folder / "history.json").read_text())
    weights = (folder / "weights.pt").read_bytes()
    made_of: Any = blob_document(folder)
    classifier = (folder / CLASSIFIER).read_bytes() if (folder / CLASSIFIER).exists() else b""
    return Training(
        name,
        seed,
        phase,
        num_clips,
        best_epoch=history["best_epoch"],
        history=tuple(history["epochs"]),
        sha256=hashlib.sha256(weights).hexdigest(),
        key=folder.name,
        weights=weights,
        from_cache=from_cache,
        made_of=made_of,
        params=made_of["params"],
        classifier=classifier,
        classifier_sha256=hashlib.sha256(classifier).hexdigest() if classifier else "",
    )


def write_trainings(
    folder: Path, trainings: Sequence[Training], cache: Cache, also: Sequence[Training] = ()
) -> None:
    """Write all weights, trainings.json and documents.json into `folder`, replacing its contents atomically.

    The documents let another machine's cache take the weights over: see `adopt_learned`. The cache keeps what is
    `also` needed, whose weights are not written.
    """
    facts = [_facts(training) for training in trainings]
    documents = {training.array: training.made_of for training in trainings}
    with replaced_folder(folder) as aside:
        for training in trainings:
            for name, data in training.files.items():
                (aside / name).write_bytes(data)
        (aside / TRAININGS).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
        (aside / DOCUMENTS).write_text(json.dumps(documents, sort_keys=True, separators=(",", ":")) + "\n")
    remember_use(cache, folder, blobs=[training.key for training in (*trainings, *also)])


def _facts(training: Training) -> dict[str, Any]:
    """Its entry in trainings.json."""
    facts = {name: getattr(training, name) for name in _FIELDS}
    classifier = {"classifier_sha256": training.classifier_sha256}
    crossed = {"part": training.part, "cross_fit": training.cross_fit}
    return (
        facts
        | ({"params": training.params} if training.params else {})
        | (classifier if training.classifier_sha256 else {})
        | (crossed if training.part is not None else {})
    )


def trainings_of(paths: Paths, names: Collection[str], cross_fit: int) -> tuple[Training, ...]:
    """Return the trainings of the backbones `names`, and of each without each of `cross_fit` parts.

    Raises DatasetError where weights/<dataset>/backbones holds others.
    """
    found = read_trainings(paths.need(paths.weights / "backbones", "pretrain"))
    held = {training.name for training in found}
    if held != set(names):
        raise DatasetError(
            f"{paths.weights / 'backbones'} holds {_named(held - set(names), 'no backbone')} that params.yaml does not "
            f"name, and lacks {_named(set(names) - held, 'none')} of pretrain.backbones: name them as they were, or "
            f"train them: python cli.py pretrain {paths.dataset}"
        )
    parts = {training.cross_fit for training in found} - {0}
    if parts != {cross_fit} - {0}:
        raise DatasetError(
            f"{paths.weights / 'backbones'} holds networks trained without one of {sorted(parts) or 'no'} parts, and "
            f"pretrain.cross_fit is {cross_fit}: run `pretrain` with the present params"
        )
    return found


def _named(names: Collection[str], nobody: str) -> str:
    return ", ".join(map(repr, sorted(names))) or nobody


def read_trainings(folder: Path) -> tuple[Training, ...]:
    """Read what `write_trainings` wrote, without the documents; weights are read from their files.

    Raises DatasetError where the bytes of a file do not have the sha256 that trainings.json states: results
    computed from them would carry another training's key. Of a plan's stand-in, what it expects there, without weights.
    """
    planned: tuple[Training, ...] | None = stand_in(folder)
    return (
        planned
        if planned is not None
        else tuple(_with_weights(folder, training) for training in listed_trainings(folder))
    )


def listed_trainings(folder: Path) -> tuple[Training, ...]:
    """Read what trainings.json states: keys, digests and histories, with no byte of weights read."""
    return parsed(folder / TRAININGS, lambda data: tuple(_blank(fact) for fact in json.loads(data)))


def refuse_other_weights(features: Store, folder: Path) -> None:
    """Refuse features of other weights than those that lie in `folder`. Raises DatasetError, which names the arrays."""
    if not (folder / TRAININGS).exists():
        return
    of_features: Any = features.attrs["weights"]
    odd = [t.array for t in listed_trainings(folder) if of_features.get(t.array, t.sha256) != t.sha256]
    if odd:
        raise DatasetError(
            f"{features.path} was not computed with the weights in {folder} ({', '.join(odd)}): run `features` again"
        )


def _with_weights(folder: Path, training: Training) -> Training:
    weights = _weights(folder / training.file, training.sha256)
    sha256 = training.classifier_sha256
    classifier = _weights(folder / training.classifier_file, sha256) if sha256 else b""
    return replace(training, weights=weights, classifier=classifier)


def _weights(path: Path, sha256: str) -> bytes:
    weights = proven_bytes(path) if path.exists() else b""
    if hashlib.sha256(weights).hexdigest() != sha256:
        raise DatasetError(
            f"{path} is not the file that {TRAININGS} beside it tells of (sha256 {sha256}): it was replaced "
            f"or damaged; {way_on(path)}"
        )
    return weights


def read_documents(folder: Path) -> dict[str, dict[str, Any]]:
    """Array to the document that its weights were learned from. Raises DatasetError where it is not as written."""
    return parsed(folder / DOCUMENTS, lambda data: dict(json.loads(data)))


def _blank(fact: Mapping[str, Any]) -> Training:
    """One entry of trainings.json, without its weights. Raises ValueError where its history is none."""
    history = tuple(_epoch(record) for record in fact["history"])
    if fact["best_epoch"] not in range(len(history)):
        raise ValueError(f"best epoch {fact['best_epoch']!r} of {len(history)}")
    return Training(**{"key": "", **fact, "history": history}, weights=b"", from_cache=True)


def _epoch(record: Mapping[str, Any]) -> dict[str, Any]:
    figures = {name: record[name] for name in ("epoch", "lr", "train_loss", "val_accuracy")}
    if not all(isinstance(figure, int | float) for figure in figures.values() if figure is not None):
        raise ValueError(f"figures of an epoch that are none: {figures}")
    return dict(record)

"""The training loop: deterministic, and resumed bit for bit from the last whole epoch.

An epoch is a function of (plan, epoch, the state after the epoch before): data order and augmentation
come from `data(epoch)`, dropout from a generator seeded by (plan.seed, epoch). So no random state has to
be saved.
"""

import json
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from models.errors import CheckpointError, FitError
from models.files import read_torch, write_torch
from models.training.memory import keep_freed_memory
from models.training.plan import FitPlan, learning_rate, uses_bf16
from models.training.seeding import seeded
from models.training.several import Ranks, ranks

log = logging.getLogger(__name__)

Batch = tuple[tuple[Tensor, ...], Tensor]
"""A batch: (arguments of the model's forward, (B,) int64 labels)."""

Loss = Callable[[Any, Tensor], Tensor]
"""A loss function: (output of the model, labels) → scalar."""

State = dict[str, Tensor]

ADAM_SECOND_BETA = 0.999

LOOK_EVERY = 50
"""Batches after which losses are looked at: a GPU need not wait for each, and no hours are spent after a NaN."""


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """Metrics of one training epoch."""

    epoch: int
    lr: float
    train_loss: float
    """Mean training loss over the epoch's clips."""
    val_accuracy: float | None
    """Accuracy on the held-out clips, as `evaluate` returned it; None where none are held out."""


@dataclass(frozen=True, slots=True)
class FitResult:
    """Result of a training run."""

    history: tuple[EpochRecord, ...]
    best_epoch: int
    """The latest epoch with the highest val_accuracy; the last epoch where no clips are held out."""
    state: State
    """The model's state dict after best_epoch, on the CPU; the model itself is left with it loaded."""

    @property
    def document(self) -> bytes:
        """Best epoch and history as JSON bytes."""
        facts = {"best_epoch": self.best_epoch, "epochs": [asdict(record) for record in self.history]}
        return json.dumps(facts, sort_keys=True).encode()


@dataclass(slots=True)
class _Run:
    """What one epoch hands to the next."""

    history: list[EpochRecord]
    best_epoch: int
    best_state: State


def fit(
    model: nn.Module,
    data: Callable[[int], Iterator[Batch]],
    plan: FitPlan,
    *,
    loss: Loss | None = None,
    device: torch.device | str = "cpu",
    resume: Path | None = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    progress: Callable[[EpochRecord], None] | None = None,
) -> FitResult:
    """Train `model` by `plan`; leave it in eval mode with the best epoch's weights. Raises FitError.

    `data(epoch)` yields the epoch's batches and must depend on nothing but the epoch and its own seed.
    `loss` is cross-entropy with the plan's label smoothing unless given (a head brings its own).
    `resume` is a file written after each epoch; where it exists, the run continues from it, and it
    remains when the run is done. `evaluate` gets the model in eval mode, without gradients.
    """
    device, here = torch.device(device), ranks()
    keep_freed_memory()
    here.join_batch_norms(model)
    model.to(device)
    loss = loss or cross_entropy(plan)
    optimiser = _optimiser(model, plan)
    run = _restore(model, optimiser, plan, resume)
    for epoch in range(len(run.history), plan.epochs):
        with seeded(plan.seed, "epoch", epoch, *here.own_seed, device=device):
            train_loss = _epoch(
                model, optimiser, data(epoch), plan, epoch=epoch, loss=loss, device=device, here=here
            )
        accuracy = None if evaluate is None else _evaluated(model, evaluate)
        record = EpochRecord(epoch, learning_rate(plan, epoch), train_loss, accuracy)
        _keep(run, record, model, plan)
        if resume is not None and here.is_first:
            _save(resume, model, optimiser, plan, run)
        if progress is not None and here.is_first:
            progress(record)
    model.load_state_dict(run.best_state)
    model.eval()
    return FitResult(tuple(run.history), run.best_epoch, run.best_state)


def cross_entropy(plan: FitPlan) -> Loss:
    """Return cross-entropy, averaged over the batch, with the plan's label smoothing."""
    return lambda logits, labels: F.cross_entropy(
        logits.float(), labels, label_smoothing=plan.label_smoothing
    )


def _optimiser(model: nn.Module, plan: FitPlan) -> Optimizer:
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if plan.optimiser == "adam":
        betas = (plan.momentum, ADAM_SECOND_BETA)
        return torch.optim.Adam(learning, plan.lr, betas, weight_decay=plan.weight_decay, fused=True)
    return torch.optim.SGD(
        learning,
        lr=plan.lr,
        momentum=plan.momentum,
        nesterov=plan.nesterov and plan.momentum > 0,
        weight_decay=plan.weight_decay,
        fused=True,
    )


def _epoch(
    model: nn.Module,
    optimiser: Optimizer,
    batches: Iterator[Batch],
    plan: FitPlan,
    *,
    epoch: int,
    loss: Loss,
    device: torch.device,
    here: Ranks,
) -> float:
    """One pass over the batches; the mean loss over clips."""
    model.train()
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(plan, epoch)
    optimiser.zero_grad(set_to_none=True)
    total, clips = torch.zeros((), dtype=torch.float64, device=device), 0
    unread: list[Tensor] = []
    for number, (inputs, labels) in enumerate(batches):
        mine = here.share(inputs, labels)
        parts = plan.accumulate * (len(labels) / len(mine[1]))
        value = _add_gradients(model, *mine, plan, loss=loss, device=device, parts=parts)
        if (number + 1) % plan.accumulate == 0:
            _step(model, optimiser, plan, here)
        total += value.double() * len(mine[1])
        clips += len(labels)
        unread.append(value)
        if len(unread) == LOOK_EVERY:
            _refuse_not_finite(here.total(torch.stack(unread)), plan, epoch, number)
            unread.clear()
    if clips == 0:
        raise FitError(f"epoch {epoch} held no batch; data({epoch}) must yield at least one")
    if (number + 1) % plan.accumulate:
        _step(model, optimiser, plan, here)
    if unread:
        _refuse_not_finite(here.total(torch.stack(unread)), plan, epoch, number)
    return float(here.total(total)) / clips


def _refuse_not_finite(losses: Tensor, plan: FitPlan, epoch: int, last: int) -> None:
    """Stop at the first loss that is NaN or infinite, of those up to batch `last`."""
    values = losses.tolist()
    for number, value in enumerate(values, start=last + 1 - len(values)):
        if not math.isfinite(value):
            raise FitError(
                f"the loss of epoch {epoch}, batch {number}, is {value} at lr {learning_rate(plan, epoch)}; both are "
                "counted from 0. Lower lr, or set grad_clip"
            )


def _add_gradients(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    labels: Tensor,
    plan: FitPlan,
    *,
    loss: Loss,
    device: torch.device,
    parts: float,
) -> Tensor:
    """Add the gradients of the mean loss of these clips, one of so many parts of a step; that loss."""
    inputs = tuple(x.to(device, non_blocking=True) for x in inputs)
    labels = labels.to(device, non_blocking=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=uses_bf16(plan.amp, device)):
        value = loss(model(*inputs), labels)
    (value / parts).backward()  # type: ignore[no-untyped-call]
    return value.detach()


def _step(model: nn.Module, optimiser: Optimizer, plan: FitPlan, here: Ranks) -> None:
    """One step along the gradients of all processes, which are gone then."""
    here.add_gradients(model)
    if plan.grad_clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), plan.grad_clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def _evaluated(model: nn.Module, evaluate: Callable[[nn.Module], float]) -> float:
    model.eval()
    with torch.inference_mode():
        return float(evaluate(model))


def _keep(run: _Run, record: EpochRecord, model: nn.Module, plan: FitPlan) -> None:
    """Remember the epoch, and its weights where they are the best so far (nothing held out: the last)."""
    best = run.history[run.best_epoch].val_accuracy if run.history else None
    run.history.append(record)
    last = record.epoch == plan.epochs - 1
    if record.val_accuracy is None and not last:
        return
    if record.val_accuracy is not None and best is not None and record.val_accuracy < best:
        return
    run.best_epoch = record.epoch
    run.best_state = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def _save(path: Path, model: nn.Module, optimiser: Optimizer, plan: FitPlan, run: _Run) -> None:
    document = {
        "plan": asdict(plan),
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "history": [asdict(record) for record in run.history],
        "best_epoch": run.best_epoch,
        "best_state": run.best_state,
    }
    write_torch(path, document)


def _restore(model: nn.Module, optimiser: Optimizer, plan: FitPlan, path: Path | None) -> _Run:
    """The run that the file holds, loaded into model and optimiser; a fresh one where there is no file."""
    if path is None or not path.exists():
        return _Run([], 0, {})
    try:
        document = read_torch(path)
    except CheckpointError as error:
        log.warning("%s: the training begins anew", error)
        return _Run([], 0, {})
    if document["plan"] != asdict(plan):
        raise FitError(
            f"{path} is the middle of another run: its plan is {document['plan']}, asked for is "
            f"{asdict(plan)}; "
            "remove the file, or ask for the same plan"
        )
    model.load_state_dict(document["model"])
    optimiser.load_state_dict(document["optimiser"])
    history = [EpochRecord(**record) for record in document["history"]]
    return _Run(history, document["best_epoch"], document["best_state"])

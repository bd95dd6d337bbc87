"""The training loop: deterministic, resumable bit for bit, selects on what is held out."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.amfi.r3d import R3D18
from models.errors import FitError, ModelParamError
from models.graph.agcn import AGCN
from models.graph.layouts import blocks
from models.training.classifier import Classifier
from models.training.fit import Batch, EpochRecord, FitResult, fit
from models.training.memory import keep_freed_memory
from models.training.plan import FitPlan, learning_rate, uses_bf16
from models.training.seeding import mix, seeded

PLAN = FitPlan(epochs=4, lr=0.05, schedule="milestones", milestones=(2,), seed=3)


class KilledError(Exception):
    """Stands for a process that dies."""


def agcn_with_dropout() -> nn.Module:
    with seeded(0, "model"):
        backbone = AGCN(((1, 0),), 2, num_people=1, layout=blocks((8, 1), (8, 1)), dropout=0.3)
        return Classifier(backbone, 3, dropout=0.5)


def small_r3d() -> nn.Module:
    with seeded(0, "model"):
        return Classifier(R3D18(1, width=4), 3, dropout=0.5)


def batches_of(*shape: int) -> Callable[[int], Iterator[Batch]]:
    """Three batches of four random clips; order and content are a function of the epoch."""

    def data(epoch: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(mix(7, epoch))
        for _ in range(3):
            labels = torch.randint(3, (4,), generator=generator)
            clips = torch.randn(4, *shape, generator=generator) + labels.view(-1, *(1 for _ in shape))
            yield (clips,), labels

    return data


def test_a_loss_that_runs_away_is_told_by_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where several batches are looked at together, and where the epoch ends in between."""

    def data(epoch: int) -> Iterator[Batch]:
        for number in range(8):
            spoilt = epoch == 1 and number >= 6
            yield (torch.full((2, 4), torch.inf if spoilt else 1.0),), torch.tensor([0, 1])

    for every, seen in ((1, 7), (3, 8), (50, 8)):
        monkeypatch.setattr("models.training.fit.LOOK_EVERY", every)
        taken: list[int] = []

        def counted(epoch: int) -> Iterator[Batch]:
            taken.clear()  # noqa: B023
            for number, batch in enumerate(data(epoch)):
                taken.append(number)  # noqa: B023
                yield batch

        with pytest.raises(
            FitError, match=r"the loss of epoch 1, batch 6, is (nan|inf) at lr 0\.1; .*Lower lr"
        ):
            fit(nn.Linear(4, 3), counted, FitPlan(epochs=2, lr=0.1))
        assert len(taken) == seen


def die_after(epoch: int) -> Callable[[EpochRecord], None]:
    def progress(record: EpochRecord) -> None:
        if record.epoch == epoch:
            raise KilledError

    return progress


def assert_same(one: FitResult, other: FitResult) -> None:
    assert one.history == other.history
    assert one.best_epoch == other.best_epoch
    assert one.state.keys() == other.state.keys()
    assert [name for name in one.state if not torch.equal(one.state[name], other.state[name])] == []


@pytest.mark.parametrize("amp", ["off", "bf16"])
@pytest.mark.parametrize(("make", "shape"), [(agcn_with_dropout, (3, 8, 2, 1)), (small_r3d, (1, 4, 32, 32))])
def test_an_interrupted_run_ends_bit_for_bit_as_an_undisturbed_one(
    make: Callable[[], nn.Module], shape: tuple[int, ...], amp: Any, tmp_path: Path
) -> None:
    plan = FitPlan(epochs=3, lr=0.02, schedule="cosine", warmup_epochs=1, grad_clip=5.0, amp=amp)
    data, file = batches_of(*shape), tmp_path / "run.pt"
    undisturbed = fit(make(), data, plan)
    with pytest.raises(KilledError):
        fit(make(), data, plan, resume=file, progress=die_after(0))
    assert_same(fit(make(), data, plan, resume=file), undisturbed)
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


def test_adam_goes_on_bit_for_bit_too(tmp_path: Path) -> None:
    plan = FitPlan(epochs=3, lr=0.005, optimiser="adam", weight_decay=0.001)
    data, file = batches_of(3, 8, 2, 1), tmp_path / "run.pt"
    undisturbed = fit(agcn_with_dropout(), data, plan)
    with pytest.raises(KilledError):
        fit(agcn_with_dropout(), data, plan, resume=file, progress=die_after(0))
    assert_same(fit(agcn_with_dropout(), data, plan, resume=file), undisturbed)


def test_one_step_of_adam_by_hand() -> None:
    """The first step is lr · g / (|g| + 1e-8), g the gradient plus weight decay times the weight (Kingma & Ba)."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    plan = FitPlan(epochs=1, lr=0.1, optimiser="adam", weight_decay=0.5)
    batch = ((torch.ones(1, 1),), torch.zeros(1, dtype=torch.int64))
    fit(model, lambda _: iter([batch]), plan, loss=lambda logits, _: -1.5 * logits.sum())
    assert model.weight.item() == pytest.approx(2.0 + 0.1)  # g = -1.5 + 0.5 · 2 < 0: a whole step up


def test_gradients_are_scaled_down_to_the_plans_norm() -> None:
    """Gradients of -3 and -4 have norm 5; at most 1 leaves -0.6 and -0.8, and sgd steps by lr times that."""
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    batch = ((torch.tensor([[3.0, 4.0]]),), torch.zeros(1, dtype=torch.int64))
    plan = FitPlan(epochs=1, lr=0.5, momentum=0.0, nesterov=False, weight_decay=0.0, grad_clip=1.0)
    fit(model, lambda _: iter([batch]), plan, loss=lambda output, _: -output.sum())
    assert model.weight.flatten().tolist() == pytest.approx([0.3, 0.4])


def test_gradients_of_several_batches_make_one_step() -> None:
    """Gradients of -2, -4 and -6: a step by the mean of the first two, 3, and one by the last's half, 3."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    batches = [((torch.tensor([[x]]),), torch.zeros(1, dtype=torch.int64)) for x in (2.0, 4.0, 6.0)]
    plan = FitPlan(epochs=1, lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0, accumulate=2)
    steps = []

    def loss(output: Tensor, _: Tensor) -> Tensor:
        steps.append(round(model.weight.item(), 4))
        return -output.sum()

    fit(model, lambda _: iter(batches), plan, loss=loss)
    assert [*steps, round(model.weight.item(), 4)] == [0.0, 0.0, 0.3, 0.6]
    with pytest.raises(ModelParamError, match="accumulate must be 1 or more batches, got 0"):
        replace(plan, accumulate=0)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    data = batches_of(3, 8, 2, 1)
    first = fit(agcn_with_dropout(), data, PLAN, resume=tmp_path / "run.pt")

    def no_data(epoch: int) -> Iterator[Batch]:
        raise AssertionError(f"epoch {epoch} was asked for")

    assert_same(fit(agcn_with_dropout(), no_data, PLAN, resume=tmp_path / "run.pt"), first)


def test_a_run_leaves_the_processes_generator_alone() -> None:
    before = torch.random.get_rng_state()
    fit(agcn_with_dropout(), batches_of(3, 8, 2, 1), PLAN)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_latest_best_epoch_is_kept() -> None:
    accuracies = iter([0.5, 0.75, 0.75, 0.6])
    states: list[Tensor] = []

    def evaluate(model: nn.Module) -> float:
        assert not model.training
        assert isinstance(model, Classifier)
        states.append(model.fc.weight.detach().clone())
        return next(accuracies)

    model = agcn_with_dropout()
    result = fit(model, batches_of(3, 8, 2, 1), PLAN, evaluate=evaluate)
    assert result.best_epoch == 2
    assert [record.val_accuracy for record in result.history] == [0.5, 0.75, 0.75, 0.6]
    assert torch.equal(result.state["fc.weight"], states[2])
    assert torch.equal(model.state_dict()["fc.weight"], states[2])


def test_with_nothing_held_out_the_last_epoch_is_kept() -> None:
    result = fit(agcn_with_dropout(), batches_of(3, 8, 2, 1), PLAN)
    assert result.best_epoch == 3
    assert all(record.val_accuracy is None for record in result.history)


def test_training_lowers_the_loss() -> None:
    result = fit(agcn_with_dropout(), batches_of(3, 8, 2, 1), FitPlan(epochs=20, lr=0.05))
    assert result.history[-1].train_loss < 0.7 * result.history[0].train_loss


def test_another_plans_file_is_refused(tmp_path: Path) -> None:
    data, file = batches_of(3, 8, 2, 1), tmp_path / "run.pt"
    fit(agcn_with_dropout(), data, PLAN, resume=file)
    with pytest.raises(FitError, match=r"another run.*remove the file"):
        fit(agcn_with_dropout(), data, FitPlan(epochs=4, lr=0.04), resume=file)


@pytest.mark.parametrize("at", [0, 10, 30, 2000, -1000])
def test_a_damaged_file_is_not_believed(at: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One byte of it flipped, or garbage in its place: the run begins anew and ends as the undisturbed one."""
    data, file = batches_of(3, 8, 2, 1), tmp_path / "run.pt"
    undisturbed = fit(agcn_with_dropout(), data, PLAN, resume=file)
    content = bytearray(file.read_bytes())
    content[at] ^= 4
    file.write_bytes(content)
    assert_same(fit(agcn_with_dropout(), data, PLAN, resume=file), undisturbed)
    file.write_bytes(b"half of a file")
    assert_same(fit(agcn_with_dropout(), data, PLAN, resume=file), undisturbed)
    assert caplog.text.count("the training begins anew") == 2


def test_a_run_of_before_there_were_digests_goes_on(tmp_path: Path) -> None:
    data, file = batches_of(3, 8, 2, 1), tmp_path / "run.pt"
    first = fit(agcn_with_dropout(), data, PLAN, resume=file)
    file.write_bytes(file.read_bytes()[file.read_bytes().index(b"PK") :])
    assert_same(fit(agcn_with_dropout(), lambda _: iter(()), PLAN, resume=file), first)


def test_a_full_disk_is_told_in_the_machines_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """torch.save itself would raise a RuntimeError that nobody expects."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        fit(agcn_with_dropout(), batches_of(3, 8, 2, 1), PLAN, resume=tmp_path / "run.pt")
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_no_number_stops_the_run() -> None:
    def data(_epoch: int) -> Iterator[Batch]:
        yield (torch.full((4, 3, 8, 2, 1), torch.nan),), torch.zeros(4, dtype=torch.int64)

    with pytest.raises(FitError, match=r"epoch 0, batch 0, is nan at lr 0.05"):
        fit(agcn_with_dropout(), data, PLAN)


def test_an_epoch_without_batches_stops_the_run() -> None:
    with pytest.raises(FitError, match=r"epoch 0 held no batch"):
        fit(agcn_with_dropout(), lambda _epoch: iter(()), PLAN)


def test_learning_rates_by_hand() -> None:
    paper = FitPlan(epochs=6, lr=0.01, schedule="milestones", milestones=(3,))
    assert [learning_rate(paper, epoch) for epoch in range(6)] == pytest.approx([0.01] * 3 + [0.001] * 3)
    cosine = FitPlan(epochs=5, lr=1.0, schedule="cosine", warmup_epochs=1)
    expected = pytest.approx([0.5, 1, 0.853553, 0.5, 0.146447], abs=1e-6)
    assert [learning_rate(cosine, epoch) for epoch in range(5)] == expected


def test_bfloat16_is_used_where_it_is_asked_for() -> None:
    cpu = torch.device("cpu")
    assert [uses_bf16(amp, cpu) for amp in ("off", "bf16", "auto")] == [False, True, False]  # type: ignore[arg-type]


def test_memory_setting_can_be_repeated() -> None:
    assert keep_freed_memory() == keep_freed_memory()

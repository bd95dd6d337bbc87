"""One training on several devices: the same as on one, whatever the batch; refused by name where it cannot be.

Two processes of the CPU stand for two GPUs (gloo for NCCL). What needs Lightning Fabric is left out where it is absent.
"""

import json
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from tiny import PLAN, TINY, Project, one_modality
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import DeviceError, FitError
from models.training.fit import Batch, EpochRecord, FitResult, fit
from models.training.plan import FitPlan
from models.training.seeding import mix, seeded
from models.training.several import Ranks, on_devices, ranks
from pipeline.build.runner import RunOptions
from pipeline.errors import RunError

fabric = pytest.mark.skipif(find_spec("lightning_fabric") is None, reason="needs the extra `fabric`")

CLIPS = (7, 4, 5)
"""Clips of each batch: two processes have unequal shares of the first and the last."""


def small() -> nn.Module:
    with seeded(0, "model"):
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def data(epoch: int, *, spoilt: bool = False) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(mix(7, epoch))
    for count in CLIPS:
        clips = torch.randn(count, 6, generator=generator)
        clips[0] = torch.nan if spoilt and epoch == 1 else clips[0]
        yield (clips,), torch.randint(3, (count,), generator=generator)


class KilledError(Exception):
    """Stands for a process that dies."""


def trained(
    resume: Path, *, spoilt: bool = False, accumulate: int = 1, clip: float = 100.0, killed: int = 3
) -> FitResult:
    plan = FitPlan(epochs=3, lr=0.1, accumulate=accumulate, grad_clip=clip, label_smoothing=0.1)
    held_out = next(data(99))
    return fit(
        small(),
        partial(data, spoilt=spoilt),
        plan,
        resume=resume,
        progress=partial(die, killed),
        evaluate=lambda model: 100 * float((model(*held_out[0]).argmax(1) == held_out[1]).float().mean()),
    )


def die(after: int, record: EpochRecord) -> None:
    if record.epoch + 1 == after < 3:
        raise KilledError


def test_one_process_is_alone_and_changes_nothing() -> None:
    here, clips = ranks(), torch.arange(3.0)
    assert (here.size, here.is_first, here.own_seed) == (1, True, ())
    assert here.total(clips) is clips
    assert on_devices(1, lambda: "done") == "done"


def test_shares_of_a_batch_are_disjoint_and_whole() -> None:
    labels = torch.arange(7)
    shares = [Ranks(rank, 3).share((labels * 10,), labels) for rank in range(3)]
    assert [mine.tolist() for _, mine in shares] == [[0, 3, 6], [1, 4], [2, 5]]
    assert all(torch.equal(inputs[0], 10 * mine) for inputs, mine in shares)
    with pytest.raises(
        FitError, match="a batch of 2 clips cannot be shared by 3 devices: use fewer, or a larger"
    ):
        Ranks(0, 3).share((), labels[:2])


def test_gradients_become_their_sum_by_hand() -> None:
    model = nn.Linear(2, 1)
    F.mse_loss(model(torch.ones(1, 2)), torch.zeros(1, 1)).backward()
    own = [one.grad.clone() for one in model.parameters() if one.grad is not None]

    def with_ones(values: Tensor) -> Tensor:
        return values + 1

    Ranks(0, 2, with_ones).add_gradients(model)
    assert all(
        torch.equal(one.grad, before + 1)  # type: ignore[arg-type]
        for one, before in zip(model.parameters(), own, strict=True)
    )


@fabric
def test_two_processes_train_what_one_trains(tmp_path: Path) -> None:
    """Gradients accumulated and clipped, unequal shares, and on from the epoch that a killed run left behind."""
    work = partial(trained, accumulate=2, clip=0.5)
    one = work(tmp_path / "one")
    with pytest.raises(KilledError):
        work(tmp_path / "two", killed=1)
    two = on_devices(2, partial(work, tmp_path / "two"))
    assert two.best_epoch == one.best_epoch
    for name, tensor in one.state.items():
        torch.testing.assert_close(two.state[name], tensor, rtol=1e-5, atol=1e-6)
    told = [[record.train_loss for record in result.history] for result in (one, two)]
    assert told[0] == pytest.approx(told[1], rel=1e-5)


@fabric
def test_a_loss_that_is_not_finite_is_told_by_its_batch(tmp_path: Path) -> None:
    with pytest.raises(FitError, match="the loss of epoch 1, batch 0, is nan"):
        on_devices(2, partial(trained, tmp_path / "nan", spoilt=True))


@fabric
def test_a_backbone_is_trained_on_two_and_found_on_one(recordings: Path, tmp_path: Path) -> None:
    """The whole stage: what fits a backbone reaches the other process, and the key knows of no devices."""
    skeleton = {**TINY["pretrain"]["backbones"]["skeleton"], "plan": {**PLAN, "epochs": 1}}
    made = Project.made(
        tmp_path,
        recordings,
        **{
            **one_modality("skeleton"),
            "pretrain": {**TINY["pretrain"], "refit": False, "backbones": {"skeleton": skeleton}},
        },
    )
    made.run_all("index", "sample", "crop", "heatmaps")
    assert made.run("pretrain", devices=2).made == 1
    (record,) = (made.root / ".harcache/blobs").glob("*/*/record.json")
    assert '"devices":2' in json.dumps(json.loads(record.read_text()), separators=(",", ":"))
    again = made.run("pretrain", devices=1)
    assert (again.made, again.cached) == (0, 1)


def test_without_fabric_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lightning_fabric", None)
    with pytest.raises(
        DeviceError, match=r"need Lightning Fabric: pip install 'harcache\[fabric\]', or train on one"
    ):
        on_devices(2, lambda: None)


def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.several.best_device", lambda: "cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="2 GPUs are asked for, and there are 1"):
        on_devices(2, lambda: None)


def test_the_number_of_devices_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARCACHE_DEVICES", "4")
    assert RunOptions().devices == 4
    monkeypatch.setenv("HARCACHE_DEVICES", "two")
    with pytest.raises(RunError, match="HARCACHE_DEVICES must be a number of devices, 1 or more, got 'two'"):
        RunOptions()

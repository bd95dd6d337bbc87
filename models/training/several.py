"""One training on several GPUs, or processes of a CPU, through Lightning Fabric, which is imported here alone.

Each process sees every batch, computes the loss of its share of the clips, and adds its gradients to those of the
others: together one step on the whole batch. So a plan means the same however many devices there are.
"""

import pickle
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from models.device import best_device
from models.errors import DeviceError, FitError, ModelError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes that train one network, and which of them this is."""

    rank: int = 0
    size: int = 1
    reduce: Callable[[Tensor], Tensor] = lambda values: values
    """Adds a tensor to those of the other processes, in the same place of their programs."""

    @property
    def is_first(self) -> bool:
        """Whether this one writes files and speaks for all."""
        return self.rank == 0

    @property
    def own_seed(self) -> tuple[int, ...]:
        """Further parts of a seed, that dropout may differ between processes; none in the first, as in one alone."""
        return (self.rank,) if self.rank else ()

    def share(self, inputs: tuple[Tensor, ...], labels: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return this process's clips of a batch: every `size`th one. Raises FitError where there are too few."""
        if len(labels) < self.size:
            raise FitError(
                f"a batch of {len(labels)} clips cannot be shared by {self.size} devices: use fewer, or a larger batch"
            )
        mine = slice(self.rank, None, self.size)
        return tuple(x[mine] for x in inputs), labels[mine]

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of what all processes hand over."""
        return values if self.size == 1 else self.reduce(values)

    def add_gradients(self, model: nn.Module) -> None:
        """Replace each gradient by its sum over all processes."""
        found = [one.grad for one in model.parameters() if one.grad is not None]
        if self.size == 1 or not found:
            return
        together = self.reduce(torch.cat([gradient.flatten() for gradient in found]))
        sizes = [one.numel() for one in found]
        for gradient, summed in zip(found, together.split(sizes), strict=True):  # type: ignore[no-untyped-call]
            gradient.copy_(summed.view_as(gradient))

    def join_batch_norms(self, model: nn.Module) -> None:
        """Let batch norms see the clips of all processes, on GPUs; on CPUs torch cannot, and they see a share."""
        if self.size > 1 and best_device() == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]


ALONE = Ranks()

_RANKS: ContextVar[Ranks] = ContextVar("ranks", default=ALONE)


def ranks() -> Ranks:
    """Return the processes that train together; one, unless `on_devices` started this one."""
    return _RANKS.get()


def on_devices(count: int, work: Callable[[], T]) -> T:
    """Return what `work` returns in the first of `count` processes, each on a device of its own; one is this process.

    `work` must be picklable, and do the same in all of them. Raises DeviceError where Fabric or devices are missing,
    and what `work` raises of ours.
    """
    if count == 1:
        return work()
    fabric = _fabric(count)
    threads = max(1, torch.get_num_threads() // count)
    told: tuple[T, ModelError | None] = pickle.loads(fabric.launch(_in_rank, work=work, threads=threads))
    if told[1] is not None:
        raise told[1]
    return told[0]


def _fabric(count: int) -> Any:
    there = torch.cuda.device_count() if best_device() == "cuda" else count
    if there < count:
        raise DeviceError(f"{count} GPUs are asked for, and there are {there}")
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise DeviceError(
            "several devices need Lightning Fabric: pip install 'harcache[fabric]', or train on one"
        ) from error
    return Fabric(accelerator=best_device(), devices=count, strategy="ddp_spawn")


def _in_rank(fabric: Any, *, work: Callable[[], T], threads: int) -> bytes:
    """What one process does and finds, pickled: Fabric would look into it for tensors.

    An error of ours is told as it is, and not as the traceback of another process.
    """
    torch.set_num_threads(threads)
    _RANKS.set(Ranks(fabric.global_rank, fabric.world_size, partial(fabric.all_reduce, reduce_op="sum")))
    try:
        return pickle.dumps((work(), None))
    except ModelError as error:
        return pickle.dumps((None, error))

"""Frozen models on many clips: one padded batch size, so that a result never depends on its neighbours.

On a CPU each batch is computed by one thread, and several batches at a time: an operation that threads share
is split by their number, and sums differ in the last bits from one number of threads to the next.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from models.cuts import Backbone
from models.errors import ModelError, ModelParamError, ShapeError
from models.head import HeadOutput
from models.training.memory import keep_freed_memory

NETWORK_STOPS: tuple[type[Exception], ...] = (ModelError, torch.OutOfMemoryError)
"""Errors that show a fault of the network or the device, not of a clip."""


def embed(
    model: nn.Module,
    blocks: Iterable[tuple[Tensor, ...]],
    *,
    batch_size: int,
    device: torch.device | str = "cpu",
    threads: int = 1,
) -> Iterator[Tensor]:
    """For each block of n clips, the model's (n, …) float32 output, on the CPU, in eval mode.

    A block is what the model's forward takes, n clips long, n of any size above 0: the model always sees
    exactly `batch_size` clips, the last ones of a block zeros where it does not divide. Full blocks are not
    copied. Of a fusion head the output is its logits. On a CPU `threads` batches of a block are computed at a
    time, one by each thread: neither their number nor a clip's place or neighbours changes a bit.
    """
    found = _embedded(model, lambda *x: (values_of(model(*x)),), blocks, batch_size, device, threads)
    return (values for (values,) in found)


def embed_views(
    backbone: Backbone,
    names: Sequence[str],
    views: Iterable[Tensor],
    *,
    batch_size: int,
    device: torch.device | str = "cpu",
    threads: int = 1,
) -> dict[str, Tensor]:
    """Return the named cuts of n clips in A views, (n, A, …) in each cut's dtype, in one pass over each view.

    Padding, modes and threads are those of `embed`.
    """
    kinds = [torch.float16 if backbone.cut(name).dtype == "float16" else torch.float32 for name in names]

    def run(*x: Tensor) -> tuple[Tensor, ...]:
        found = backbone.at(x[0], names)
        return tuple(found[name].to(kind) for name, kind in zip(names, kinds, strict=True))

    of_views = _embedded(backbone, run, ((view,) for view in views), batch_size, device, threads)
    return {
        name: torch.stack(of_cut, dim=1)
        for name, of_cut in zip(names, zip(*of_views, strict=True), strict=True)
    }


def weights_not_finite(model: nn.Module) -> str:
    """Describe the first of a model's weights that holds NaN or infinity; empty where none does."""
    for name, values in model.state_dict().items():
        if values.is_floating_point() and not bool(values.isfinite().all()):
            return (
                f"weights {name!r} hold values that are not finite: they ran away in training, or are damaged"
            )
    return ""


def _embedded(
    model: nn.Module,
    run: Callable[..., tuple[Tensor, ...]],
    blocks: Iterable[tuple[Tensor, ...]],
    batch_size: int,
    device: torch.device | str,
    threads: int,
) -> Iterator[tuple[Tensor, ...]]:
    if min(batch_size, threads) < 1:
        raise ModelParamError(f"batch_size and threads must be 1 or more, got {batch_size} and {threads}")
    device = torch.device(device)
    keep_freed_memory()
    model.to(device)
    run_batch = partial(_run, run, batch_size, device)
    workers = threads if device.type == "cpu" else 1
    with ThreadPoolExecutor(workers) as pool:
        for block in blocks:
            starts = range(0, _num_clips(block), batch_size)
            batches = [tuple(x[start : start + batch_size] for x in block) for start in starts]
            with _frozen(model), _single_threaded(device):
                parts = list(_mapped(pool, workers, run_batch, batches))
            yield tuple(p[0] if len(p) == 1 else torch.cat(p) for p in zip(*parts, strict=True))


def _mapped(
    pool: Executor,
    workers: int,
    run: Callable[..., tuple[Tensor, ...]],
    batches: Sequence[tuple[Tensor, ...]],
) -> Iterator[tuple[Tensor, ...]]:
    """What `run` makes of each batch, in order; in this very thread where one is enough."""
    return map(run, batches) if min(workers, len(batches)) == 1 else pool.map(run, batches)


def values_of(output: Any) -> Tensor:
    """Return a model's output in float32: of a head its logits, of any other network the tensor that it gives."""
    values: Tensor = output.logits if isinstance(output, HeadOutput) else output
    return values.float()


def _num_clips(block: tuple[Tensor, ...]) -> int:
    lengths = {len(x) for x in block}
    if len(lengths) != 1 or 0 in lengths:
        raise ShapeError(
            "a block's tensors must hold the same clips, at least one, got shapes "
            f"{[tuple(x.shape) for x in block]}"
        )
    return lengths.pop()


def _run(
    run: Callable[..., tuple[Tensor, ...]], batch_size: int, device: torch.device, inputs: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    count = len(inputs[0])
    with torch.inference_mode():  # of this thread
        found = run(*(_padded(x, batch_size).to(device, non_blocking=True) for x in inputs))
        return tuple(values[:count].cpu() for values in found)


def _padded(x: Tensor, batch_size: int) -> Tensor:
    """(n, …) → (batch_size, …): zeros after the n clips."""
    if len(x) == batch_size:
        return x
    full = x.new_zeros(batch_size, *x.shape[1:])
    full[: len(x)] = x
    return full


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Eval mode; the mode is put back afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


@contextmanager
def _single_threaded(device: torch.device) -> Iterator[None]:
    """On a CPU each operation in one thread; torch's number of threads is put back afterwards."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""Frozen models on many clips: one padded batch size, so that a result never depends on its neighbours."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from models.cuts import Backbone
from models.errors import ModelParamError, ShapeError
from models.head import HeadOutput
from models.training.memory import keep_freed_memory


def embed(
    model: nn.Module,
    blocks: Iterable[tuple[Tensor, ...]],
    *,
    batch_size: int,
    device: torch.device | str = "cpu",
) -> Iterator[Tensor]:
    """For each block of n clips, the model's (n, …) float32 output, on the CPU, in eval mode.

    A block is what the model's forward takes, n clips long, n of any size above 0: the model always sees
    exactly `batch_size` clips, the last ones of a block zeros where it does not divide. Full blocks are not
    copied. Of a fusion head the output is its logits. Where in the batch a clip stands makes no difference
    either, on a CPU as long as batch_size is a multiple of the thread count: else a clip may be cut
    between two threads.
    """
    found = _embedded(model, lambda *x: (_values(model(*x)),), blocks, batch_size, device)
    return (values for (values,) in found)


def embed_views(
    backbone: Backbone,
    names: Sequence[str],
    views: Iterable[Tensor],
    *,
    batch_size: int,
    device: torch.device | str = "cpu",
) -> dict[str, Tensor]:
    """As `embed`, of the named cuts in one pass over each of A views of n clips: (n, A, …) in the cut's dtype."""
    kinds = [torch.float16 if backbone.cut(name).dtype == "float16" else torch.float32 for name in names]

    def run(*x: Tensor) -> tuple[Tensor, ...]:
        found = backbone.at(x[0], names)
        return tuple(found[name].to(kind) for name, kind in zip(names, kinds, strict=True))

    of_views = _embedded(backbone, run, ((view,) for view in views), batch_size, device)
    return {
        name: torch.stack(of_cut, dim=1)
        for name, of_cut in zip(names, zip(*of_views, strict=True), strict=True)
    }


def weights_not_finite(model: nn.Module) -> str:
    """Which of a model's weights holds NaN or infinity, in words; empty where none does."""
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
) -> Iterator[tuple[Tensor, ...]]:
    if batch_size < 1:
        raise ModelParamError(f"batch_size must be 1 or more, got {batch_size}")
    device = torch.device(device)
    keep_freed_memory()
    model.to(device)
    for block in blocks:
        count = _num_clips(block)
        with _frozen(model):
            parts = [
                _run(run, tuple(x[start : start + batch_size] for x in block), batch_size, device)
                for start in range(0, count, batch_size)
            ]
        yield tuple(p[0] if len(p) == 1 else torch.cat(p) for p in zip(*parts, strict=True))


def _values(output: Any) -> Tensor:
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
    run: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...], batch_size: int, device: torch.device
) -> tuple[Tensor, ...]:
    count = len(inputs[0])
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
    """Eval mode without gradients; the mode is put back afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)

"""Every operation that any published row runs is known to the counter: as a product, or as none."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from models.figures.counting import count, formula_of
from models.figures.published import published
from models.figures.published_row import PublishedRow
from pipeline.skeleton.layouts import NTU_25

ELEMENTWISE = """
    abs add add_ addcmul clamp copy_ div gt lerp maximum mul relu relu_ sigmoid sigmoid_ silu sqrt sub tanh tanh_
    _softmax _safe_softmax native_batch_norm native_group_norm
"""
REDUCTIONS = (
    "amax avg_pool3d linalg_vector_norm max_pool2d_with_indices max_pool3d_with_indices mean prod sum"
)
PLACES = """
    _to_copy _unsafe_view cat clone constant_pad_nd empty expand index new_zeros permute promote_types scalar_tensor
    select slice split split_with_sizes squeeze stack t transpose unbind unsafe_split unsqueeze view zeros
"""
INTERPOLATION = "upsample_bilinear2d"
NO_PRODUCT = {*ELEMENTWISE.split(), *REDUCTIONS.split(), *PLACES.split(), *INTERPOLATION.split()}
"""Operations without a product of matrices or a convolution: no convention counts their multiply-adds as MACs."""


class Seen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The operations that run while it is open."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: set[Any] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        self.operations.add(func.overloadpacket)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("row", published(NTU_25.bones, NTU_25.num_joints), ids=lambda row: row.name)
def test_every_operation_is_known(row: PublishedRow) -> None:
    with torch.device("meta"):
        network, inputs = row.build().eval(), [torch.empty(shape) for shape in row.inputs]
    with torch.no_grad(), Seen() as seen:
        network(*inputs)
    unknown = {op.__name__ for op in seen.operations if formula_of(op) is None} - NO_PRODUCT
    assert not unknown, "give the counter their formula, or name them here as operations without products"


class InPlace(torch.nn.Module):
    """x x + x x, the second product added in place."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.bmm(x, x).baddbmm_(x, x)


def test_products_in_place_count_like_any_other() -> None:
    assert count(InPlace(), (2, 3, 3)).macs == 2 * 2 * 27

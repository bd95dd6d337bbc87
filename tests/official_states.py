"""State dicts as the official codes name and shape them, of values by rule, so that no checkpoint travels.

Names and shapes were read from lshiwjx/2s-AGCN @953c14f (`model/agcn.py`), Uason-Chen/CTR-GCN @e13d758
(`model/ctrgcn.py`), kennymckormick/pyskl @3f6795f (`pyskl/models/gcns`), ahmed-nady/Multimodal-Action-Recognition
@32267f1 (EPAM-Net) and HaoHuang2003/SFHead @fadde31 (`sf_head.py`).
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from zlib import crc32

import torch
from fill import index_of
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

WIDTHS = (3, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
"""Channels into and out of the ten blocks; blocks 5 and 8 halve the frames."""


def valued(shapes: Shapes, *, by_name: bool) -> dict[str, Tensor]:
    """Tensors of these names and shapes: fill.py's values, or, `by_name`, others for each name.

    With fill.py's values two tensors of one kind and shape are equal, and could be exchanged unseen.
    """
    return {name: _values(name, shape, shapes, by_name).float() for name, shape in shapes.items()}


def _values(name: str, shape: tuple[int, ...], shapes: Shapes, by_name: bool) -> Tensor:
    phase = crc32(name.encode()) % 628 / 100 if by_name else 0.0
    i, (module, _, last) = index_of(shape), name.rpartition(".")
    is_norm = f"{module}.running_mean" in shapes or module.endswith(".gn")
    if last == "num_batches_tracked":
        return torch.zeros(())
    if last.startswith("running_"):
        mean = last == "running_mean"
        return 0.05 * torch.cos(0.7 * i + phase) if mean else 1 + 0.2 * torch.sin(0.9 * i + phase) ** 2
    if last == "weight" and is_norm:
        return 1 + 0.1 * torch.cos(0.5 * i + phase)
    if last == "bias":
        return 0.1 * torch.sin(0.3 * i + phase) if is_norm else 0.05 * torch.sin(0.7 * i + phase)
    if last == "weight":
        fan_in = math.prod(shape[1:])
        return torch.cos(0.37 * i + 0.1 * fan_in + phase) * math.sqrt(2 / fan_in)
    return 0.1 * torch.sin(0.21 * i + 1 + phase)


def norm(name: str, width: int) -> Shapes:
    vectors = {f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {**vectors, f"{name}.num_batches_tracked": ()}


def layer(name: str, *shape: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": shape, **({f"{name}.bias": shape[:1]} if bias else {})}


def with_norm(name: str, *shape: int) -> Shapes:
    return {**layer(f"{name}.conv", *shape), **norm(f"{name}.bn", shape[0])}


def blocks() -> Iterator[tuple[int, int, int, bool]]:
    """(place from 0, channels in, channels out, whether its shortcut is a convolution)."""
    for place, (into, out) in enumerate(pairwise(WIDTHS)):
        yield place, into, out, place > 0 and into != out


def subsets(name: str, into: int, out: int, graph: str) -> Shapes:
    """A graph convolution of 2s-AGCN: three convolutions a kind, one for each subset of neighbours."""
    inner = {f"{name}.conv_{kind}.{k}": out // 4 for kind in "ab" for k in range(3)}
    wide = {f"{name}.conv_d.{k}": out for k in range(3)}
    found: Shapes = {f"{name}.{graph}": (3, 25, 25)}
    for conv, width in {**inner, **wide}.items():
        found |= layer(conv, width, into, 1, 1)
    return found | around(name, into, out)


def around(name: str, into: int, out: int) -> Shapes:
    down = {**layer(f"{name}.down.0", out, into, 1, 1), **norm(f"{name}.down.1", out)}
    return {**(down if into != out else {}), **norm(f"{name}.bn", out)}


def agcn(num_classes: int) -> Shapes:
    found = norm("data_bn", 150)
    for place, into, out, conv in blocks():
        name = f"l{place + 1}"
        found |= subsets(f"{name}.gcn1", into, out, "PA")
        found |= with_norm(f"{name}.tcn1", out, out, 9, 1)
        found |= with_norm(f"{name}.residual", out, into, 1, 1) if conv else {}
    return found | layer("fc", num_classes, 256)


def refined(name: str, into: int, out: int, graph: str) -> Shapes:
    """A graph convolution of CTR-GCN."""
    inner = 8 if into == 3 else into // 8
    found: Shapes = {f"{name}.{graph}": (3, 25, 25), f"{name}.alpha": (1,)}
    for k in range(3):
        for conv, shape in enumerate(((inner, into), (inner, into), (out, into), (out, inner)), start=1):
            found |= layer(f"{name}.convs.{k}.conv{conv}", *shape, 1, 1)
    return found | around(name, into, out)


def branches(name: str, width: int) -> Shapes:
    """CTR-GCN's convolution over time at several scales."""
    quarter, found = width // 4, Shapes()
    for branch in range(4):
        place = f"{name}.branches.{branch}"
        found |= {**layer(f"{place}.0", quarter, width, 1, 1), **norm(f"{place}.1", quarter)}
        found |= with_norm(f"{place}.3", quarter, quarter, 5, 1) if branch < 2 else {}
        found |= norm(f"{place}.4", quarter) if branch == 2 else {}
    return found


def ctr_gcn(num_classes: int) -> Shapes:
    found = norm("data_bn", 150)
    for place, into, out, conv in blocks():
        name = f"l{place + 1}"
        found |= {**refined(f"{name}.gcn1", into, out, "PA"), **branches(f"{name}.tcn1", out)}
        found |= with_norm(f"{name}.residual", out, into, 1, 1) if conv else {}
    return found | layer("fc", num_classes, 256)


def pyskl(network: Shapes, num_classes: int) -> Shapes:
    """A network as PYSKL's recognisers hold it."""
    backbone = {f"backbone.{name}": shape for name, shape in network.items()}
    return {**backbone, **layer("cls_head.fc_cls", num_classes, 256)}


def pyskl_aagcn(num_classes: int) -> Shapes:
    found: Shapes = {"A": (3, 25, 25), **norm("data_bn", 150)}
    for place, into, out, conv in blocks():
        name = f"gcn.{place}"
        found |= {**subsets(f"{name}.gcn", into, out, "A"), f"{name}.gcn.alpha": (1,)}
        found |= {**layer(f"{name}.gcn.conv_ta", 1, out, 9), **layer(f"{name}.gcn.conv_sa", 1, out, 25)}
        found |= {**layer(f"{name}.gcn.fc1c", out // 2, out), **layer(f"{name}.gcn.fc2c", out, out // 2)}
        found |= with_norm(f"{name}.tcn", out, out, 9, 1)
        found |= with_norm(f"{name}.residual", out, into, 1, 1) if conv else {}
    return pyskl(found, num_classes)


def pyskl_ctrgcn(num_classes: int) -> Shapes:
    found: Shapes = {"A": (3, 25, 25), **norm("data_bn", 150)}
    for place, into, out, conv in blocks():
        name = f"net.{place}"
        found |= {**refined(f"{name}.gcn1", into, out, "A"), **branches(f"{name}.tcn1", out)}
        found |= with_norm(f"{name}.residual", out, into, 1, 1) if conv else {}
    return pyskl(found, num_classes)


def epam_trunk(channels: int, counts: tuple[int, ...]) -> Shapes:
    """An X-ShiftNet: convolutions without bias, every second block from the first with squeeze and excitation."""
    found, into = with_norm3("conv1_s", 24, channels, 1, 3, 3), 24
    for stage, count in enumerate(counts):
        out = 24 * 2**stage
        inner = int(2.25 * out)
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            found |= with_norm3(f"{name}.conv1", inner, into, 1, 1, 1)
            found |= with_norm3(f"{name}.conv2", inner, 1, 1, 3, 3)
            found |= with_norm3(f"{name}.conv3", out, inner, 1, 1, 1)
            squeezed = {54: 8, 108: 8, 216: 16, 432: 32}[inner]
            if block % 2 == 0:
                found |= layer(f"{name}.se_module.fc1", squeezed, inner, 1, 1, 1)
                found |= layer(f"{name}.se_module.fc2", inner, squeezed, 1, 1, 1)
            if block == 0:
                found |= with_norm3(f"{name}.downsample", out, into, 1, 1, 1)
            into = out
    return found | with_norm3("conv5", int(2.25 * into), into, 1, 1, 1)


def with_norm3(name: str, *shape: int) -> Shapes:
    return {**layer(f"{name}.conv", *shape, bias=False), **norm(f"{name}.bn", shape[0])}


def epam_net(num_classes: int) -> Shapes:
    """EPAM-Net's whole network: both trunks, the attention, a classifier for each trunk."""
    found = {f"rgb_backbone.{name}": shape for name, shape in epam_trunk(3, (3, 5, 11, 7)).items()}
    found |= {f"pose_backbone.{name}": shape for name, shape in epam_trunk(17, (5, 11, 7)).items()}
    found |= {
        **layer("rgb_cls_head.fc_cls", num_classes, 432),
        **layer("pose_cls_head.fc_cls", num_classes, 216),
    }
    found |= layer("attention_module.spatial.conv", 1, 2, 1, 7, 7, bias=False)
    found |= norm("attention_module.spatial.bn", 1)
    return found | layer("attention_module.conv_temporal_attention", 1, 1, 7, bias=False)


def sf_head(name: str, width: int) -> Shapes:
    """SF-Head of 8 groups; its published code is the module alone."""
    part = width // 32
    found: Shapes = {f"{name}.w": (4,)}
    found |= {f"{name}.{value}": (1, part, 1, 1) for value in ("cweight", "cbias", "sweight", "sbias")}
    found |= {**layer(f"{name}.gn", part), **norm(f"{name}.bn", part)}
    for gate in ("cv", "tc", "tv"):
        found |= {
            **layer(f"{name}.{gate}.conv.conv", 1, 2, 7, 7, bias=False),
            **norm(f"{name}.{gate}.conv.bn", 1),
        }
    return found


def sf_head_ctrgcn(num_classes: int) -> Shapes:
    """CTR-GCN with a head in each block, under any name: the authors publish no whole network."""
    found = ctr_gcn(num_classes)
    for place, _, out, _ in blocks():
        found |= sf_head(f"l{place + 1}.sf_head", out)
    return found

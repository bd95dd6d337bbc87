"""State dicts of the networks that EPAM-Net's tables compare with, and of ST-GCN++, as their official codes name them.

Read from kennymckormick/pyskl @3f6795f (`pyskl/models/gcns/stgcn.py`, `cnns/resnet3d_slowonly.py`, `cnns/c3d.py`) and
mit-han-lab/temporal-shift-module (`ops/models.py`, torchvision's ResNet-50 with `shift_place='blockres'`).
"""

from official_states import Shapes, around, blocks, layer, norm, pyskl, with_norm, with_norm3


def pyskl_stgcnpp(num_classes: int) -> Shapes:
    found = norm("data_bn", 75)
    for place, into, out, conv in blocks():
        name = f"gcn.{place}"
        found |= {f"{name}.gcn.A": (3, 25, 25), **layer(f"{name}.gcn.conv", 3 * out, into, 1, 1)}
        found |= {**around(f"{name}.gcn", into, out), **six_branches(f"{name}.tcn", out)}
        found |= with_norm(f"{name}.residual", out, into, 1, 1) if conv else {}
    return pyskl(found, num_classes)


def six_branches(name: str, width: int) -> Shapes:
    """The convolution over time of ST-GCN++: the first branch has what a sixth leaves over."""
    part, found = width // 6, Shapes()
    for branch in range(5):
        channels = width - 5 * part if branch == 0 else part
        place = f"{name}.branches.{branch}"
        found |= {**layer(f"{place}.0", channels, width, 1, 1), **norm(f"{place}.1", channels)}
        found |= layer(f"{place}.3.conv", channels, channels, 3, 1) if branch < 4 else {}
    found |= layer(f"{name}.branches.5", part, width, 1, 1)
    mixed = {**norm(f"{name}.transform.0", width), **layer(f"{name}.transform.2", width, width, 1, 1)}
    return {**found, **mixed, **norm(f"{name}.bn", width)}


def pyskl_slowonly(num_classes: int) -> Shapes:
    """PoseC3D's SlowOnly: 4, 6 and 3 bottlenecks, three taps in time from the second stage on."""
    found, into = with_norm3("conv1", 32, 17, 1, 7, 7), 32
    for stage, (count, taps) in enumerate(zip((4, 6, 3), (1, 3, 3), strict=True)):
        inner = 32 * 2**stage
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            found |= with_norm3(f"{name}.conv1", inner, into, taps, 1, 1)
            found |= with_norm3(f"{name}.conv2", inner, inner, 1, 3, 3)
            found |= with_norm3(f"{name}.conv3", 4 * inner, inner, 1, 1, 1)
            found |= with_norm3(f"{name}.downsample", 4 * inner, into, 1, 1, 1) if block == 0 else {}
            into = 4 * inner
    return _recogniser(found, num_classes, 512)


def pyskl_c3d(num_classes: int) -> Shapes:
    widths = {"1a": (17, 32), "2a": (32, 64), "3a": (64, 128), "3b": (128, 128), "4a": (128, 256)}
    found = Shapes()
    for place, (into, out) in {**widths, "4b": (256, 256)}.items():
        found |= with_norm3(f"conv{place}", out, into, 3, 3, 3)
    return _recogniser(found, num_classes, 256)


def _recogniser(network: Shapes, num_classes: int, width: int) -> Shapes:
    backbone = {f"backbone.{name}": shape for name, shape in network.items()}
    return {**backbone, **layer("cls_head.fc_cls", num_classes, width)}


def tsm_resnet50(num_classes: int) -> Shapes:
    """torchvision's ResNet-50 as `base_model`, each block's first convolution inside its shift."""
    found = {**layer("conv1", 64, 3, 7, 7, bias=False), **norm("bn1", 64)}
    into = 64
    for stage, count in enumerate((3, 4, 6, 3)):
        inner = 64 * 2**stage
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            for place, shape in enumerate(
                ((inner, into, 1, 1), (inner, inner, 3, 3), (4 * inner, inner, 1, 1)), 1
            ):
                conv = "conv1.net" if place == 1 else f"conv{place}"
                found |= {
                    **layer(f"{name}.{conv}", *shape, bias=False),
                    **norm(f"{name}.bn{place}", shape[0]),
                }
            if block == 0:
                found |= layer(f"{name}.downsample.0", 4 * inner, into, 1, 1, bias=False)
                found |= norm(f"{name}.downsample.1", 4 * inner)
            into = 4 * inner
    network = {f"base_model.{name}": shape for name, shape in found.items()}
    return {**network, **layer("new_fc", num_classes, 2048)}

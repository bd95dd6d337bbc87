"""Parts of graph convolutions that the networks share: the way around them, their graph, their first weights."""

from torch import Tensor, nn


def way_around(in_width: int, width: int) -> nn.Module:
    """Return the path of the input to the output that it is added to: 1×1 convolution and batch norm to `width`.

    Where the widths are equal, the input itself.
    """
    if in_width == width:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(in_width, width, 1), nn.BatchNorm2d(width))


def keep_graph(module: nn.Module, graph: Tensor, *, learned: bool) -> None:
    """Let `module.PA` be the (3, V, V) graph: a parameter that starts as it, or a constant in no state dict."""
    if learned:
        module.register_parameter("PA", nn.Parameter(graph.clone()))
    else:
        module.register_buffer("PA", graph, persistent=False)


def start_convs(module: nn.Module) -> None:
    """Draw the 2-D convolutions' weights within `module` by their fan-out, as the official codes do; zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

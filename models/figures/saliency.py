"""Saliency of trained networks: gradient times input of the likeliest class, and AGCN's attention between joints.

Gradient times input (Shrikumar et al. 2016, Not just a black box) needs nothing of the network but its logits, so that
pictures and joints are measured alike; AMFI-Net (section 4.3.5) does not say how its attention weights are computed.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.cuts import LOGITS, Backbone
from models.device import best_device
from models.graph.agcn import AGCN, GraphConv
from models.training.classifier import Classifier

Floats = NDArray[np.float32]


def gradient_times_input(network: Backbone, clips: Floats) -> Floats:
    """Return |x · dz/dx| of the likeliest class's logit z, of the shape of `clips`, (B, …).

    `network` has the cut `logits`; it is run in eval mode on the best device.
    """
    device = best_device()
    network.to(device).eval()
    x = torch.from_numpy(clips).to(device).requires_grad_()
    top = network.at(x, (LOGITS,))[LOGITS].float().max(dim=1).values
    (gradient,) = torch.autograd.grad(top.sum(), x)
    found: Floats = (x * gradient).abs().detach().float().cpu().numpy()
    return found


def joint_attention(network: Backbone, clips: Floats) -> Floats | None:
    """Return the attention that each joint gets, (B, V), whose sum over joints is 1; None of other networks than AGCN.

    It is C_k of eq. 6, the graph computed from the clip, averaged over blocks, subsets, people and the joints that
    attend. Without any attention each of V joints gets 1/V.
    """
    trunk = network.backbone if isinstance(network, Classifier) else network
    if not isinstance(trunk, AGCN):
        return None
    device, found = best_device(), []

    def keep(conv: GraphConv, inputs: tuple[Tensor, ...]) -> None:
        found.append(conv.attention(inputs[0]).mean(dim=(1, 3)))

    convs = [module for module in trunk.modules() if isinstance(module, GraphConv) and module.adaptive]
    hooks = [conv.register_forward_pre_hook(keep) for conv in convs]
    try:
        with torch.inference_mode():
            trunk.to(device).eval().at(torch.from_numpy(clips).to(device), (trunk.cuts[0].name,))
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        return None
    of_people = torch.stack(found).mean(dim=0)  # (B · M, V)
    attention: Floats = of_people.view(len(clips), -1, of_people.shape[1]).mean(dim=1).cpu().numpy()
    return attention


@dataclass(frozen=True)
class SalientNetwork:
    """A trained network with the cut `logits`, as it is asked what it looks at."""

    network: Backbone

    def gradient(self, clips: Floats) -> Floats:
        """Return what `gradient_times_input` gives: the shape of `clips`, (B, …)."""
        return gradient_times_input(self.network, clips)

    def attention(self, clips: Floats) -> Floats | None:
        """Return what `joint_attention` gives: (B, V), or None."""
        return joint_attention(self.network, clips)

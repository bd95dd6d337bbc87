"""SF-Head: a small module between a graph convolution and the temporal one (IET-CV 2025; SPEC 5.2).

N people (of all clips), C channels, T frames, V joints, G groups, c = C / 4G. The paper leaves out how the
four
parts are combined (concatenated, then a channel shuffle), and says that the head is used in training
only; without it the layers behind see what they never saw in training, so it stays by default.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from models.checks import check_input
from models.errors import ModelParamError
from models.sf_head.narrow_conv import NarrowConv2d
from models.sf_head.sf_losses import SFLossOptions, SFParts

Gate = Literal["temporal", "spatial", "channel"]
"""One of ATDA, ASDA and ACDA: attention over time, space and channels (Table 3)."""

GATES: tuple[Gate, ...] = get_args(Gate)

SHUFFLE_GROUPS = 2
"""Groups of the channel shuffle, from the code; not in the paper."""

PAPER_LOSS = SFLossOptions()

Collect: TypeAlias = Callable[[SFParts], None]
"""A callable that receives a head's feature maps during a training pass."""


@dataclass(frozen=True, slots=True)
class SFHeadOptions:
    """Options of the heads in one network; the defaults are the published code's."""

    groups: int = 8
    """G: channels are processed in so many groups."""
    sste: bool = True
    """Whether equation 1 is applied; if not, f_t and f_s are the unchanged quarters."""
    gates: Sequence[Gate] = GATES
    """AC-FA's dimensions (Table 3); none switches AC-FA off, and f_a is the plain mean of the four parts."""
    eta4: Literal["f_c", "f_o"] = "f_c"
    """The fourth term of the aggregate: `f_c` as in the code, `f_o` as in equation 8; ungated in both."""
    strip_at_inference: bool = False
    """Leave the heads out in eval mode, as the paper says it does."""
    loss: SFLossOptions = PAPER_LOSS

    def __post_init__(self) -> None:
        if self.groups < 1:
            raise ModelParamError(f"groups must be 1 or more, got {self.groups}")
        if len(set(self.gates)) != len(self.gates) or not set(self.gates) <= set(GATES):
            raise ModelParamError(f"gates must be different ones of {GATES}, got {self.gates!r}")
        if self.eta4 not in ("f_c", "f_o"):
            raise ModelParamError(f"eta4 must be 'f_c' or 'f_o', got {self.eta4!r}")

    def head(self, channels: int) -> "SFHead":
        """Build a head with these options for that many channels."""
        return SFHead(
            channels,
            self.groups,
            sste=self.sste,
            gates=self.gates,
            eta4=self.eta4,
            strip_at_inference=self.strip_at_inference,
        )


SFHeadChoice: TypeAlias = int | Mapping[str, Any] | SFHeadOptions | None
"""No heads, the number of groups G with default options, or all options."""


def sf_options(choice: SFHeadChoice) -> SFHeadOptions | None:
    """Return the options of a choice; `loss` may be a mapping too. Raises ModelParamError."""
    if choice is None or isinstance(choice, SFHeadOptions):
        return choice
    if isinstance(choice, int):
        return SFHeadOptions(groups=choice)
    given, loss = dict(choice), choice.get("loss")
    if isinstance(loss, Mapping):
        given["loss"] = SFLossOptions(**_known("sf_head.loss", loss, SFLossOptions))
    return SFHeadOptions(**_known("sf_head", given, SFHeadOptions))


def _known(name: str, given: Mapping[str, Any], kind: type) -> dict[str, Any]:
    known = [field.name for field in fields(kind)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ModelParamError(f"{name} has no option {unknown[0]!r}; it has {known}")
    return dict(given)


class SFHead(nn.Module):
    """(N, C, T, V) → (N, C, T, V). `SFHead(64)` has the published code's 320 parameters."""

    def __init__(
        self,
        channels: int,
        groups: int = 8,
        *,
        sste: bool = True,
        gates: Sequence[Gate] = GATES,
        eta4: Literal["f_c", "f_o"] = "f_c",
        strip_at_inference: bool = False,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.options = SFHeadOptions(groups, sste, tuple(gates), eta4, strip_at_inference)
        if channels < 4 * groups or channels % (4 * groups):
            raise ModelParamError(f"channels must be a multiple of 4 · groups = {4 * groups}, got {channels}")
        part = channels // (4 * groups)
        if sste:
            self.gn = nn.GroupNorm(part, part)
            self.cweight = nn.Parameter(torch.zeros(1, part, 1, 1))
            self.cbias = nn.Parameter(torch.ones(1, part, 1, 1))
            self.sweight = nn.Parameter(torch.zeros(1, part, 1, 1))
            self.sbias = nn.Parameter(torch.ones(1, part, 1, 1))
        if gates:
            self.w = nn.Parameter(torch.ones(len(gates) + 1))
        self.gates = nn.ModuleDict(
            {gate: _AttentionGate(_POOLED_AXIS[gate]) for gate in GATES if gate in gates}
        )
        self.bn = nn.BatchNorm2d(part)  # never called: the code has it, and the published size counts it

    def forward(self, x: Tensor, collect: Collect | None = None) -> Tensor:
        """(N, C, T, V) → the same shape; `collect` receives the feature maps that the losses are computed from."""
        check_input("feature maps", x, ("N", f"C={self.channels}", "T", "V"))
        if self.options.strip_at_inference and not self.training:
            return x
        parts = self.parts(x)
        if collect is not None:
            collect(parts)
        return _joined(parts, self.options.groups)

    def parts(self, x: Tensor) -> SFParts:
        """(N, C, T, V) → the five feature maps, each (N · G, c, T, V)."""
        n, c, t, v = x.shape
        groups = self.options.groups
        f_t, f_c, f_s, f_o = x.reshape(n * groups, 4, c // (4 * groups), t, v).unbind(1)
        if self.options.sste:
            f_t = f_t * torch.sigmoid(self.cweight * f_t.mean((2, 3), keepdim=True) + self.cbias)
            f_s = f_s * torch.sigmoid(self.sweight * self.gn(f_s) + self.sbias)
        return SFParts(f_t, f_s, f_c, f_o, self._aggregate(f_t, f_s, f_c, f_o))

    def _aggregate(self, f_t: Tensor, f_s: Tensor, f_c: Tensor, f_o: Tensor) -> Tensor:
        """Equations 2–9: eta is learned, a softmax of `w` in the order of GATES and the ungated term last."""
        if not self.gates:
            return (f_t + f_s + f_c + f_o) / 4
        eta = torch.softmax(self.w, dim=0)
        inputs: dict[str, Tensor] = {"temporal": f_t, "spatial": f_s, "channel": f_c}
        total = (f_c if self.options.eta4 == "f_c" else f_o) * eta[-1]
        for place, (name, gate) in enumerate(self.gates.items()):
            total = torch.addcmul(total, inputs[name], gate(inputs[name]) * eta[place])
        return total


_POOLED_AXIS: dict[Gate, int] = {"temporal": 2, "spatial": 3, "channel": 1}
"""Of (N, c, T, V)."""


class _AttentionGate(nn.Module):
    """omega (eq. 2–7): sigmoid(BN(7×7 convolution of an axis's maximum and mean)), broadcast along that axis.

    The reference turns the axis to the front and the result back; here nothing is moved but the pooled maps:
    (T, c, V) leaves (c, V), (V, T, c) leaves (T, c).
    """

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.conv = NarrowConv2d(2, 1, 7)
        self.bn = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c, T, V) → the same with size 1 along `axis`."""
        pooled = torch.stack((_peak(x, self.axis), x.mean(self.axis)), dim=1)
        if self.axis == 3:
            pooled = pooled.transpose(2, 3)
        gate = torch.sigmoid(self.bn(self.conv(pooled)))[:, 0]
        return (gate.transpose(1, 2) if self.axis == 3 else gate).unsqueeze(self.axis)


def _peak(x: Tensor, axis: int) -> Tensor:
    """The maximum; where it is reached several times (zeros, after ReLU) the first takes the gradient."""
    return x.max(axis).values if torch.is_grad_enabled() else x.amax(axis)


def _joined(parts: SFParts, groups: int) -> Tensor:
    """Parts of (N · G, c, T, V) → (N, C, T, V): concatenated in each group, then channels shuffled in two halves."""
    whole = torch.cat((parts.f_t, parts.f_s, parts.f_a, parts.f_o), dim=1)
    t, v = whole.shape[2:]
    return (
        whole.view(-1, SHUFFLE_GROUPS, groups * whole.shape[1] // SHUFFLE_GROUPS, t, v)
        .transpose(1, 2)
        .flatten(1, 2)
    )

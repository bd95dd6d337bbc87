"""Command `export`: a backbone's weights as an ONNX file that describes the input it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.backbones import backbone_class, build_backbone
from models.errors import ModelParamError
from models.export import export_onnx, trial_clips
from models.preprocessing import JointInput, Preprocessing, VideoInput
from models.published.kinds import WeightsKind
from models.training.checkpoint import load_pretrained, weights_card
from pipeline.skeleton.layouts import LAYOUTS, Layout


@dataclass(frozen=True)
class Exported:
    """Summary of the file written."""

    path: Path
    backbone: str
    shape: tuple[int, ...]
    """One clip's."""
    difference: float
    """From torch, of the largest output."""

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.backbone} for clips of (any number, {', '.join(map(str, self.shape))}), within "
            f"{self.difference:.1e} of torch; its metadata_props say how clips are made"
        )


def run(backbone: str, weights: Path, out: Path, *, kind: WeightsKind = "harcache") -> Exported:
    """Write the file `out`. Its input is of the form that the weights were trained on, as their card says."""
    card = weights_card(weights, backbone, kind)
    expects, layout = backbone_class(backbone).expects, LAYOUTS.get(card.normalisation.get("layout", ""))
    shape = _shape(expects, card.normalisation, layout)
    options, edges = {"kind": backbone, **card.options}, () if layout is None else layout.bones
    network = build_backbone(options, shape=shape, edges=edges)
    sha256 = load_pretrained(network, weights, expected=card, kind=kind).sha256
    metadata = {
        "backbone": options,
        "preprocessing": {"input": type(expects).__name__, "shape": shape, **card.normalisation},
        "weights_sha256": sha256,
    }
    difference = export_onnx(network, [trial_clips(shape)], out, names=["clips"], metadata=metadata)
    return Exported(out, backbone, shape, difference)


def _shape(expects: Preprocessing, facts: Mapping[str, Any], layout: Layout | None) -> tuple[int, ...]:
    """One clip's, as the weights were trained: (C, T, H, W) or (C, T, V, M)."""
    if isinstance(expects, VideoInput):
        return len(facts["mean"]), facts["frames"], facts["size"], facts["size"]
    if layout is None:
        raise ModelParamError(
            f"the weights' card must name a layout of joints, one of {sorted(LAYOUTS)}, it tells {sorted(facts)}; "
            "weights that `pretrain` writes name theirs"
        )
    if isinstance(expects, JointInput):
        return expects.channels, facts["num_frames"], layout.num_joints, facts["max_persons"]
    channels = layout.num_joints * facts["with_joints"] + len(facts["bones"]) * facts["with_limbs"]
    return channels, facts["frames"], *facts["size"]

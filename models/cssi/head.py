"""CSSIModel behind frozen networks as a head: segments fused by an MLP, then PVRM or a rival (SPEC 1.4 and 1.8)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from torch import Tensor

from models.cssi.network import CachedFrames, CSSIModel
from models.cssi.pvrm import PVRM, Conv3dHead, LSTMHead, MatrixHead
from models.cssi.resnet import FRAMES, SEGMENTS
from models.cuts import JOINTS, Backbone
from models.errors import ModelParamError
from models.head import CutHead, HeadInput, HeadOutput, Source, check_classes

Reasoning = Literal["pvrm", "lstm", "conv3d"]
"""Choice of what reads the T × d matrix: CSSIModel's module, or one of its two rivals (Tables 4 to 6)."""

SkeletonPart = Literal["trained", "frozen", "none"]
"""DINet-R trained beside the rest on cached joints, as in the paper; its cached segments; or videos alone."""

VideoPart = Literal["frozen", "none"]

REASONING: dict[Reasoning, Callable[[int, int], MatrixHead]] = {
    "pvrm": PVRM,
    "lstm": LSTMHead,
    "conv3d": Conv3dHead,
}

_VIDEO = HeadInput("video", ("video",), "frames", SEGMENTS)
_FRAMES = HeadInput("video", ("video",), "frames", FRAMES)
_SKELETON: dict[SkeletonPart, tuple[HeadInput, ...]] = {
    "trained": (HeadInput("skeleton", ("skeleton",), "joints", JOINTS.name),),
    "frozen": (HeadInput("skeleton", ("skeleton",), "frames", SEGMENTS),),
    "none": (),
}


class CSSIHead(CutHead):
    """A fresh CSSIModel whose ResNet is replaced by its cached `segments`; its corrected FC may train too."""

    from_data = frozenset({"skeleton_network", "skeleton_width", "video_width", "segments"})

    def __init__(
        self,
        num_classes: int,
        *,
        skeleton: SkeletonPart = "trained",
        video: VideoPart = "frozen",
        skeleton_network: Callable[[Mapping[str, Any]], Backbone] | None = None,
        skeleton_width: int = 512,
        video_width: int = 512,
        segments: int = 128,
        reasoning: Reasoning = "pvrm",
        dim: int = 256,
        corrected_fc: bool = False,
        extremum_channels: bool = False,
        drawn_segments: int | None = None,
    ) -> None:
        """Build a fresh model; `extremum_channels` is an option of PVRM alone.

        With `drawn_segments` each epoch draws so many segments anew (eq. 5) from the cached frames and joints of whole
        clips, and testing takes their centres; without, segments are those that were cached.
        """
        super().__init__()
        check_classes(num_classes)
        _check(reasoning, drawn_segments, extremum_channels=extremum_channels)
        of_skeleton: Backbone | None = None
        if skeleton == "frozen":
            of_skeleton = CachedFrames(skeleton_width)
        elif skeleton == "trained" and skeleton_network is not None:
            of_skeleton = skeleton_network({})
            of_skeleton.cut(SEGMENTS)  # refuses a network that gives one vector a clip alone
        of_video = CachedFrames(video_width, corrected_fc=corrected_fc) if video == "frozen" else None
        head = partial(PVRM, extremum_channels=True) if extremum_channels else REASONING[reasoning]
        self.model = CSSIModel(num_classes, skeleton=of_skeleton, video=of_video, head=head, dim=dim)
        if segments < self.model.head.min_segments:
            raise ModelParamError(
                f"{reasoning} needs {self.model.head.min_segments} segments or more, got {segments}: raise the "
                "sampling's `num_frames`, or take another `reasoning`"
            )

    @classmethod
    def inputs(
        cls,
        *,
        skeleton: SkeletonPart = "trained",
        video: VideoPart = "frozen",
        drawn_segments: int | None = None,
        **_: Any,
    ) -> tuple[HeadInput, ...]:
        """Return the parts' inputs, skeleton first. Raises ModelParamError where none is left."""
        if skeleton not in _SKELETON or video not in ("frozen", "none"):
            raise ModelParamError(
                f"skeleton must be one of {list(_SKELETON)} and video frozen or none, got {skeleton!r} and {video!r}"
            )
        found = (*_SKELETON[skeleton], *((_VIDEO,) if video == "frozen" else ()))
        if not found:
            raise ModelParamError("skeleton and video are both 'none': nothing is left to see")
        if drawn_segments is None:
            return found
        if skeleton == "frozen":
            raise ModelParamError(
                "drawn_segments needs joints, of which DINet-R sees the drawn ones: say skeleton: trained, or none"
            )
        return tuple(replace(_FRAMES if one is _VIDEO else one, segments=drawn_segments) for one in found)

    @classmethod
    def sizes(cls, *sources: Source) -> dict[str, Any]:
        """Return widths, or what builds DINet-R. Raises ModelParamError where the segments' numbers differ."""
        segments = {source.shape[1 if len(source.shape) == 4 else 0] for source in sources}
        if len(segments) > 1:
            raise ModelParamError(
                f"both parts must show one number of segments, got {sorted(segments)}: set sampling and `num_frames`"
            )
        first, last = sources[0], sources[-1]
        return {
            "skeleton_network": first.backbone if len(first.shape) == 4 else None,
            "skeleton_width": first.shape[-1],
            "video_width": last.shape[-1],
            "segments": segments.pop(),
        }

    def forward(self, *inputs: Tensor) -> HeadOutput:
        """Joints (B, 3, T, V, M) or segments (B, T, C) of each part, skeleton first → logits (B, K)."""
        return HeadOutput(self.model(*inputs))


def _check(reasoning: str, drawn_segments: int | None, *, extremum_channels: bool) -> None:
    if drawn_segments is not None and drawn_segments < 1:
        raise ModelParamError(f"drawn_segments must be 1 or more, or null, got {drawn_segments}")
    if reasoning not in REASONING:
        raise ModelParamError(f"reasoning must be one of {sorted(REASONING)}, got {reasoning!r}")
    if extremum_channels and reasoning != "pvrm":
        raise ModelParamError(f"extremum_channels is an option of pvrm, not of {reasoning!r}")

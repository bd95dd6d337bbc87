"""The interface of a head: which cached cuts of which backbones it takes, logits out, its own loss; found by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input, segmented
from models.cuts import FEATURES, LOGITS, Backbone
from models.errors import ModelParamError, ShapeError
from models.lookup import found_by_name
from models.names import HEADS
from models.shown import ShownByShape

UnequalDims = Literal["refuse", "project"]
"""Treatment of modalities whose features differ in size: an error, or a learned linear map of each to `dim`."""

Modality = Literal["video", "skeleton", "heatmaps"]

Kind = Literal["vector", "frames", "map", "joint_map", "joints", "logits"]
"""Kinds of input that a head takes of one clip; `joints` are a skeleton network's own input, kept as a cut."""

KIND_DIMS: dict[Kind, tuple[str, ...]] = {
    "vector": ("channel",),
    "frames": ("frame", "channel"),
    "map": ("channel", "frame", "y", "x"),
    "joint_map": ("person", "channel", "frame", "joint"),
    "joints": ("channel", "frame", "joint", "person"),
    "logits": ("class",),
}
"""Axes of one clip's row that a cut of each kind must have, as `models.cuts.Cut.dims` names them."""


@dataclass(frozen=True, slots=True)
class HeadInput:
    """One tensor that a head takes for every batch: a cut of the backbone that feeds one of its streams."""

    stream: str
    """Role of the backbone, which `train.streams` may name; several inputs may come from one stream."""
    modalities: tuple[Modality, ...]
    """Modalities of the backbones that may feed the stream."""
    kind: Kind = "vector"
    cut: str = FEATURES
    """Name of the cut, which its backbone's `cuts` in params must keep."""
    needed: bool = True
    """Whether the head can't do without it; where its stream is empty, another input's values stand in its place."""
    aligned: bool = False
    """Whether its frames and places must be those of the head's other aligned inputs: one recipe, one box."""
    segments: int | None = None
    """Number of segments of which one row each is looked up in the cut's frames: drawn anew in each epoch of training,
    the middle one in testing. None shows all frames."""

    @property
    def frame_axis(self) -> int:
        """Axis of one clip's row along which its frames lie; 0 of a kind without frames."""
        return (*KIND_DIMS[self.kind], "frame").index("frame") % len(KIND_DIMS[self.kind])

    def seen(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of what the head sees of a row. Raises ModelParamError for more segments than frames."""
        return segmented(shape, self.frame_axis, self.segments, self.cut)


@dataclass(frozen=True, slots=True)
class Source:
    """One input of a head as it is built: its sizes, and the network whose values they are."""

    shape: tuple[int, ...]
    """Shape of one clip's values, without the batch."""
    backbone: Callable[[Mapping[str, Any]], Backbone] | None = None
    """Builds a fresh network like the one that made the values, with other options in place of its own; None of
    networks over pixels or heatmaps."""


@dataclass(frozen=True, slots=True, repr=False)
class HeadOutput(ShownByShape):
    """Output of a head for B clips and K classes."""

    logits: Tensor
    """(B, K) scores before softmax."""
    gate: Tensor | None = None
    """(B, dim) in (0, 1): weight of the decision modality (eq. 18); None where the head has no gate."""


class CutHead(nn.Module):
    """A network over cached cuts: one tensor for each declared input → HeadOutput.

    A subclass declares `inputs`, says in `sizes` which of its keywords follow from their shapes, and gives `forward`.
    """

    from_data: ClassVar[frozenset[str]] = frozenset()
    """Keywords that `sizes` gives; all others are options in params."""

    is_trained: ClassVar[bool] = True
    """Whether it learns anything; a head that does not is asked once for each seed of its backbone."""

    has_gate: ClassVar[bool] = False
    """Whether its HeadOutput holds a gate, whose statistics metrics.json then tells."""

    label_smoothing: float = 0.0
    """Label smoothing of the cross-entropy in `loss`; training sets it from the plan."""

    @classmethod
    def inputs(cls, **options: Any) -> tuple[HeadInput, ...]:
        """Return what `forward` takes, in its order, of a head with these options."""
        raise NotImplementedError

    @classmethod
    def sizes(cls, *sources: Source) -> dict[str, Any]:
        """Return the constructor's keywords that follow from the inputs. Raises ModelParamError where they misfit."""
        raise NotImplementedError

    def loss(self, output: HeadOutput, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy over the batch; a head with losses of its own adds them."""
        return F.cross_entropy(output.logits.float(), labels, label_smoothing=self.label_smoothing)


class Linear(CutHead):
    """One linear layer on one vector of one backbone: what its cut holds for a classifier."""

    from_data = frozenset({"dim"})

    def __init__(self, num_classes: int, *, dim: int, cut: str = FEATURES) -> None:
        """Build a fresh layer; `cut` names any vector that the backbone keeps."""
        super().__init__()
        check_classes(num_classes)
        self.dim, self.cut = dim, cut
        self.fc = nn.Linear(dim, num_classes)

    @classmethod
    def inputs(cls, *, cut: str = FEATURES, **_: Any) -> tuple[HeadInput, ...]:
        """Return the one vector, of a backbone of any modality."""
        return (HeadInput("features", ("video", "skeleton", "heatmaps"), cut=cut),)

    @classmethod
    def sizes(cls, *sources: Source) -> dict[str, Any]:
        """Return the vector's width."""
        return {"dim": sources[0].shape[0]}

    def forward(self, features: Tensor) -> HeadOutput:
        """(B, dim) → logits (B, K). Raises ShapeError."""
        check_input("features", features, ("B", f"D={self.dim}"))
        return HeadOutput(self.fc(features))


class CachedClassifier(CutHead):
    """The classifier that a backbone was trained with: its cached logits, as they are. Nothing is trained."""

    from_data = frozenset({"num_logits"})
    is_trained = False

    def __init__(self, num_classes: int, *, num_logits: int) -> None:
        """Build the head. Raises ModelParamError where the logits are of another number of classes."""
        super().__init__()
        check_classes(num_classes)
        if num_logits != num_classes:
            raise ModelParamError(f"the logits are of {num_logits} classes, and there are {num_classes}")
        self.num_classes = num_classes

    @classmethod
    def inputs(cls, **_: Any) -> tuple[HeadInput, ...]:
        """Return the logits, of a backbone of any modality."""
        return (HeadInput("backbone", ("video", "skeleton", "heatmaps"), kind="logits", cut=LOGITS),)

    @classmethod
    def sizes(cls, *sources: Source) -> dict[str, Any]:
        """Return the number of logits."""
        return {"num_logits": sources[0].shape[0]}

    def forward(self, logits: Tensor) -> HeadOutput:
        """(B, K) logits → the same. Raises ShapeError."""
        check_input("logits", logits, ("B", f"K={self.num_classes}"))
        return HeadOutput(logits)


class Head(CutHead):
    """(B, skeleton_dim) and (B, video_dim) features → HeadOutput. Subclasses implement `fuse`."""

    from_data = frozenset({"skeleton_dim", "video_dim"})

    def __init__(
        self,
        num_classes: int,
        *,
        skeleton_dim: int = 512,
        video_dim: int = 512,
        unequal: UnequalDims = "refuse",
    ) -> None:
        super().__init__()
        check_classes(num_classes)
        if min(skeleton_dim, video_dim) < 1:
            raise ModelParamError(
                f"skeleton_dim and video_dim must be 1 or more, got {skeleton_dim}, {video_dim}"
            )
        self.num_classes, self.skeleton_dim, self.video_dim = num_classes, skeleton_dim, video_dim
        self.dim = max(skeleton_dim, video_dim)
        self.project_skeleton: nn.Module = nn.Identity()
        self.project_video: nn.Module = nn.Identity()
        if skeleton_dim != video_dim:
            self._project(unequal)

    @classmethod
    def inputs(cls, **options: Any) -> tuple[HeadInput, ...]:  # noqa: ARG003
        """Return the two vectors, of any number of backbones each."""
        return (HeadInput("skeleton", ("skeleton", "heatmaps")), HeadInput("video", ("video",)))

    @classmethod
    def sizes(cls, *sources: Source) -> dict[str, Any]:
        """Return both widths; unequal ones are projected unless params say otherwise."""
        skeleton, video = (source.shape[0] for source in sources)
        return {"skeleton_dim": skeleton, "video_dim": video, "unequal": "project"}

    def _project(self, unequal: UnequalDims) -> None:
        if unequal == "refuse":
            raise ModelParamError(
                f"this head needs both modalities of one size, got skeleton {self.skeleton_dim} and video "
                f"{self.video_dim}; give the backbones equal widths, or set unequal to 'project'"
            )
        self.project_skeleton = nn.Linear(self.skeleton_dim, self.dim)
        self.project_video = nn.Linear(self.video_dim, self.dim)

    def forward(self, skeleton: Tensor, video: Tensor) -> HeadOutput:
        """(B, skeleton_dim) and (B, video_dim) → logits (B, K), and the gate where there is one. Raises ShapeError."""
        check_input("skeleton features", skeleton, ("B", f"D={self.skeleton_dim}"))
        check_input("video features", video, ("B", f"D={self.video_dim}"))
        if skeleton.shape[0] != video.shape[0]:
            raise ShapeError(
                f"skeleton and video must hold the same clips, got {len(skeleton)} and {len(video)}"
            )
        return self.fuse(self.project_skeleton(skeleton), self.project_video(video))

    def fuse(self, skeleton: Tensor, video: Tensor) -> HeadOutput:
        """(B, dim) skeleton and (B, dim) video features → HeadOutput."""
        raise NotImplementedError


def check_classes(num_classes: int) -> None:
    """Refuse a classifier of fewer than two classes. Raises ModelParamError."""
    if num_classes < 2:
        raise ModelParamError(f"num_classes must be 2 or more, got {num_classes}")


def kind_of(method: str) -> str:
    """Return the head of a method: all of its name, or what stands before `@` (`amfi@lambda_0` is another `amfi`)."""
    return method.partition("@")[0]


def build_head(kind: str, num_classes: int, **options: Any) -> CutHead:
    """Build a fresh head; `options` are its class's own, and those that follow from its inputs."""
    return head_class(kind)(num_classes, **options)


def head_for(kind: str, num_classes: int, sources: Sequence[Source], options: Mapping[str, Any]) -> CutHead:
    """Build a fresh head over these inputs. Raises ModelParamError where it cannot be."""
    make, _ = _class_of(kind)
    sizes = make.sizes(*sources)
    try:
        return build_head(kind, num_classes, **{**sizes, **options})
    except TypeError as error:
        raise ModelParamError(
            f"{error}; a head's constructor takes num_classes, what follows from its inputs "
            f"({', '.join(sizes)}), and its options"
        ) from error


def head_inputs(kind: str, options: Mapping[str, Any]) -> tuple[HeadInput, ...]:
    """Return what the head named `kind` takes with these options. Raises ModelParamError."""
    make, given = _class_of(kind)
    return make.inputs(**{**given, **options})


def is_trained(kind: str) -> bool:
    """Return whether the head named `kind` learns anything. Raises ModelParamError where there is none."""
    return _class_of(kind)[0].is_trained


def decided_by_data(kind: str) -> frozenset[str]:
    """Return the parameters of the head named `kind` that are no options of params."""
    make, given = _class_of(kind)
    return frozenset({"num_classes"}) | make.from_data | given.keys()


def head_class(kind: object) -> Callable[..., CutHead]:
    """Return what makes the head named `kind`: called with num_classes and its options. Raises ModelParamError."""
    found: Callable[..., CutHead] = found_by_name(kind, HEADS, "head")
    made = found.func if isinstance(found, partial) else found
    if not (isinstance(made, type) and issubclass(made, CutHead)):
        raise ModelParamError(f"head {kind!r} must be a subclass of models.head.Head or CutHead")
    return found


def _class_of(kind: object) -> tuple[type[CutHead], dict[str, Any]]:
    """The class, and the keywords that the name fixes."""
    found: Any = head_class(kind)  # a class, or a partial of one
    given: dict[str, Any] = getattr(found, "keywords", {})
    return getattr(found, "func", found), dict(given)

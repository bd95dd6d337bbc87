"""Parameters of a backbone: its network, its input and its training."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from pipeline.arrays.cut_arrays import FEATURES
from pipeline.keys.keyed import in_key
from pipeline.params.sections import Mistake, Options, Section, known_keys, nearest
from pipeline.skeleton.augment import SkeletonAugment
from pipeline.skeleton.normalise import SkeletonInput
from pipeline.skeleton.streams import Stream
from pipeline.video.augment import VideoAugment
from pipeline.video.pixels import PixelScale

Skeletal = Annotated[SkeletonInput, BeforeValidator(known_keys(SkeletonInput))]
SkeletalAugment = Annotated[SkeletonAugment, BeforeValidator(known_keys(SkeletonAugment))]
Pixels = Annotated[PixelScale, BeforeValidator(known_keys(PixelScale))]
PixelAugment = Annotated[VideoAugment, BeforeValidator(known_keys(VideoAugment))]


class TrainingPlan(Section):
    """One optimiser run: SGD with momentum (SPEC 2.5), or Adam, whose first beta `momentum` then is (SPEC 1.5)."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "epochs",
        "batch",
        "lr",
        "schedule",
        "milestones",
        "warmup_epochs",
        "momentum",
        "nesterov",
        "weight_decay",
        "label_smoothing",
    )

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0)
    lr: float = Field(gt=0)
    optimiser: Literal["sgd", "adam"] = "sgd"
    schedule: Literal["constant", "milestones", "cosine"] = "constant"
    milestones: tuple[int, ...] = ()
    """Epochs, counted from 0, at whose start the rate falls to a tenth."""
    warmup_epochs: int = Field(default=0, ge=0)
    warmup_end: Literal["after", "last"] = Field(default="after", exclude_if=lambda value: value == "after")
    """Whether the first epoch after the warm-up is the first with all of lr, or (CTR-GCN's code) its last one."""
    lr_min: float = Field(default=0.0, ge=0, exclude_if=lambda value: value == 0)
    """Final rate of schedule cosine; SF-Head's paper has 1e-4."""
    grad_clip: float | None = Field(default=None, gt=0, exclude_if=lambda value: value is None)
    """Largest norm of all gradients together, above which they are scaled down; EPAM-Net's code has 40."""
    accumulate: int = Field(default=1, gt=0, exclude_if=lambda value: value == 1)
    """Batches whose gradients are averaged for one step: `batch` times as many clips, in the memory of one batch."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(default=5e-4, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)


class Pretrained(Section):
    """Weights to start from: refused unless stem, normalisation and sha256 are those given here."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ("sha256", "kind")
    NEVER_IN_KEYS: ClassVar[tuple[str, ...]] = ("path",)

    path: str
    sha256: str
    kind: Literal[
        "harcache",
        "torchvision_r3d_18",
        "torchvision_resnet18",
        "torchvision_resnet34",
        "torchvision_resnet50",
        "torchvision_mobilenet_v2",
        "2s_agcn",
        "ctr_gcn",
        "sf_head_ctrgcn",
        "pyskl_aagcn",
        "pyskl_ctrgcn",
        "pyskl_stgcnpp",
        "pyskl_slowonly",
        "pyskl_c3d",
        "tsm_resnet50",
        "timm",
        "transformers",
        "epam_net_rgb",
        "epam_net_pose",
    ] = "harcache"


def _library_and_name(given: Any) -> Any:
    """Take `timm:vit_tiny_patch16_224` apart: `kind: timm` and `name: vit_tiny_patch16_224`."""
    kind = given.get("kind") if isinstance(given, dict) else None
    library, colon, name = kind.partition(":") if isinstance(kind, str) else ("", "", "")
    return (
        {**given, "kind": library, "name": name} if colon and library in ("timm", "transformers") else given
    )


class _Backbone(Section):
    NEVER_IN_KEYS: ClassVar[tuple[str, ...]] = ("cuts", "classifier_init")
    """Cuts decide no training; how the classifier starts is told as what it comes to (`stages.pretrain`)."""

    model: Annotated[Options, BeforeValidator(_library_and_name)]
    """`kind` names a network of `models.names.BACKBONES`, or a user's own as
    `package.module:Class`; the rest are its keywords."""
    plan: TrainingPlan
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Before the linear classifier that trains the backbone."""
    classifier_init: Literal["normal_0.01", "sqrt_2_over_k"] | None = None
    """Standard deviation of that classifier's first weights: 0.01, or sqrt(2 / classes); None takes the network's
    own: sqrt(2 / classes) of graph networks, as in 2s-AGCN's and CTR-GCN's code, 0.01 of all others."""
    pretrained: Pretrained | None = None
    cuts: tuple[str, ...] = Field(default=(FEATURES,), min_length=1)
    """Cuts of the network that `features` keeps, by name (docs/models.md), `logits` of its classifier among them;
    decides no training."""


class VideoBackbone(_Backbone):
    """A network over cropped frames."""

    NEVER_IN_KEYS: ClassVar[tuple[str, ...]] = (*_Backbone.NEVER_IN_KEYS, "flips", "trained_as")
    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "model",
        "plan",
        "dropout",
        "pretrained",
        "modality",
        "recipe",
        "pixels",
        "augment",
    )

    modality: Literal["video"]
    recipe: str
    """Crop recipe whose frames it sees: a name of `crop.recipes`."""
    pixels: Pixels = PixelScale()
    augment: PixelAugment = VideoAugment()
    phases: int = Field(default=1, ge=1)
    """Step s of CSSIModel's image segmentation: sub-image (i, j) is every s-th pixel of every s-th row from (i, j) on.
    A network sees one, random in training; all s² are views of what `features` keeps. 1 shows whole pictures."""
    flips: bool = False
    """Whether `features` keeps each view mirrored too, as one more view; decides no training."""

    trained_as: str | None = Field(default=None, exclude_if=lambda value: value is None)
    """Another video backbone, equal but for its recipe, by whose name this one is seeded and known to the cache: where
    the training clips look alike in both recipes, as where only dark test clips are lit, one training serves both."""

    @property
    def derived_views(self) -> dict[str, Any]:
        """Return the views that are made of each one of the recipe's; empty where there are none."""
        return {
            name: getattr(self, name) for name in ("phases", "flips") if getattr(self, name) not in (1, False)
        }

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of what the network sees of crops of `size`, in pixels."""
        return size[0] // self.phases, size[1] // self.phases


class HeatmapBackbone(_Backbone):
    """A network over the pseudo-heatmaps that the section `heatmaps` describes."""

    NEVER_IN_KEYS: ClassVar[tuple[str, ...]] = (*_Backbone.NEVER_IN_KEYS, "flips")
    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "model",
        "plan",
        "dropout",
        "pretrained",
        "modality",
        "flip_chance",
    )

    modality: Literal["heatmaps"]
    flip_chance: float = Field(default=0.0, ge=0, le=1)
    """Chance of a mirrored clip, left and right joints exchanged; harmful where a class depends on the side."""
    flips: bool = False
    """Whether `features` keeps each view mirrored too, as one more view; decides no training."""

    @property
    def derived_views(self) -> dict[str, Any]:
        """Return the views that are made of each one of the recipe's; empty where there are none."""
        return {"flips": True} if self.flips else {}


class SkeletonBackbone(_Backbone):
    """A network over joints."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "model",
        "plan",
        "dropout",
        "pretrained",
        "modality",
        "stream",
        "input",
        "augment",
    )

    modality: Literal["skeleton"]
    stream: Stream = "joint"
    input: Skeletal = SkeletonInput()
    augment: SkeletalAugment = SkeletonAugment()

    @property
    def derived_views(self) -> dict[str, Any]:
        """Return nothing: joints have one view."""
        return {}


Backbone = Annotated[VideoBackbone | HeatmapBackbone | SkeletonBackbone, Field(discriminator="modality")]


def trained_as_mistakes(backbones: Mapping[str, Backbone]) -> Iterator[Mistake]:
    """Yield backbones that are to be trained as one that is not there, is trained as a third, or is another network."""
    for name, one in backbones.items():
        if one.modality != "video" or one.trained_as is None:
            continue
        place, other = ("pretrain", "backbones", name, "trained_as"), backbones.get(one.trained_as)
        if other is None or other.modality != "video" or other.trained_as is not None:
            known = sorted(n for n, b in backbones.items() if b.modality == "video" and b.trained_as is None)
            yield (
                place,
                f"no {one.trained_as!r}{nearest(one.trained_as, known)} that is trained as itself; {known}",
            )
        elif in_key(one.model_copy(update={"recipe": other.recipe})) != in_key(other):
            yield place, f"{name!r} must be {one.trained_as!r} in all but its recipe, cuts and views"

"""What params.yaml may say: one frozen section a stage. Rules and inputs are the values that use them."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline.augment import SkeletonAugment, VideoAugment
from pipeline.crop import CropRecipe
from pipeline.heatmaps import HeatmapRule
from pipeline.layouts import Layout
from pipeline.normalise import SkeletonInput
from pipeline.pixels import PixelScale
from pipeline.sampling import SamplingRule
from pipeline.streams import Stream

Options = dict[str, Any]


def nearest(name: str, known: list[str]) -> str:
    """` (did you mean 'size'?)`, or nothing where no known name is near."""
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _known_keys(kind: type) -> Callable[[Any], Any]:
    """Refuses a mapping with a key that the dataclass `kind` does not have."""
    known = [field.name for field in fields(kind)]

    def check(given: Any) -> Any:
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                raise ValueError(f"unknown key {key!r}{nearest(key, known)}; it may have {sorted(known)}")
        return given

    assert is_dataclass(kind)
    return check


Sampling = Annotated[SamplingRule, BeforeValidator(_known_keys(SamplingRule))]
Crop = Annotated[CropRecipe, BeforeValidator(_known_keys(CropRecipe))]
Skeletal = Annotated[SkeletonInput, BeforeValidator(_known_keys(SkeletonInput))]
SkeletalAugment = Annotated[SkeletonAugment, BeforeValidator(_known_keys(SkeletonAugment))]
Pixels = Annotated[PixelScale, BeforeValidator(_known_keys(PixelScale))]
PixelAugment = Annotated[VideoAugment, BeforeValidator(_known_keys(VideoAugment))]


class Section(BaseModel):
    """Frozen, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IndexParams(Section):
    """Which dataset, which protocol, and how large a clip may grow."""

    adapter: str
    """A key of `pipeline.datasets.DATASETS`."""
    options: Options = {}
    """Passed to the adapter as keywords."""
    protocol: str
    max_frames: int = Field(default=300, gt=0)
    """Skeletons are padded to this many frames; a longer clip is refused by name."""
    shard_rows: int = Field(default=1024, gt=0, multiple_of=64)


class CropParams(Section):
    """How each recipe cuts people out of the frames that its `sampling` chose."""

    recipes: dict[str, Crop] = Field(min_length=1)
    shard_rows: int = Field(default=256, gt=0)
    depth_range_metres: float = Field(default=1.0, gt=0)
    """Of depth videos: how far before and behind the person the grey values reach."""


class HeatmapParams(Section):
    """Gaussian pseudo-heatmaps of one recipe's frames (SPEC 0.6)."""

    recipe: str
    """Whose frames and box: a name of `crop.recipes`."""
    store: Literal["maps", "joints"] = "joints"
    """`joints` keeps joints in grid pixels, from which maps are rendered on the fly; `maps` keeps uint8 maps."""
    size: tuple[int, int] = (56, 56)
    """Height and width of the grid, in cells."""
    sigma: float = Field(default=0.6, gt=0)
    """In cells."""
    with_joints: bool = True
    with_limbs: bool = False
    use_score: bool = True
    """False draws every joint that is there at confidence 1."""
    shard_rows: int = Field(default=256, gt=0)

    def rule(self, layout: Layout) -> HeatmapRule:
        """What is drawn of skeletons of `layout`, as uint8."""
        return HeatmapRule(
            size=self.size,
            sigma=self.sigma,
            bones=layout.bones,
            with_joints=self.with_joints,
            with_limbs=self.with_limbs,
            use_score=self.use_score,
            dtype="uint8",
        )


class TrainingPlan(Section):
    """One optimiser run (SPEC 2.5): SGD with momentum."""

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0)
    lr: float = Field(gt=0)
    schedule: Literal["constant", "milestones", "cosine"] = "constant"
    milestones: tuple[int, ...] = ()
    """Epochs, counted from 0, at whose start the rate falls to a tenth."""
    warmup_epochs: int = Field(default=0, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(default=5e-4, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)


class Pretrained(Section):
    """Weights to start from: refused unless stem, normalisation and sha256 are what is said here."""

    path: str
    sha256: str
    kind: Literal["harcache", "torchvision_r3d_18"] = "harcache"


class _Backbone(Section):
    model: Options
    """`kind` names a network of `models.backbones.BACKBONES`; the rest are its keywords."""
    plan: TrainingPlan
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Before the classifier that trains the backbone and is then dropped."""
    pretrained: Pretrained | None = None


class VideoBackbone(_Backbone):
    """A network over cropped frames."""

    modality: Literal["video"]
    recipe: str
    """Whose frames: a name of `crop.recipes`."""
    pixels: Pixels = PixelScale()
    augment: PixelAugment = VideoAugment()


class SkeletonBackbone(_Backbone):
    """A network over joints."""

    modality: Literal["skeleton"]
    stream: Stream = "joint"
    input: Skeletal = SkeletonInput()
    augment: SkeletalAugment = SkeletonAugment()


Backbone = Annotated[VideoBackbone | SkeletonBackbone, Field(discriminator="modality")]


class HoldOut(Section):
    """What selects: whole groups of the training part, along the protocol's own axis."""

    groups: tuple[int, ...] | None = None
    """Subjects, cameras or set-ups to hold out; None draws them with `seed`."""
    share: float = Field(default=0.05, gt=0, lt=1)
    seed: int = 0


class PretrainParams(Section):
    """Stages 1 and 2 of AMFI-Net's Algorithm 1."""

    seeds: tuple[int, ...] = Field(min_length=1)
    hold_out: HoldOut = HoldOut()
    select: Literal["best", "last"] = "best"
    """Which epoch of the selection run is kept: the best on the held-out part, or the last (it then only measures)."""
    refit: bool = True
    """Train again on the whole training part, for as many epochs as the first seed's selection found."""
    amp: Literal["off", "bf16"] = "bf16"
    backbones: dict[str, Backbone] = Field(min_length=1)


class FeatureParams(Section):
    """Frozen backbones over every clip."""

    shard_rows: int = Field(default=4096, gt=0, multiple_of=16)


class HeadParams(Section):
    """Stage 3: AMFI-Net's fusion and the fusions it is compared with."""

    video: tuple[str, ...] = ("video",)
    """Backbones whose features, one after the other, are the fusion's video vector."""
    skeleton: tuple[str, ...] = ("skeleton",)
    """Likewise its skeleton vector."""
    methods: tuple[str, ...] = (
        "video",
        "skeleton",
        "average",
        "multiplication",
        "max",
        "concatenation",
        "amfi",
    )
    """Names of `models.heads.HEADS`."""
    fused: str = "amfi"
    """The method that `metrics.json` calls fused."""
    options: dict[str, Options] = {}
    """Per method, keywords of its head."""
    seeds: tuple[int, ...] = Field(min_length=1)
    plan: TrainingPlan


class ReportParams(Section):
    """What the page shows."""

    clips: int = Field(default=12, ge=0)
    tsne_clips: int = Field(default=600, gt=10)
    ceilings: dict[str, float] = {}
    """Method to the accuracy in per cent that it cannot pass; known of the demo dataset only."""


class Preset(Section):
    """One whole run: every stage's parameters."""

    max_failed: float = Field(default=0.01, ge=0, le=1)
    """Share of the clips that may fail before a stage's exit status says so."""
    index: IndexParams
    sample: dict[str, Sampling] = Field(min_length=1)
    crop: CropParams
    heatmaps: HeatmapParams
    pretrain: PretrainParams
    features: FeatureParams = FeatureParams()
    train: HeadParams
    report: ReportParams = ReportParams()

    @model_validator(mode="after")
    def _names_exist(self) -> "Preset":
        crops, backbones = set(self.crop.recipes), self.pretrain.backbones
        samplings = {recipe.sampling for recipe in self.crop.recipes.values()}
        _subset("crop.recipes.*.sampling", samplings, "sample", set(self.sample))
        _subset("heatmaps.recipe", {self.heatmaps.recipe}, "crop.recipes", crops)
        videos = {b.recipe for b in backbones.values() if b.modality == "video"}
        _subset("pretrain.backbones.*.recipe", videos, "crop.recipes", crops)
        for modality in ("video", "skeleton"):
            of_modality = {name for name, b in backbones.items() if b.modality == modality}
            _subset(
                f"train.{modality}", set(getattr(self.train, modality)), f"{modality} backbones", of_modality
            )
        _subset("train.fused", {self.train.fused}, "train.methods", set(self.train.methods))
        return self


def _subset(where: str, names: set[str], there: str, known: set[str]) -> None:
    for name in sorted(names - known):
        raise ValueError(f"{where} names {name!r}{nearest(name, sorted(known))}; {there} has {sorted(known)}")

"""What params.yaml may say: one frozen section a stage. Rules and inputs are the values that use them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.params.backbones import Backbone, TrainingPlan
from pipeline.params.sections import Options, Section, known_keys, nearest
from pipeline.skeleton.heatmaps import HeatmapRule
from pipeline.skeleton.layouts import Layout
from pipeline.video.crop import CropRecipe
from pipeline.video.sampling import SamplingRule

Sampling = Annotated[SamplingRule, BeforeValidator(known_keys(SamplingRule))]
Crop = Annotated[CropRecipe, BeforeValidator(known_keys(CropRecipe))]


class IndexParams(Section):
    """Which dataset, which protocol, and how large a clip may grow."""

    adapter: str
    """A key of `pipeline.datasets.names.DATASETS`, or a user's own as `package.module:Class`."""
    options: Options = Field(default_factory=dict)
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
    """Names of `models.names.HEADS`, or a user's own as `package.module:Class`."""
    single_backbones: tuple[str, ...] = ()
    """Further backbones, each with a linear head of its own: one more row of the table."""
    fused: str = "amfi"
    """The method that `metrics.json` calls fused."""
    options: dict[str, Options] = Field(default_factory=dict)
    """Per method, keywords of its head."""
    seeds: tuple[int, ...] = Field(min_length=1)
    plan: TrainingPlan


class ReportParams(Section):
    """What the page shows."""

    clips: int = Field(default=12, ge=0)
    tsne_clips: int = Field(default=600, gt=10)
    ceilings: dict[str, float] = Field(default_factory=dict)
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
        _subset(
            "train.single_backbones", set(self.train.single_backbones), "pretrain.backbones", set(backbones)
        )
        for name in sorted(set(self.train.single_backbones) & set(self.train.methods)):
            raise ValueError(
                f"train.single_backbones names {name!r}, which is a method too; rename the backbone"
            )
        _subset("train.fused", {self.train.fused}, "train.methods", set(self.train.methods))
        return self


def _subset(where: str, names: set[str], there: str, known: set[str]) -> None:
    for name in sorted(names - known):
        raise ValueError(f"{where} names {name!r}{nearest(name, sorted(known))}; {there} has {sorted(known)}")

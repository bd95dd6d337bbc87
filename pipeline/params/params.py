"""Parameters of params.yaml: one frozen section for each stage. Rules and inputs are the values that use them."""

from collections.abc import Collection, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.arrays.cut_arrays import FEATURES
from pipeline.errors import ParamError
from pipeline.params.backbones import Backbone, TrainingPlan
from pipeline.params.pose import PoseParams
from pipeline.params.scores import ScoresFile, ensemble_mistakes, score_name_mistakes
from pipeline.params.sections import Mistake, MistakesError, Options, Place, Section, known_keys, nearest
from pipeline.skeleton.heatmaps import HeatmapRule
from pipeline.skeleton.layouts import Layout
from pipeline.video.crop_recipe import CropRecipe
from pipeline.video.sampling import SamplingRule

Sampling = Annotated[SamplingRule, BeforeValidator(known_keys(SamplingRule))]
Crop = Annotated[CropRecipe, BeforeValidator(known_keys(CropRecipe))]


class IndexParams(Section):
    """Dataset, protocol, and the largest size of a clip."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ("adapter", "options", "max_frames")
    NEVER_IN_KEYS: ClassVar[tuple[str, ...]] = ("protocol", "protocol_gaps", "shard_rows")

    adapter: str
    """A key of `pipeline.datasets.names.DATASETS`, or a user's own as `package.module:Class`."""
    options: Options = Field(default_factory=dict)
    """Keyword options of the adapter."""
    protocol: str
    protocol_gaps: Literal["refuse", "allow"] = "refuse"
    """Recordings of which `protocol` cannot train and test (nothing to test, a class without training clips, …):
    `refuse` ends `index` with status 1 once all is written, so that `dvc repro` stops; `allow` tells only."""
    max_frames: int = Field(default=300, gt=0)
    """Skeletons, and what stands in for them, are padded to this many frames; a longer clip is refused by name."""
    shard_rows: int = Field(default=1024, gt=0, multiple_of=64)
    pose: PoseParams | None = None
    """Joints estimated from the videos, in place of the dataset's own skeletons; None reads those."""


class CropParams(Section):
    """Crop recipes, and the sampling whose frames they crop."""

    recipes: dict[str, Crop] = Field(min_length=1)
    shard_rows: int = Field(default=256, gt=0)
    depth_range_metres: float = Field(default=1.0, gt=0)
    """For depth videos: range of the grey values before and behind the person, in metres."""


class HeatmapParams(Section):
    """Gaussian pseudo-heatmaps of one recipe's frames (SPEC 0.6)."""

    recipe: str
    """Name in `crop.recipes` whose frames and boxes are used."""
    store: Literal["maps", "joints"] = "joints"
    """`joints` keeps joints in grid pixels, from which maps are rendered on the fly; `maps` keeps uint8 maps."""
    size: tuple[int, int] = (56, 56)
    """Height and width of the grid, in cells."""
    sigma: float = Field(default=0.6, gt=0)
    """Standard deviation of the Gaussian in cells."""
    with_joints: bool = True
    with_limbs: bool = False
    limbs: tuple[tuple[int, int], ...] | None = None
    """Pairs of joints that `with_limbs` draws, by their numbers in the layout; None draws the layout's own."""
    use_score: bool = True
    """Whether the peak is the joint's score; if not, it is 1 for every known joint."""
    shard_rows: int = Field(default=256, gt=0)

    def rule(self, layout: Layout) -> HeatmapRule:
        """Return the rendering rule for skeletons of `layout`, as uint8. Raises ParamError where it lacks a joint."""
        strange = [pair for pair in self.limbs or () if not all(0 <= j < layout.num_joints for j in pair)]
        if strange:
            raise ParamError(
                f"heatmaps.limbs: {strange} name joints that {layout.name} does not have; its "
                f"{layout.num_joints} joints are numbered from 0"
            )
        return HeatmapRule(
            size=self.size,
            sigma=self.sigma,
            bones=layout.drawn_limbs if self.limbs is None else self.limbs,
            with_joints=self.with_joints,
            with_limbs=self.with_limbs,
            use_score=self.use_score,
            dtype="uint8",
        )


class HoldOut(Section):
    """Validation split: whole subjects (or cameras, set-ups) held out of the training set."""

    by: Literal["group", "clip"] = "group"
    """`group`: whole subjects (or cameras, set-ups), along the protocol's own axis. `clip`: single clips, for
    recordings of one subject: people are then on both sides, and what selects is easier than strangers are."""
    groups: tuple[int, ...] | None = None
    """Subjects, cameras or set-ups to hold out; None draws them with `seed`."""
    share: float = Field(default=0.05, gt=0, lt=1)
    seed: int = 0

    @model_validator(mode="after")
    def _one_way(self) -> "HoldOut":
        if self.by == "clip" and self.groups is not None:
            raise MistakesError(
                [(("groups",), "no groups are held out where `by` is clip; leave one of them out")]
            )
        return self


class PretrainParams(Section):
    """Stages 1 and 2 of AMFI-Net's Algorithm 1."""

    seeds: tuple[int, ...] = Field(min_length=1)
    hold_out: HoldOut = HoldOut()
    select: Literal["best", "last"] = "best"
    """Epoch of the selection run that is used: the best on the held-out part, or the last (it then only measures)."""
    selected_on: Literal["val", "test"] = "val"
    """`test` is the papers' way: the whole training part is fitted, and the epoch is chosen on the test clips. Its
    figures leak, and say so wherever they appear; needs `refit: false`."""
    refit: bool = True
    """Train again on the whole training part, for as many epochs as the first seed's selection found."""
    amp: Literal["off", "bf16"] = "bf16"
    cross_fit: int = Field(default=0, ge=0)
    """Number of parts of the training clips, divided as `hold_out` divides; 0 is off. Each backbone is then trained
    once more without each part, and heads are fitted on cuts of networks that did not see the clip."""
    backbones: dict[str, Backbone] = Field(min_length=1)

    @model_validator(mode="after")
    def _more_than_one_part(self) -> "PretrainParams":
        if self.cross_fit == 1:
            raise MistakesError(
                [(("cross_fit",), "one part is all of the training clips: give 2 or more, or 0 for none")]
            )
        return self

    @model_validator(mode="after")
    def _test_clips_are_never_refitted(self) -> "PretrainParams":
        if self.selected_on == "test" and self.refit:
            raise ValueError(
                "selected_on: test fits the whole training part already; set refit: false beside it"
            )
        return self


class FeatureParams(Section):
    """Frozen backbones over every clip."""

    shard_rows: int = Field(default=4096, gt=0, multiple_of=16)


OWN_CLASSIFIER = "classifier"
"""The head that is a network's own classifier: it trains nothing."""

MODALITIES = ("video", "skeleton")

SIDE_MODALITIES = {"video": ("video",), "skeleton": ("skeleton", "heatmaps")}
"""Modalities of the backbones that may form each vector: heatmaps are drawn from joints."""


class HeadParams(Section):
    """Stage 3: AMFI-Net's fusion and the fusions it is compared with; of one modality, a linear head alone."""

    video: tuple[str, ...] = ("video",)
    """Backbones whose features form the fusion's video vector, concatenated; `[]` where there is no video."""
    skeleton: tuple[str, ...] = ("skeleton",)
    """Backbones whose features form the fusion's skeleton vector, concatenated; `[]` where there are no skeletons."""
    methods: tuple[str, ...] = (
        "video",
        "skeleton",
        "average",
        "multiplication",
        "max",
        "concatenation",
        "amfi",
    )
    """Names of `models.names.HEADS`, or a user's own as `package.module:Class`; `amfi@any_word` is one more `amfi`,
    with options of its own, `classifier@video` the classifier that the backbone `video` was trained with."""
    streams: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Method to stream of its head to the backbone that feeds it, where more than one could."""
    single_backbones: tuple[str, ...] = ()
    """Further backbones, each with a linear head of its own: one more row of the table."""
    fused: str = "amfi"
    """The method that `metrics.json` calls fused."""
    late_fusion: tuple[str, str] = MODALITIES
    """The two methods whose class probabilities `score_sum` and `weighted_product` combine, the video's first: the
    linear heads, or the networks' own classifiers (`classifier@…`)."""
    ensembles: dict[str, Annotated[tuple[str, ...], Field(min_length=2)]] = Field(default_factory=dict)
    """Name of your own to the methods whose class probabilities are added, such as the classifiers of six streams, with
    weights that are likeliest on held-out clips: one more row of the table each."""
    scores: dict[str, ScoresFile] = Field(default_factory=dict)
    """Methods that ran elsewhere, by a name of your own: a file of class scores each, one more row of the table."""
    options: dict[str, Options] = Field(default_factory=dict)
    """Keyword options of each method's head, by method."""
    align_folds: Literal["procrustes", "none"] = "procrustes"
    """With `pretrain.cross_fit`: whether vectors of networks trained without a part are rotated onto those of the
    network that saw all of them (`pipeline.inputs.alignment`); logits never need it."""
    drawn_views: tuple[str, ...] = ()
    """Methods whose heads are fitted on one cached view of each clip, drawn anew in each epoch, in place of the mean
    over views (of maps and frames: the first), the same in all inputs. They are tested as the others are."""
    clips_per_class: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """Small samples: for each number, heads fitted on so many training clips of each class, on the same backbones."""
    seeds: tuple[int, ...] = Field(min_length=1)
    plan: TrainingPlan

    @model_validator(mode="after")
    def _methods_have_vectors(self) -> "HeadParams":
        """Where one modality's vectors are empty, the other's linear head is meant unless methods are named."""
        sides = [side for side in MODALITIES if getattr(self, side)]
        if not sides:
            raise MistakesError([(("video",), "empty as skeleton is: name the backbones of one of them")])
        if len(sides) == 1:
            meant = {"methods": (sides[0],), "fused": sides[0]}
            for name in meant.keys() - self.model_fields_set:
                object.__setattr__(self, name, meant[name])  # frozen from here on
        return self


class ReportParams(Section):
    """Contents of the report page."""

    clips: int = Field(default=12, ge=0)
    tsne_clips: int = Field(default=600, gt=10)
    alignment_clips: int = Field(default=16, ge=0)
    """Clips of which the lag between skeleton and video is estimated, at most; 0 estimates none."""
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
        ours = (*self.train.methods, *self.train.single_backbones)
        strange = [
            *score_name_mistakes(self.train.scores, ours),
            *ensemble_mistakes(self.train.ensembles, (*ours, *self.train.scores)),
        ]
        if found := [*self._recipes_named(), *self._backbones_named(), *strange]:
            raise MistakesError(found)
        return self

    def _recipes_named(self) -> Iterator[Mistake]:
        """Sampling rules and crop recipes that are named and not there."""
        recipes = self.crop.recipes
        for name, recipe in recipes.items():
            yield from _none_of(("crop", "recipes", name, "sampling"), recipe.sampling, "sample", self.sample)
        yield from _none_of(("heatmaps", "recipe"), self.heatmaps.recipe, "crop.recipes", recipes)
        for name, backbone in self.pretrain.backbones.items():
            if backbone.modality == "video":
                place = ("pretrain", "backbones", name, "recipe")
                yield from _none_of(place, backbone.recipe, "crop.recipes", recipes)

    def _backbones_named(self) -> Iterator[Mistake]:
        """Backbones that heads shall see and that are not there, or whose features are not kept."""
        train, backbones = self.train, self.pretrain.backbones
        for side in MODALITIES:
            fit = SIDE_MODALITIES[side]
            known = [name for name, backbone in backbones.items() if backbone.modality in fit]
            for name in getattr(train, side):
                yield from _none_of(("train", side), name, f"backbones of modality {' or '.join(fit)}", known)
        for name in train.single_backbones:
            yield from _none_of(("train", "single_backbones"), name, "pretrain.backbones", backbones)
            if name in train.methods:
                yield ("train", "single_backbones"), f"{name!r} is a method too; rename the backbone"
        for name in {*train.video, *train.skeleton, *train.single_backbones} & backbones.keys():
            if FEATURES not in backbones[name].cuts:
                place = ("pretrain", "backbones", name, "cuts")
                yield place, f"heads are trained on {name!r}, so its cuts must hold {FEATURES!r}"
        for name in train.drawn_views:
            known = [*train.methods, *train.single_backbones]
            yield from _none_of(("train", "drawn_views"), name, "methods", known)
        if train.late_fusion != MODALITIES:
            known = [*train.methods, *train.single_backbones, *train.scores]
            for name in train.late_fusion:
                yield from _none_of(("train", "late_fusion"), name, "methods", known)
        if train.fused not in train.methods:
            known = sorted(train.methods)
            yield (
                ("train", "fused"),
                f"`fused` is {train.fused!r}{nearest(train.fused, known)}, which is none of train.methods; set "
                f"`fused` to the one that the others are compared with: {known}",
            )


def _none_of(place: Place, name: str, there: str, known: Collection[str]) -> Iterator[Mistake]:
    if name not in known:
        yield place, f"no {name!r}{nearest(name, sorted(known))}; {there}: {sorted(known)}"

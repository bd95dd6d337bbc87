"""Parameters of params.yaml: one frozen section for each stage. Rules and inputs are the values that use them."""

from collections.abc import Collection, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.arrays.cut_arrays import FEATURES
from pipeline.errors import ParamError
from pipeline.params.backbones import Backbone, trained_as_mistakes
from pipeline.params.heads import (
    MODALITIES,
    NO_HEADS,
    SIDE_MODALITIES,
    HeadParams,
    ensemble_mistakes,
    score_name_mistakes,
)
from pipeline.params.pose import PoseParams
from pipeline.params.sections import Mistake, MistakesError, Options, Place, Section, known_keys, nearest
from pipeline.skeleton.gaps import GapRule
from pipeline.skeleton.heatmaps import HeatmapRule
from pipeline.skeleton.layouts import Layout
from pipeline.video.crop_recipe import CropRecipe
from pipeline.video.sampling import SamplingRule

Sampling = Annotated[SamplingRule, BeforeValidator(known_keys(SamplingRule))]
Gaps = Annotated[GapRule, BeforeValidator(known_keys(GapRule))]
Crop = Annotated[CropRecipe, BeforeValidator(known_keys(CropRecipe))]


class RecordingsParams(Section):
    """Words about the recordings that stores and releases carry; an empty one leaves the dataset's own."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ()

    title: str = ""
    """Name of the recordings, as "Gait at home, 2026"."""
    licence: str = ""
    """Terms on which they are used: an SPDX identifier, as CC-BY-4.0, or words."""
    citation: str = ""
    """Reference to cite, in one line."""
    url: str = ""
    """Address at which they are described."""


class IndexParams(Section):
    """Dataset, protocol, and the largest size of a clip."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ("adapter", "options", "max_frames")
    NEVER_IN_KEYS: ClassVar[tuple[str, ...]] = ("protocol", "protocol_gaps", "shard_rows", "recordings")

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
    gaps: Gaps = GapRule()
    """Joints that were lost for a while: left unknown, or filled, for every stage after this one."""
    recordings: RecordingsParams = RecordingsParams()
    """Title, licence, citation and address that stores carry, where the dataset's own are not meant; in no key."""


class CropParams(Section):
    """Crop recipes, and the sampling whose frames they crop."""

    recipes: dict[str, Crop] = Field(default_factory=dict)
    """Recipes by names of your own; without one nothing is cropped."""
    shard_rows: int = Field(default=256, gt=0)
    depth_range_metres: float = Field(default=1.0, gt=0)
    """For depth videos: range of the grey values before and behind the person, in metres."""


class HeatmapParams(Section):
    """Gaussian pseudo-heatmaps of one recipe's frames (SPEC 0.6)."""

    recipe: str = ""
    """Name in `crop.recipes` whose frames and boxes are used; without one nothing is drawn."""
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


class ReportParams(Section):
    """Contents of the report page."""

    clips: int = Field(default=12, ge=0)
    tsne_clips: int = Field(default=600, gt=10)
    alignment_clips: int = Field(default=16, ge=0)
    """Clips of which the lag between skeleton and video is estimated, at most; 0 estimates none."""
    ceilings: dict[str, float] = Field(default_factory=dict)
    """Method to the accuracy in per cent that it cannot pass; known of the demo dataset only."""
    runs: tuple[str, ...] = ()
    """Other runs of the same clips to stand beside this one: datasets or folders of reports, with `:method` behind
    them where another than the run's fusion is meant."""


class Preset(Section):
    """One whole run: every stage's parameters. A section that nothing needs may be left out, or be empty."""

    max_failed: float = Field(default=0.01, ge=0, le=1)
    """Share of the clips that may fail before a stage's exit status says so."""
    index: IndexParams
    sample: dict[str, Sampling] = Field(default_factory=dict)
    crop: CropParams = CropParams()
    heatmaps: HeatmapParams = HeatmapParams()
    pretrain: PretrainParams
    features: FeatureParams = FeatureParams()
    train: HeadParams = NO_HEADS
    report: ReportParams = ReportParams()

    @model_validator(mode="after")
    def _names_exist(self) -> "Preset":
        ours = (*self.train.methods, *self.train.single_backbones)
        strange = [
            *score_name_mistakes(self.train.scores, ours),
            *trained_as_mistakes(self.pretrain.backbones),
            *ensemble_mistakes(self.train.ensembles, self.train.equal_weights, (*ours, *self.train.scores)),
        ]
        if found := [*self._recipes_named(), *self._backbones_named(), *strange]:
            raise MistakesError(found)
        return self

    @property
    def pictured_recipe(self) -> str:
        """The recipe whose crops the report shows: that of the heatmaps, else the first; empty where none is made."""
        return self.heatmaps.recipe or next(iter(self.crop.recipes), "")

    def _recipes_named(self) -> Iterator[Mistake]:
        """Sampling rules and crop recipes that are named and not there."""
        recipes = self.crop.recipes
        for name, recipe in recipes.items():
            yield from _none_of(("crop", "recipes", name, "sampling"), recipe.sampling, "sample", self.sample)
        if self.heatmaps.recipe:
            yield from _none_of(("heatmaps", "recipe"), self.heatmaps.recipe, "crop.recipes", recipes)
        for name, backbone in self.pretrain.backbones.items():
            if backbone.modality == "heatmaps" and not self.heatmaps.recipe:
                yield ("heatmaps",), f"the backbone {name!r} is over heatmaps: say `heatmaps: {{recipe: …}}`"
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
        known = [*train.methods, *train.single_backbones]
        for field_name in ("drawn_views", "averaged_views", "tested_classes"):
            for name in getattr(train, field_name):
                yield from _none_of(("train", field_name), name, "methods", known)
        if train.late_fusion != MODALITIES:
            known = [*train.methods, *train.single_backbones, *train.scores]
            for name in train.late_fusion:
                yield from _none_of(("train", "late_fusion"), name, "methods", known)
        if train.methods and train.fused not in train.methods:
            known = sorted(train.methods)
            yield (
                ("train", "fused"),
                f"`fused` is {train.fused!r}{nearest(train.fused, known)}, which is none of train.methods; set "
                f"`fused` to the one that the others are compared with: {known}",
            )


def _none_of(place: Place, name: str, there: str, known: Collection[str]) -> Iterator[Mistake]:
    if name not in known:
        yield place, f"no {name!r}{nearest(name, sorted(known))}; {there}: {sorted(known)}"

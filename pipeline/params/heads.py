"""Parameters of `train`: the heads that are fitted on cached features, and what they are compared with."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.params.backbones import TrainingPlan
from pipeline.params.pose import Sha256
from pipeline.params.sections import Mistake, MistakesError, Options, Section, nearest

TAKEN = (
    *("fused", "score_sum", "weighted_product", "dataset", "protocol", "seeds", "clips", "resampling"),
    *("selected_on", "fusion", "backbone_seeds", "on_both_sides", "cross_fit", "skeleton_weight", "left_out"),
    *("imported", "confused_pairs", "small_samples", "ensembles", "weighed_on", "out_of_fold"),
)
"""Words of metrics.json that mean something else there."""


class ScoresFile(Section):
    """A file of class scores by clip id."""

    path: str
    """A `.pkl`, `.npz` or `.csv` file: absolute, or from the project's folder. Nothing is ever fetched."""
    sha256: Sha256
    """The file's digest, 64 hex digits: other bytes under the path are refused, and a new digest runs `train` again."""


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
    weights that are likeliest on held-out clips, with `pretrain.cross_fit` on out-of-fold logits of all training clips
    where every member is a classifier: one more row of the table each."""
    equal_weights: tuple[str, ...] = ()
    """Those of `ensembles` whose members weigh alike, so that no clip chooses anything: the plain mean of streams."""
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
    averaged_views: tuple[str, ...] = ()
    """Methods that are tested on each cached view of a clip, their logits averaged, in place of the mean vector (of
    maps and frames: of the first view); what they are fitted on stays. CSSIModel's sub-images are such views."""
    tested_classes: tuple[str, ...] = ()
    """Methods that choose among the classes that test clips show, all others having no chance: ARID's eleven among the
    51 of HMDB51, where that dataset trains. They learn all classes as others do."""
    clips_per_class: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """Small samples: for each number, heads fitted on so many training clips of each class, on the same backbones."""
    seeds: tuple[int, ...] = Field(min_length=1)
    plan: TrainingPlan

    @property
    def asks_nothing(self) -> bool:
        """Whether there is no method at all, of ours or of a file."""
        return not (self.methods or self.single_backbones or self.scores)

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


NO_HEADS = HeadParams.model_construct(
    video=(), skeleton=(), methods=(), fused="", seeds=(0,), plan=TrainingPlan(epochs=1, batch=1, lr=1.0)
)
"""Value of a preset without `train`: no method, so that seeds and plan are never asked."""


def score_name_mistakes(names: Collection[str], methods: Collection[str]) -> Iterator[Mistake]:
    """Yield names of scores that stand for something else already; `methods` are those of our own."""
    for name in names:
        if name in methods:
            yield ("train", "scores", name), f"{name!r} is a method of ours too; give the scores another name"
        if name in TAKEN:
            yield (
                ("train", "scores", name),
                f"{name!r} is a word of metrics.json; give the scores another name",
            )


def ensemble_mistakes(
    ensembles: Mapping[str, Collection[str]], equal: Collection[str], methods: Collection[str]
) -> Iterator[Mistake]:
    """Yield members that are none of `methods`, names that stand for something else, and `equal` ones that are none."""
    for name in set(equal) - set(ensembles):
        yield ("train", "equal_weights"), f"no ensemble {name!r}; ensembles: {sorted(ensembles)}"
    for name, members in ensembles.items():
        place = ("train", "ensembles", name)
        for member in members:
            if member not in methods:
                near = nearest(member, sorted(methods))
                yield place, f"no {member!r}{near}; methods: {sorted(methods)}"
        if name in methods or name in TAKEN:
            yield place, f"{name!r} stands for something else in metrics.json; give the ensemble another name"

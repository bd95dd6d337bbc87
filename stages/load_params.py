"""params.yaml with every name in it known: adapters, networks and heads are looked up before anything runs.

It imports torch, a second or two at the start of each command: a network's options are then checked against its own
signature, and by building it without values, and no table of them stands a second time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from models.backbones import DATASET_DECIDES, backbone_class, build_backbone
from models.cuts import FEATURES, LOGITS, Backbone, cut_shapes
from models.device import without_values
from models.errors import ModelError, ModelParamError
from models.head import (
    KIND_DIMS,
    HeadInput,
    Source,
    decided_by_data,
    head_class,
    head_for,
    head_inputs,
    kind_of,
)
from models.lookup import found_by_name
from models.names import HEADS
from models.pose.names import PERSON_DETECTORS, POSE_NETWORKS
from models.preprocessing import HeatmapInput, JointInput, VideoInput
from models.published.card import WeightsCard
from models.published.kinds import PUBLISHED
from models.training.checkpoint import kind_mismatches
from models.training.classifier import Classifier
from models.training.head_trial import STAND_IN_CLASSES, vector_fault
from models.training.plan import FitPlan
from pipeline.datasets.opened import dataset_class
from pipeline.errors import ParamError
from pipeline.keys.keyed import in_key
from pipeline.params.alignment import misfits
from pipeline.params.backbones import Backbone as BackboneParams
from pipeline.params.backbones import TrainingPlan
from pipeline.params.crossing import uncrossed_cuts
from pipeline.params.heads import HeadParams
from pipeline.params.options import option_mistakes
from pipeline.params.params import IndexParams, Preset
from pipeline.params.pose import PoseNetworkParams
from pipeline.params.presets import load_preset
from pipeline.params.sections import Mistake, Options, nearest
from pipeline.params.streams import streams_of
from pipeline.skeleton.layouts import NTU_25

STAND_IN_DIM = 16
"""Size of the features that a head is tried on; those of its further inputs are longer, as they may be in a run."""

INPUTS: dict[str, type] = {"skeleton": JointInput, "heatmaps": HeatmapInput, "video": VideoInput}
"""Type that a network of each modality must declare in `expects`."""

INPUT_FACTS = frozenset(name for weights in PUBLISHED.values() for name in weights.card.normalisation)
"""Entries of the cards of published weights; what params do not tell of them is compared when the file is read."""


def load_params(path: Path, name: str) -> Preset:
    """Preset `name` of params.yaml; raises ParamError with each mistake's place, also of names and options.

    What a network or a head refuses is found by building it without values (torch's meta device).
    """
    return load_preset(path, name, check=mistakes_in)


def mistakes_in(preset: Preset) -> Iterator[Mistake]:
    """Names that nothing bears, options that it does not take, values that it refuses."""
    yield from _under(("index",), _adapter(preset.index))
    if preset.index.pose is not None:
        yield from _under(("index", "pose"), _engine(preset.index.pose, POSE_NETWORKS, "pose network"))
        if (detector := preset.index.pose.detector) is not None:
            found = _engine(detector, PERSON_DETECTORS, "person detector")
            yield from _under(("index", "pose", "detector"), found)
    for name, backbone in preset.pretrain.backbones.items():
        yield from _under(("pretrain", "backbones", name), _backbone(backbone))
    yield from _heads(preset)


def _under(place: tuple[str, ...], found: Iterable[Mistake]) -> Iterator[Mistake]:
    return (((*place, *below), message) for below, message in found)


def _adapter(params: IndexParams) -> Iterator[Mistake]:
    try:
        make = dataset_class(params.adapter)
    except ParamError as error:
        yield ("adapter",), str(error)
        return
    yield from _under(("options",), option_mistakes(make, params.options, {"root"}))


def _engine(params: PoseNetworkParams, table: Mapping[str, tuple[str, int]], what: str) -> Iterator[Mistake]:
    """A name that nothing bears, options that the network does not take, values that it refuses."""
    try:
        make = found_by_name(params.engine, table, what)
    except ModelError as error:
        yield ("engine",), str(error)
        return
    given = {"weights": Path(params.weights), "sha256": params.sha256, "root": Path()}
    found = list(option_mistakes(make, params.options, given))
    yield from _under(("options",), found)
    if not found:
        try:
            make(**given, **params.options)
        except (ModelError, TypeError, ValueError) as error:
            yield ("options",), str(error)


def _backbone(params: BackboneParams) -> Iterator[Mistake]:
    yield from _plan(params.plan)
    kind = params.model.get("kind")
    try:
        make = backbone_class(kind)
    except ModelError as error:
        yield ("model", "kind"), str(error)
        return
    if not isinstance(make.expects, INPUTS[params.modality]):
        yield ("modality",), f"{kind!r} takes {type(make.expects).__name__}, which {params.modality!r} is not"
        return
    options = {name: value for name, value in params.model.items() if name != "kind"}
    found = list(option_mistakes(make, options, DATASET_DECIDES))
    yield from _under(("model",), found)
    if not found:
        yield from _built(params)


def _built(params: BackboneParams) -> Iterator[Mistake]:
    """What the network itself refuses, and cuts that it has not."""
    people = params.input.max_persons if params.modality == "skeleton" else 1
    shape = (3, 1, NTU_25.num_joints, people)
    try:
        with without_values():
            network = Classifier(
                build_backbone(params.model, shape=shape, edges=NTU_25.bones), STAND_IN_CLASSES
            )
    except (ModelError, TypeError, ValueError, AttributeError) as error:
        yield ("model",), str(error)
        return
    if LOGITS in params.cuts and [cut.name for cut in network.cuts].count(LOGITS) > 1:
        yield ("cuts",), f"{LOGITS!r} is the cut of the classifier; call the network's own cut otherwise"
    for cut in params.cuts:
        yield from _cut(network, cut)
    yield from _under(("pretrained", "kind"), _started(params, network.backbone))


def _started(params: BackboneParams, network: Backbone) -> Iterator[Mistake]:
    """Published weights of another network, or made for other input than params tell of."""
    if params.pretrained is None:
        return
    options = {name: value for name, value in params.model.items() if name != "kind"}
    given = {"stream": params.stream, **in_key(params.input)} if params.modality == "skeleton" else {}
    kind, card = params.pretrained.kind, WeightsCard(params.model["kind"], options, given)
    if found := kind_mismatches(kind, card, network, unknown=INPUT_FACTS - given.keys()):
        yield (
            (),
            f"weights of kind {kind!r} were made for another model or input: {'; '.join(found)}; set the params "
            "to what the weights were made with",
        )


def _cut(network: Backbone, name: str) -> Iterator[Mistake]:
    try:
        network.cut(name)
    except ModelError as error:
        yield ("cuts",), f"{error}{nearest(name, [cut.name for cut in network.cuts])}"


def _plan(params: TrainingPlan) -> Iterator[Mistake]:
    try:
        FitPlan(**params.model_dump(exclude={"batch"}))
    except ModelError as error:
        yield ("plan",), str(error)


def _heads(preset: Preset) -> Iterator[Mistake]:
    params = preset.train
    if params.asks_nothing:
        return
    yield from _under(("train",), _plan(params.plan))
    for method in params.methods:
        try:
            head_class(kind_of(method))
        except ModelError as error:
            yield ("train", "methods"), str(error)
            continue
        place = ("train", "options", method)
        found = list(_under(place, _options(kind_of(method), params.options.get(method, {}))))
        yield from found or _fed(preset, method)
    yield from _options_of_others(params)


def _options_of_others(params: HeadParams) -> Iterator[Mistake]:
    """Options and streams of what is no method; a head that is not run may keep its options."""
    known = [*HEADS, *params.methods, *params.single_backbones]
    for method, options in params.options.items():
        place = ("train", "options", method)
        if method not in known:
            yield place, f"no head {method!r}{nearest(method, known)}; there are {sorted(known)}"
        elif method not in params.methods:
            kind = "skeleton" if method in params.single_backbones else method
            yield from _under(place, _options(kind, options) or _built_of_vectors(kind, options))
    for method in params.streams.keys() - {*params.methods}:
        yield (
            ("train", "streams"),
            f"no method {method!r}{nearest(method, list(params.methods))} in train.methods",
        )


def _options(kind: str, options: Options) -> list[Mistake]:
    return list(option_mistakes(head_class(kind), options, decided_by_data(kind)))


def _fed(preset: Preset, method: str) -> Iterator[Mistake]:
    """Cuts that are not kept, or not of the kind that the head takes; and what the head itself refuses."""
    kind, options = kind_of(method), preset.train.options.get(method, {})
    place = ("train", "options", method)
    try:
        inputs = head_inputs(kind, options)
    except ModelError as error:
        yield place, str(error)
        return
    streams, found = streams_of(preset, method, inputs)
    found = found or [
        *misfits(preset, method, inputs, streams),
        *uncrossed_cuts(preset, method, inputs),
    ]
    if found:
        yield from found
        return
    yield from _under(place, _built_of_vectors(kind, options))
    if all(one.kind == "vector" and one.cut == FEATURES for one in inputs):
        return
    try:
        sources = [_source(preset, streams[one.stream], one) for one in inputs]
        with without_values():
            head_for(kind, STAND_IN_CLASSES, sources, options)
    except (ModelError, TypeError, ValueError) as error:
        yield ("train", "methods"), f"{method!r}: {error}"


def _built_of_vectors(kind: str, options: Options) -> Iterator[Mistake]:
    """What a head over vectors refuses, or cannot compute; other heads are built where their backbones are known."""
    try:
        inputs = head_inputs(kind, options)
    except (ModelError, TypeError, ValueError) as error:
        yield (), str(error)
        return
    if all(one.kind == "vector" for one in inputs):
        dims = [STAND_IN_DIM * (1 + number) for number in range(len(inputs))]
        if fault := vector_fault(kind, dims, options):
            yield (), fault


def _source(preset: Preset, names: Sequence[str], wanted: HeadInput) -> Source:
    """What a stream gives to the head, as far as params tell: the layout is a stand-in."""
    first, *others = (_of_backbone(preset, name, wanted) for name in names)
    joined = sum(other.shape[0] for other in others)  # vectors alone are joined
    return replace(first, shape=(first.shape[0] + joined, *first.shape[1:]))


def _of_backbone(preset: Preset, name: str, wanted: HeadInput) -> Source:
    params = preset.pretrain.backbones[name]
    shape = _clip_shape(preset, params)
    dims, found = _cut_of(json.dumps(params.model), shape, wanted.cut)
    if dims != KIND_DIMS[wanted.kind]:
        raise ModelParamError(
            f"the cut {wanted.cut!r} of {name!r} is ({', '.join(dims)}) a clip, and a {wanted.kind} is "
            f"({', '.join(KIND_DIMS[wanted.kind])})"
        )

    def made(options: Mapping[str, Any]) -> Backbone:
        return build_backbone({**params.model, **options}, shape=shape, edges=NTU_25.bones)

    return Source(wanted.seen(found), made if params.modality == "skeleton" else None)


@cache
def _cut_of(model: str, clip_shape: tuple[int, ...], cut: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names and sizes of a cut's axes, of a network given as JSON; many heads ask of one."""
    with without_values():
        network = Classifier(
            build_backbone(json.loads(model), shape=clip_shape, edges=NTU_25.bones), STAND_IN_CLASSES
        )
    dims = network.cut(cut).dims
    return dims, cut_shapes(network, clip_shape, (cut,))[cut]


def _clip_shape(preset: Preset, params: BackboneParams) -> tuple[int, ...]:
    """One clip's input: (C, T, H, W), or (C, T, V, M) of joints."""
    if params.modality == "skeleton":
        return 3, params.input.num_frames, NTU_25.num_joints, params.input.max_persons
    recipe = preset.crop.recipes[params.recipe if params.modality == "video" else preset.heatmaps.recipe]
    size = params.seen_size(recipe.size) if params.modality == "video" else preset.heatmaps.size
    return 3, preset.sample[recipe.sampling].num_frames, *size

"""params.yaml with every name in it known: adapters, networks and heads are looked up before anything runs.

It imports torch, a second or two at the start of each command: a network's options are then checked against its own
signature, and by building it without values, and no table of them stands a second time.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from models.backbones import DATASET_DECIDES, backbone_class, build_backbone
from models.cuts import Backbone
from models.errors import ModelError
from models.head import build_head, head_class
from models.names import HEADS
from models.preprocessing import JointInput
from models.training.plan import FitPlan
from pipeline.datasets.opened import dataset_class
from pipeline.errors import ParamError
from pipeline.params.backbones import Backbone as BackboneParams
from pipeline.params.backbones import TrainingPlan
from pipeline.params.options import option_mistakes
from pipeline.params.params import HeadParams, IndexParams, Preset
from pipeline.params.presets import load_preset
from pipeline.params.sections import Mistake, Options, nearest
from pipeline.skeleton.layouts import NTU_25

STAGE_DECIDES = frozenset({"num_classes", "skeleton_dim", "video_dim", "kind"})
"""Parameters of heads that are no options of params."""

STAND_IN_DIM = 16
"""Of the features that a head is tried on."""


def load_params(path: Path, name: str) -> Preset:
    """Preset `name` of params.yaml; raises ParamError with each mistake's place, also of names and options.

    What a network or a head refuses is found by building it without values (torch's meta device).
    """
    return load_preset(path, name, check=mistakes_in)


def mistakes_in(preset: Preset) -> Iterator[Mistake]:
    """Names that nothing bears, options that it does not take, values that it refuses."""
    yield from _under(("index",), _adapter(preset.index))
    for name, backbone in preset.pretrain.backbones.items():
        yield from _under(("pretrain", "backbones", name), _backbone(backbone))
    yield from _under(("train",), _heads(preset.train))


def _under(place: tuple[str, ...], found: Iterable[Mistake]) -> Iterator[Mistake]:
    return (((*place, *below), message) for below, message in found)


def _adapter(params: IndexParams) -> Iterator[Mistake]:
    try:
        make = dataset_class(params.adapter)
    except ParamError as error:
        yield ("adapter",), str(error)
        return
    yield from _under(("options",), option_mistakes(make, params.options, {"root"}))


def _backbone(params: BackboneParams) -> Iterator[Mistake]:
    yield from _plan(params.plan)
    kind = params.model.get("kind")
    try:
        make = backbone_class(kind)
    except ModelError as error:
        yield ("model", "kind"), str(error)
        return
    if isinstance(make.expects, JointInput) != (params.modality == "skeleton"):
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
        with torch.device("meta"):
            network = build_backbone(params.model, shape=shape, edges=NTU_25.bones)
    except (ModelError, TypeError, ValueError) as error:
        yield ("model",), str(error)
        return
    for cut in params.cuts:
        yield from _cut(network, cut)


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


def _heads(params: HeadParams) -> Iterator[Mistake]:
    yield from _plan(params.plan)
    for method in params.methods:
        try:
            head_class(method)
        except ModelError as error:
            yield ("methods",), str(error)
    known = [*HEADS, *params.methods, *params.single_backbones]
    for method, options in params.options.items():
        place = ("options", method)
        if method not in known:
            yield place, f"no head {method!r}{nearest(method, known)}; there are {sorted(known)}"
            continue
        yield from _under(place, _head("skeleton" if method in params.single_backbones else method, options))


def _head(kind: str, options: Options) -> Iterator[Mistake]:
    try:
        make = head_class(kind)
    except ModelError:  # told of among the methods
        return
    found = list(option_mistakes(make, options, STAGE_DECIDES))
    yield from found or _head_built(kind, options)


def _head_built(kind: str, options: Options) -> Iterator[Mistake]:
    try:
        with torch.device("meta"):
            build_head(kind, 2, skeleton_dim=STAND_IN_DIM, video_dim=STAND_IN_DIM, **options)
    except (ModelError, TypeError, ValueError) as error:
        yield (), str(error)

"""Builds a backbone from its params: one of ours, or a user's own class."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from models.cuts import Backbone, Cut, cut_shapes
from models.device import without_values
from models.errors import ModelParamError
from models.lookup import found_by_name
from models.names import BACKBONES
from models.preprocessing import JointInput
from models.training.classifier import Classifier

if TYPE_CHECKING:
    from models.graph.graphs import Edges


Remember = Callable[[list[Any], Callable[[], Any]], Any]
"""Takes a question in JSON and what finds its answer, and gives the answer, found now or earlier."""
DATASET_DECIDES = frozenset({"in_channels", "edges", "num_joints", "num_people"})
"""Constructor parameters that follow from the dataset and therefore are no options in params."""


def build_backbone(options: Mapping[str, Any], *, shape: Sequence[int], edges: "Edges" = ()) -> Backbone:
    """Build the backbone that `options` describe: `kind` names it, the rest are its keywords.

    `shape` is one clip's input: (C, T, H, W) of videos and heatmaps, (C, T, V, M) of joints, which
    `edges` connect. A `kind` of `package.module:Class` is a user's own subclass of Backbone.
    """
    kind = options.get("kind")
    make = backbone_class(kind)
    given: dict[str, Any] = {"in_channels": shape[0]}
    if isinstance(make.expects, JointInput):
        given |= {"edges": edges, "num_joints": shape[2], "num_people": shape[3]}
    wanted = {name: value for name, value in options.items() if name != "kind"}
    free = sorted(set(inspect.signature(make).parameters) - DATASET_DECIDES)
    unknown = sorted(set(wanted) - set(free))
    if unknown:
        raise ModelParamError(f"model {kind!r} has no option {unknown[0]!r}; it has {free}")
    return make(**given, **wanted)


def cuts_of(
    options: Mapping[str, Any],
    names: Sequence[str],
    *,
    shape: Sequence[int],
    edges: "Edges" = (),
    num_classes: int | None = None,
    remember: Remember | None = None,
) -> list[tuple[Cut, tuple[int, ...]]]:
    """Return each named cut and the shape of one clip's row of it, without memory for the network.

    `options`, `shape` and `edges` are those of `build_backbone`; `num_classes` are its own classifier's, None where it
    has none and therefore no logits. `remember` is asked about networks of ours: to build one without values and find
    shapes, torch imports its compiler, for seconds. Raises ModelParamError where there is no such cut.
    """

    def found() -> list[list[Any]]:
        with without_values():
            network = build_backbone(options, shape=shape, edges=edges)
            if num_classes is not None:
                network = Classifier(network, num_classes)
        cuts = [network.cut(name) for name in names]
        shapes = cut_shapes(network, shape, names)
        return [[{**asdict(cut), "dims": [*cut.dims]}, [*shapes[cut.name]]] for cut in cuts]

    if remember is not None and options.get("kind") in BACKBONES:
        question = ["cuts", dict(options), [*names], [*shape], [[*edge] for edge in edges], num_classes]
        answer = remember(question, found)
    else:
        answer = found()
    return [(Cut(**{**cut, "dims": tuple(cut["dims"])}), tuple(sizes)) for cut, sizes in answer]


def backbone_class(kind: object) -> type[Backbone]:
    """Return the class that `kind` names. Raises ModelParamError where there is none."""
    found = found_by_name(kind, BACKBONES, "backbone")
    if not (isinstance(found, type) and issubclass(found, Backbone) and hasattr(found, "expects")):
        raise ModelParamError(
            f"backbone {kind!r} must be a subclass of models.cuts.Backbone that says what it `expects`"
        )
    return found

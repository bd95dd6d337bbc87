"""models.training.classifier: the linear layer that trains a backbone, and its scores as a cut."""

from math import sqrt

import pytest
import torch
from torch import nn

from models.amfi.r3d import R3D18
from models.cssi.dinet import DINetR
from models.cuts import FEATURES, LOGITS, Backbone, ClassifierInit, cut_shapes
from models.errors import ModelParamError
from models.graph.aagcn import AAGCN
from models.graph.agcn import AGCN
from models.graph.ctrgcn import CTRGCN
from models.graph.stgcn import STGCN
from models.training.classifier import Classifier
from pipeline.skeleton.layouts import NTU_25

CLASSES = 60


def spread(model: Classifier) -> float:
    return float(model.fc.weight.detach().std())


@pytest.mark.parametrize("kind", [AGCN, AAGCN, CTRGCN, STGCN])
def test_graph_networks_begin_as_their_official_code(kind: type[Backbone]) -> None:
    """sqrt(2 / K): 0.1826 of 60 classes; 15,360 draws lie within 2 % of it."""
    torch.manual_seed(0)
    model = Classifier(kind(NTU_25.bones, 25), CLASSES)  # type: ignore[call-arg]
    assert spread(model) == pytest.approx(sqrt(2 / CLASSES), rel=0.02)
    assert not model.fc.bias.any()


@pytest.mark.parametrize("backbone", [R3D18(width=8), DINetR(NTU_25.bones, 25)], ids=["r3d18", "dinet_r"])
def test_other_networks_begin_small(backbone: nn.Module) -> None:
    torch.manual_seed(0)
    assert spread(Classifier(backbone, CLASSES)) == pytest.approx(0.01, rel=0.05)  # type: ignore[arg-type]


@pytest.mark.parametrize(("init", "std"), [("normal_0.01", 0.01), ("sqrt_2_over_k", sqrt(2 / CLASSES))])
def test_what_is_asked_for_wins(init: ClassifierInit, std: float) -> None:
    torch.manual_seed(0)
    assert spread(Classifier(CTRGCN(NTU_25.bones, 25), CLASSES, init=init)) == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("wrong", [{"num_classes": 1}, {"num_classes": 2, "dropout": 1.0}])
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelParamError, match="must"):
        Classifier(R3D18(width=8), **wrong)  # type: ignore[arg-type]


def test_logits_are_one_more_cut_and_change_no_other() -> None:
    torch.manual_seed(0)
    backbone = R3D18(width=8).eval()
    model = Classifier(backbone, 5, dropout=0.5).eval()
    clips = torch.rand(2, 3, 4, 32, 32)
    with torch.inference_mode():
        alone, both = model.at(clips, ("map",)), model.at(clips, ("map", LOGITS))
        expected = model.fc(backbone(clips))
        assert torch.equal(both[LOGITS], expected)
        assert torch.equal(model(clips), expected)
    assert (alone.keys(), both.keys()) == ({"map"}, {"map", LOGITS})
    assert torch.equal(alone["map"], both["map"])
    assert cut_shapes(model, clips.shape[1:], (FEATURES, LOGITS)) == {FEATURES: (64,), LOGITS: (5,)}
    assert [cut.name for cut in model.cuts] == [*(cut.name for cut in backbone.cuts), LOGITS]
    with pytest.raises(ModelParamError, match=r"R3D18 has no cut 'mpa'; it has \['features', 'map'\]"):
        model.cut("mpa")

"""DINet-R, our reconstruction: SPEC 1.3's sizes, and what the paper's text promises of it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from models.backbones import build_backbone
from models.cssi.body_parts import checked_parts, parts_of
from models.cssi.dinet import DINetR, _angle, _motion
from models.cuts import cut_shapes
from models.errors import ModelParamError, ShapeError
from models.figures.counting import count, num_parameters
from models.training.classifier import Classifier
from models.training.seeding import seeded
from pipeline.skeleton.body_parts import body_parts
from pipeline.skeleton.layouts import NTU_25, UTD_20

PERSON = ((1, 0), (2, 1), (3, 1), (4, 3), (5, 1), (6, 5))
"""Seven joints: hip 0, chest 1, head 2, arms 3-4 and 5-6."""

PERSON_PARTS = ((0, 1, 2), (3, 4), (5, 6))


def small_dinet(**options: Any) -> DINetR:
    with seeded(0, "dinet"):
        return DINetR(PERSON, 7, **{"parts": PERSON_PARTS, **options}).eval()


def people(num_clips: int = 2, num_segments: int = 6, channels: int = 3, num_people: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(9)
    return torch.randn(num_clips, channels, num_segments, 7, num_people, generator=generator)


def segments(model: DINetR, joints: Tensor) -> Tensor:
    with torch.no_grad():
        return model.at(joints, ("segments",))["segments"]


def test_every_part_has_the_specs_size() -> None:
    with torch.device("meta"):
        model = DINetR(NTU_25.bones, 25, parts=body_parts(NTU_25))
    assert num_parameters(model.pem) == 9_152
    assert [num_parameters(layer) for layer in model.psm] == [6_555_648, 0, 524_544]
    assert num_parameters(model.ism) == 131_840
    assert num_parameters(model.out) == 262_656
    assert num_parameters(model) == 7_483_840


def test_who_is_called_a_makes_no_difference() -> None:
    model, joints = small_dinet(), people()
    torch.testing.assert_close(segments(model, joints.flip(4)), segments(model, joints), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("centre", ["frame", "clip"])
def test_where_people_stand_makes_no_difference(centre: Any) -> None:
    model, joints = small_dinet(centre=centre), people()
    moved = joints + torch.tensor([3.0, -1.0, 7.0]).view(1, 3, 1, 1, 1)
    torch.testing.assert_close(segments(model, moved), segments(model, joints), rtol=1e-4, atol=1e-5)


def test_without_a_centre_it_does() -> None:
    model, joints = small_dinet(centre="none"), people()
    assert (segments(model, joints + 1) - segments(model, joints)).abs().max() > 0.01


def test_how_far_people_are_apart_makes_a_difference() -> None:
    model, joints = small_dinet(), people()
    apart = joints.clone()
    apart[..., 1] += 2
    assert (segments(model, apart) - segments(model, joints)).abs().max() > 0.01


def test_a_segment_is_its_own_frame_and_the_one_before() -> None:
    model, joints = small_dinet(), people(num_clips=1)
    changed = joints.clone()
    changed[:, :, 4] += torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(1))
    moved = (segments(model, changed) - segments(model, joints)).abs().amax(dim=(0, 2)) > 1e-6
    assert moved.tolist() == [False, False, False, False, True, True]


def test_interaction_equals_the_mlp_run_on_every_pair() -> None:
    """Moving the second layer behind the mean, and splitting the first, changes nothing."""
    ism = small_dinet().ism
    generator = torch.Generator().manual_seed(3)
    parts = torch.randn(1, 1, 2, 3, 128, generator=generator)
    distance = torch.rand(1, 1, 3, 3, 1, generator=generator)
    with torch.no_grad():
        found = ism.last(ism._pairs(parts, distance))[0, 0]
        a, b = parts[0, 0]
        pairs = [
            torch.cat([one, other, distance[0, 0, i, j]])
            for i in range(3)
            for j in range(3)
            for one, other in ((a[i], b[j]), (b[j], a[i]))
        ]
        expected = ism.last(torch.relu(ism.pair(torch.stack(pairs)))).mean(dim=0)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_an_angle_by_hand() -> None:
    """A right angle at the chest and a stretched one, as cosine and sine; none where a part has two joints."""
    joints = torch.zeros(1, 3, 2, 7, 2)
    joints[:, :, :, 0] = torch.tensor([0.0, -1.0, 0.0]).view(1, 3, 1, 1)
    joints[:, 0, 0, 2] = 1.0
    joints[:, 1, 1, 2] = 1.0
    position = joints.permute(0, 2, 4, 3, 1)
    torch.testing.assert_close(
        _angle(position, (0, 1, 2))[0, :, 0], torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), atol=1e-5, rtol=0
    )
    assert _angle(position, (3, 4)).abs().sum() == 0  # two joints only
    assert _angle(position, (3, 4, 5)).abs().sum() == 0  # all in one place


def test_one_person_alone_has_a_posture_and_no_interaction() -> None:
    model, joints = small_dinet(), people()
    joints[..., 1] = 0
    alone = segments(model, joints)
    with torch.no_grad():
        for parameter in model.ism.parameters():
            parameter.add_(1.0)
    assert torch.equal(segments(model, joints), alone)
    assert torch.equal(segments(model, joints.flip(4)), alone)


def test_a_network_for_one_person_equals_one_for_two_with_nobody_beside() -> None:
    one, two = small_dinet(num_people=1), small_dinet()
    joints = people(num_people=1)
    beside = torch.cat([joints, torch.zeros_like(joints)], dim=4)
    torch.testing.assert_close(segments(one, joints), segments(two, beside), rtol=1e-5, atol=1e-6)


def test_somebody_who_comes_in_does_not_leap() -> None:
    """Velocity from a frame in which a person was not there yet is zero, not their position."""
    joints = people()
    joints[:, :, :3, :, 1] = 0
    position, velocity, present = _motion(joints, "frame")
    assert present[0].tolist() == [[1, 0]] * 3 + [[1, 1]] * 3
    assert velocity[:, 0].abs().sum() == 0
    assert velocity[:, :4, 1].abs().sum() == 0
    torch.testing.assert_close(velocity[0, 4, 1, 0], joints[0, :, 4, 0, 1] - joints[0, :, 3, 0, 1])
    torch.testing.assert_close(position.sum(dim=(2, 3)), torch.zeros(2, 6, 3), atol=1e-4, rtol=0)


def test_people_are_summed_or_averaged() -> None:
    together, averaged = small_dinet(), small_dinet(merge="mean")
    embedded, both = torch.randn(1, 1, 2, 7, 128), torch.ones(1, 1, 2)
    with torch.no_grad():
        torch.testing.assert_close(together._posture(embedded, both), 2 * averaged._posture(embedded, both))


@pytest.mark.parametrize(
    ("bones", "num_joints", "num_people", "parts"),
    [
        (NTU_25.bones, 25, 2, None),
        (UTD_20.bones, 20, 1, None),
        (UTD_20.bones, 20, 2, body_parts(UTD_20)),
        ((), 17, 2, ((0, 1, 2, 3, 4), (5, 6, 11, 12), (5, 7, 9), (6, 8, 10), (11, 13, 15), (12, 14, 16))),
    ],
)
def test_any_layout_of_joints_works(bones: Any, num_joints: int, num_people: int, parts: Any) -> None:
    with torch.device("meta"):
        model = DINetR(bones, num_joints, num_people=num_people, parts=parts)
        found = model.at(torch.empty(2, 3, 8, num_joints, num_people), ("features", "segments"))
    assert {name: tuple(x.shape) for name, x in found.items()} == {
        "features": (2, 512),
        "segments": (2, 8, 512),
    }


def test_params_name_it_and_may_list_its_parts() -> None:
    options = {"kind": "dinet_r", "parts": [[0, 1, 2], [3, 4], [5, 6]], "merge": "mean"}
    with torch.device("meta"):
        model = build_backbone(options, shape=(2, 8, 7, 1), edges=PERSON)
    assert isinstance(model, DINetR)
    assert (model.parts, model.merge, model.in_channels, model.num_people) == (PERSON_PARTS, "mean", 2, 1)


def test_cuts_are_of_the_shapes_they_say() -> None:
    model = small_dinet()
    shapes = cut_shapes(model, (3, 128, 7, 2), ("features", "segments"))
    assert shapes == {"features": (512,), "segments": (128, 512)}
    assert model.cut("segments").num_bytes(shapes["segments"]) == 131_072


def test_gradients_reach_every_parameter() -> None:
    model = Classifier(small_dinet(), 3).train()
    torch.nn.functional.cross_entropy(model(people(3)), torch.arange(3)).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_gradients_of_one_person_alone_reach_all_but_the_interaction() -> None:
    """SPEC 1.3: the presence flag multiplies ISM's output by zero, so that nothing of it can learn."""
    model, joints = small_dinet().train(), people(3)
    joints[..., 1] = 0
    model(joints).square().sum().backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == ["ism.pair.weight", "ism.pair.bias", "ism.last.weight", "ism.last.bias"]


def test_gradients_reach_the_joints_even_where_two_coincide() -> None:
    joints = people()
    joints[..., 4, 0] = joints[..., 3, 0]
    joints[..., 1] = joints[..., 0]
    joints.requires_grad_()
    small_dinet()(joints).sum().backward()
    assert joints.grad is not None
    assert joints.grad.isfinite().all()


@pytest.mark.parametrize(("kind", "tolerance"), [(torch.bfloat16, 0.02), (torch.float16, 0.005)])
def test_low_precision_stays_near(kind: torch.dtype, tolerance: float) -> None:
    """Of the largest number: 2 % in bfloat16, 0.5 % in half precision; positions stay float32 inside."""
    model, joints = small_dinet(), people().to(kind).float()
    exact = segments(model, joints)
    rough = segments(model.to(kind), joints.to(kind)).float()
    assert (rough - exact).abs().max() <= tolerance * exact.abs().max()


def test_parts_of_a_person_by_hand() -> None:
    assert parts_of(PERSON, 7) == ((0, 1), (2,), (3, 4), (5, 6))
    assert parts_of(((0, 1), (2, 1), (3, 2), (4, 1), (5, 4)), 6) == ((1,), (0,), (2, 3), (4, 5))
    assert parts_of((), 3) == ((0, 1, 2),)


@pytest.mark.parametrize("layout", [NTU_25, UTD_20], ids=lambda layout: layout.name)
def test_parts_read_off_edges_are_those_read_off_names(layout: Any) -> None:
    derived = {frozenset(part) for part in parts_of(layout.bones, layout.num_joints)}
    assert derived == {frozenset(part) for part in body_parts(layout)}


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        (((0, 1), (1, 0)), "circle"),
        (((0, 1), (0, 2)), "one parent at most"),
        (((3, 0),), "below 3"),
    ],
)
def test_edges_that_are_no_skeleton_are_refused(edges: Any, message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        parts_of(edges, 3)


@pytest.mark.parametrize("parts", [((0, 1),), ((0, 1, 2), ()), ((0, 1, 2, 3),)])
def test_parts_that_miss_or_invent_joints_are_refused(parts: Any) -> None:
    with pytest.raises(ModelParamError, match="hold each joint from 0 to 2"):
        checked_parts(parts, 3)


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((2, 3, 6, 8, 2), torch.float32, r"\(B, 3, T ≥ 2, 7, 2\).*got \(2, 3, 6, 8, 2\)"),
        ((2, 2, 6, 7, 2), torch.float32, r"got \(2, 2, 6, 7, 2\)"),
        ((2, 3, 1, 7, 2), torch.float32, r"got \(2, 3, 1, 7, 2\)"),
        ((2, 3, 6, 7, 1), torch.float32, r"got \(2, 3, 6, 7, 1\)"),
        ((0, 3, 6, 7, 2), torch.float32, "B of 1 or more"),
        ((2, 3, 6, 7, 2), torch.int64, "of floats.*of int64"),
    ],
)
def test_wrong_joints_are_refused(shape: tuple[int, ...], kind: torch.dtype, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        small_dinet()(torch.zeros(shape, dtype=kind))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_people": 3}, "1 or 2 people.*num_people 3"),
        ({"in_channels": 4}, "in_channels 4"),
        ({"merge": "max"}, "merge must be one of.*got 'max'"),
        ({"centre": "person"}, "centre must be one of.*got 'person'"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        small_dinet(**options)


def test_a_clip_costs_what_the_shared_layers_allow() -> None:
    """Per person 25 embeddings and one MLP(3200), then 36 · 2 pairs of which only ReLUs are run in full."""
    with torch.device("meta"):
        model = DINetR(NTU_25.bones, 25)
    pem, psm = 50 * (12 * 64 + 64 * 128), 2 * (3200 * 2048 + 2048 * 256)
    parts = 2 * 12 * 128 * 256 + 36 * 256 + 256 * 256
    assert count(model, (1, 3, 2, 25, 2)).macs == 2 * (pem + psm + parts + 512 * 512)

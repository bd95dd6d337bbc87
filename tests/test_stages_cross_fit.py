"""`cross_fit`: heads learn from cuts of networks that did not see the clip; no held-out or test clip is behind them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from test_planning import planned
from test_stages_pretrain import documents
from tiny import TINY, Project, one_modality, tiny_params

from cache import key_of, open_store
from pipeline.build.pinned import Pinned
from pipeline.catalog.catalog import read_catalog
from pipeline.errors import DatasetError, ParamError
from pipeline.evaluation.printed import describe_results
from pipeline.inputs.head_batches import softmax
from pipeline.inputs.out_of_fold import cross_fitted
from pipeline.planning.cost import trainings_at_most
from pipeline.report.notes import notes
from pipeline.training.folds import fitted_clips
from pipeline.training.splits import SplitParts, parts_of
from pipeline.training.trainings import listed_trainings, read_documents
from stages import train
from stages.load_params import load_params

ONE = one_modality(
    "skeleton",
    seeds=[0],
    methods=["skeleton", "classifier", "classifier@again"],
    fused="skeleton",
    ensembles={"twice": ["classifier", "classifier@again"]},
)
ONE["pretrain.backbones"] = {
    "skeleton": {**TINY["pretrain"]["backbones"]["skeleton"], "cuts": ["features", "logits"]}
}
CROSSED: dict[str, Any] = {**ONE, "pretrain.cross_fit": 2}
APART = ["skeleton_0_fold_without0", "skeleton_0_fold_without1", "skeleton_0_without0", "skeleton_0_without1"]


@pytest.fixture(scope="module")
def crossed(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The finished project's skeletons again, cross-fitted in two parts."""
    made = finished.copy(tmp_path_factory.mktemp("crossed") / "project")
    made.set_params(**CROSSED)
    load_params(made.paths.params, "demo")
    plan = planned(made)
    assert plan.obstacles == ()
    assert (plan.foreseen.cost.of("pretrain").to_make, plan.foreseen.cost.of("train").to_make) == (4, 2)
    assert trainings_at_most("pretrain", made.preset) == 6
    done = made.run_all("pretrain", "features", "train")
    assert done["pretrain"].made + done["pretrain"].cached == 6
    assert (
        train.outlook(made.paths, made.preset).to_make == 0
    )  # planned by the weights that lie there, as it was
    return made


def fitted(project: Project) -> dict[str, frozenset[str]]:
    """Clips that each network was fitted to, as its document has them."""
    made = read_documents(project.paths.weights / "backbones")
    return {array: frozenset(row[0] for row in document["inputs"]["fit"]) for array, document in made.items()}


def parts(project: Project) -> SplitParts:
    catalog, store = read_catalog(project.paths.catalog), open_store(project.paths.store("features"))
    return parts_of(catalog, store.ids, project.preset.pretrain)


def subjects(project: Project, ids: Any) -> set[int]:
    entries = read_catalog(project.paths.catalog).by_id
    return {entries[clip_id].clip.subject for clip_id in ids}


def test_each_network_has_two_that_lack_a_part_of_its_people(crossed: Project) -> None:
    found = fitted(crossed)
    assert sorted(found) == sorted(["skeleton_0", "skeleton_0_fold", *APART])
    assert fitted_clips(crossed.paths.weights / "backbones") == {name: found[name] for name in APART}
    for network in ("skeleton_0", "skeleton_0_fold"):
        first, second = (found[f"{network}_without{part}"] for part in (0, 1))
        assert first | second == found[network]  # each clip is in all parts but one
        assert not first & second  # of two
        assert not subjects(crossed, first) & subjects(crossed, second)
    assert found["skeleton_0"] == {*parts(crossed).training}
    assert found["skeleton_0_fold"] == {*parts(crossed).fit}
    trainings = {t.array: t for t in listed_trainings(crossed.paths.weights / "backbones")}
    assert {len(t.history) for t in trainings.values() if t.phase == "final"} == {
        trainings["skeleton_0_fold"].best_epoch + 1
    }
    assert {t.num_clips for t in trainings.values()} == {len(ids) for ids in found.values()}


def test_every_row_that_a_head_learns_from_is_of_a_network_that_did_not_see_the_clip(
    crossed: Project,
) -> None:
    """By the documents of heads, rows and networks alone, as anyone can read them."""
    store, found = open_store(crossed.paths.store("features")), fitted(crossed)
    arrays_of = {
        (clip_id, key): {array for array in found if store.keys(array).get(clip_id) == key}
        for array in found
        for clip_id, key in store.keys(array).items()
    }  # two networks that were fitted to the same clips are one, under two names
    made = read_documents(crossed.paths.weights / "heads")
    assert sorted(made) == ["skeleton_0", "skeleton_0_fold"]
    for name, document in made.items():
        rows = document["inputs"]["fit"]
        assert {row[0] for row in rows} == {
            *(parts(crossed).fit if name.endswith("_fold") else parts(crossed).training)
        }
        for clip_id, *keys, _ in rows:
            for key in keys:
                assert arrays_of[clip_id, key] & {f"{name}_without0", f"{name}_without1"}
                assert not any(clip_id in found[array] for array in arrays_of[clip_id, key])
        chosen_on = [arrays_of[clip_id, key] for clip_id, key, *_ in document["inputs"]["select"]]
        assert all("skeleton_0_fold" in used for used in chosen_on)
        assert len(chosen_on) == (len(parts(crossed).select) if name.endswith("_fold") else 0)


def test_nothing_of_a_held_out_or_a_test_clip_is_behind_what_is_selected(crossed: Project) -> None:
    """Networks, alignments and heads of the selection run hold no clip that selects; none holds one that tests."""
    held_out, test = {*parts(crossed).select}, {*parts(crossed).test}
    alignments = {key_of(doc): doc for doc in documents(crossed, "train") if "align" in doc["params"]}
    heads = read_documents(crossed.paths.weights / "heads")
    for name, document in heads.items():
        keys, *_ = document["inputs"]["aligned"]
        behind = {row[0] for key in keys for row in alignments[key]["inputs"]["rows"]}
        behind |= {row[0] for row in document["inputs"]["fit"]}
        assert not behind & test
        if name.endswith("_fold"):
            assert not behind & held_out
    for array, ids in fitted(crossed).items():
        assert not ids & test
        assert not ("_fold" in array and ids & held_out)


def test_networks_without_a_part_see_no_test_clip(crossed: Project) -> None:
    store, test = open_store(crossed.paths.store("features")), {*parts(crossed).test}
    assert test <= store.keys("skeleton_0").keys()
    for array in (name + cut for name in APART for cut in ("", "_logits")):
        assert store.keys(array).keys() == {*parts(crossed).training}


def test_a_classifier_answers_for_fitted_clips_by_the_network_that_did_not_see_them(crossed: Project) -> None:
    """So that weights of ensembles are chosen on all training clips, as metrics.json says."""
    store, catalog = open_store(crossed.paths.store("features")), read_catalog(crossed.paths.catalog)
    networks = cross_fitted(crossed.paths, crossed.preset, store, Pinned())
    method = train.HeadTraining(crossed.paths, crossed.preset, catalog, "classifier", Pinned(), networks)
    (found,) = method.untrained_scores(parts(crossed).training, selection=False)
    seen = fitted(crossed)
    for clip_id, probabilities in zip(parts(crossed).training, found.probabilities, strict=True):
        (apart,) = (name for name in APART[2:] if clip_id not in seen[name])
        logits = store.read(f"{apart}_logits", [clip_id])[0, 0]
        assert probabilities == pytest.approx(softmax(logits[None])[0])
    right = 100 * float(
        np.mean(found.probabilities.argmax(axis=1) == catalog.labels(parts(crossed).training))
    )
    document = json.loads((crossed.paths.reports / "metrics.json").read_text())
    assert document["out_of_fold"]["twice"] == {
        "mean": round(right, 4),
        "std": None,
        "by_seed": [round(right, 4)],
    }
    assert f"by networks that had not seen them: classifier {right:.1f}, " in describe_results(crossed.paths)
    assert document["weighed_on"]["twice"] == "train, out of fold"
    assert document["ensembles"]["twice"] == {"classifier": 0.5, "classifier@again": 0.5}


def test_the_run_says_how_its_heads_were_fitted(crossed: Project) -> None:
    document = json.loads((crossed.paths.reports / "metrics.json").read_text())
    assert document["cross_fit"] == 2
    page = notes(crossed.paths, crossed.preset, document)
    assert any(line.startswith("Heads were fitted on out-of-fold features") for line in page)
    curves = (crossed.paths.reports / "curves.csv").read_text()
    assert '"pretrain, selection",skeleton without part 1,0,0,' in curves


def test_without_it_all_is_as_it_was(crossed: Project, tmp_path: Path) -> None:
    back = crossed.copy(tmp_path / "back")
    back.set_params(**ONE)
    with pytest.raises(
        DatasetError, match=r"holds networks trained without one of \[2\] parts, and .*cross_fit is 0"
    ):
        back.run("features")
    assert (back.run("pretrain").made, back.run("features").made) == (0, 0)
    assert open_store(back.paths.store("features")).arrays == (
        "skeleton_0", "skeleton_0_fold", "skeleton_0_fold_logits", "skeleton_0_logits"
    )  # fmt: skip
    back.run("train")
    assert "aligned" not in read_documents(back.paths.weights / "heads")["skeleton_0"]["inputs"]
    assert "cross_fit" not in json.loads((back.paths.reports / "metrics.json").read_text())
    back.set_params(**CROSSED)
    with pytest.raises(DatasetError, match="has no features of networks trained without one of 2 parts"):
        back.run("train")


def test_rows_may_be_taken_as_they_are(crossed: Project, tmp_path: Path) -> None:
    plain = crossed.copy(tmp_path / "plain")
    plain.set_params(**CROSSED, **{"train.align_folds": "none"})
    assert plain.run("train").made == 2
    found = read_documents(plain.paths.weights / "heads")["skeleton_0"]["inputs"]
    aligned = read_documents(crossed.paths.weights / "heads")["skeleton_0"]["inputs"]
    assert found == {name: value for name, value in aligned.items() if name != "aligned"}


def test_index_refuses_it_before_a_file_is_hashed(project: Any) -> None:
    mine = project(**{"pretrain.cross_fit": 4})
    with pytest.raises(
        ParamError, match=r"pretrain\.cross_fit: 4 parts, and the training clips are of 3 subject"
    ):
        mine.run("index")
    assert not mine.paths.data.exists()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "one part": ({"pretrain.cross_fit": 1}, "cross_fit: one part is all of the training clips: give 2 or more"),
    "less than none": ({"pretrain.cross_fit": -2}, "pretrain.cross_fit: "),
    "a head over maps": (
        {
            "pretrain.cross_fit": 2,
            "pretrain.backbones": {
                "skeleton": {
                    **TINY["pretrain"]["backbones"]["skeleton"],
                    "model": {"kind": "ctrgcn", "layout": [[8, 1], [8, 1]]},
                    "cuts": ["features", "last_block", "joints"],
                }
            },
            "train": {**TINY["train"], "video": [], "methods": ["skeleton", "last_block"]},
        },
        "train.methods: 'last_block' takes the joint_map 'last_block' of its skeleton, and pretrain.cross_fit is 2: "
        "only vectors and logits of networks trained apart can be exchanged; leave 'last_block' out, or say",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    changes, message = REFUSED[case]
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**changes)))
    with pytest.raises(ParamError) as error:
        load_params(path, "demo")
    assert message in str(error.value)

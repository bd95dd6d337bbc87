"""stages.train: what the plan says reaches every head."""

import shutil

from tiny import TINY, Project, content

from pipeline.training.trainings import listed_trainings


def first_losses(project: Project) -> dict[tuple[str, int, str], float]:
    """Each training's mean loss over its first epoch, by head, seed and phase."""
    trainings = listed_trainings(project.paths.weights / "heads")
    return {(one.name, one.seed, one.phase): one.history[0]["train_loss"] for one in trainings}


def test_every_head_smooths_labels_where_its_plan_says_so(copied: Project) -> None:
    """The same features, order and first weights: only what the loss counts is different."""
    plain = first_losses(copied)
    copied.set_params(**{"train.plan": {**TINY["train"]["plan"], "label_smoothing": 0.5}})
    assert copied.run("train").made == len(plain)
    smoothed = first_losses(copied)
    assert smoothed.keys() == plain.keys()
    assert [key for key, loss in smoothed.items() if loss == plain[key]] == []


def test_one_seed_gives_the_same_metrics_from_an_empty_cache_and_another_gives_others(
    copied: Project,
) -> None:
    """Backbones and heads are trained anew, in this process, on one thread; what they say is the same to the byte."""
    files = ("metrics.json", "predictions.parquet")
    expected = {name: (copied.paths.reports / name).read_bytes() for name in files}
    weights = content(copied.paths.weights / "heads")
    for folder in (copied.paths.weights, copied.paths.store("features"), copied.root / ".harcache/blobs"):
        shutil.rmtree(folder)
    done = copied.run_all("pretrain", "features", "train")
    assert (done["pretrain"].cached, done["train"].cached) == (0, 0)
    assert {name: (copied.paths.reports / name).read_bytes() for name in files} == expected
    assert content(copied.paths.weights / "heads") == weights
    copied.set_params(**{"train.seeds": [5, 6]})
    copied.run("train")
    assert content(copied.paths.weights / "heads").keys() != weights.keys()
    assert (copied.paths.reports / "predictions.parquet").read_bytes() != expected["predictions.parquet"]

"""stages.train: what the plan says reaches every head."""

from tiny import TINY, Project

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

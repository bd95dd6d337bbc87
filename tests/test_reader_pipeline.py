"""What the stages make, as a researcher sees it who has only the reader."""

import pytest
from tiny import Project

from cache.harstore import open


@pytest.mark.parametrize("name", ["samples", "frames", "heatmaps", "features"])
def test_every_store_says_whose_data_it_is_and_how_it_was_made(finished: Project, name: str) -> None:
    skeletons = open(finished.paths.store("skeletons")).card
    card = open(finished.paths.store(name)).card
    for fact in ("title", "licence", "citation", "url", "dataset"):
        assert getattr(card, fact) == getattr(skeletons, fact)
        assert getattr(card, fact)
    assert card.protocol
    assert len(card.classes) > 1
    assert card.counts["train"] + card.counts["test"] == card.counts["clips"]
    assert all(recipe["step"] for recipe in card.recipe.values())
    assert all(version["step"] for version in card.versions.values())
    assert bool(card.weights) == (name == "features")

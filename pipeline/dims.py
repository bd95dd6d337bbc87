"""Names of axes where several recipes share a store: one name has one size, or xarray could not open it."""

from collections.abc import Mapping, Sequence


def recipe_dims(shapes: Mapping[str, Sequence[int]], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each recipe, its axes' names: plain where all recipes agree on the size, else `frame_<recipe>`.

    `shapes` are the recipes' row shapes, along the axes `names`.
    Example: {"a": (1, 16), "b": (1, 48)} with ("view", "frame") gives ("view", "frame_a") and ("view", "frame_b").
    """
    agreed = [len({shape[axis] for shape in shapes.values()}) == 1 for axis in range(len(names))]
    return {
        recipe: tuple(name if same else f"{name}_{recipe}" for name, same in zip(names, agreed, strict=True))
        for recipe in shapes
    }

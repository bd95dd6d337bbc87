"""Names of axes where several arrays share a store: one name has one size, or xarray could not open it."""

from collections.abc import Mapping, Sequence


def recipe_dims(
    shapes: Mapping[str, Sequence[int]], names: Sequence[str] | Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """For each recipe, its axes' names: plain where all that have the axis agree on its size, else `frame_<recipe>`.

    `shapes` are the recipes' row shapes, along the axes `names`, which may differ from recipe to recipe.
    Example: {"a": (1, 16), "b": (1, 48)} with ("view", "frame") gives ("view", "frame_a") and ("view", "frame_b").
    """
    axes = {recipe: names[recipe] if isinstance(names, Mapping) else names for recipe in shapes}
    sizes: dict[str, set[int]] = {}
    for recipe, shape in shapes.items():
        for name, size in zip(axes[recipe], shape, strict=True):
            sizes.setdefault(name, set()).add(size)
    return {
        recipe: tuple(name if len(sizes[name]) == 1 else f"{name}_{recipe}" for name in axes[recipe])
        for recipe in shapes
    }

"""Crop recipes, and the night enhancement that one may name: values that params are read as, without any decoder.

Storage of a frame: `raw` and `zstd` keep its pixels (zstd is the store's codec); `jpeg`: see `jpeg_rows`. The network
that enhances is no business of this floor.
"""

import re
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, get_args

from pipeline.errors import ParamError
from pipeline.video.boxes import BoxRule

Kind = Literal["zero_dce"]
ShareCurves = Literal["clip_mean", "frame"]
LitClips = Literal["all", "dark"]

Interpolation = Literal["auto", "area", "linear"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhanceRule:
    """Rule that brightens cropped and resized frames before they are stored (SPEC 4.4)."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ("kind", "sha256", "share_curves")
    NEVER_IN_KEYS: ClassVar[tuple[str, ...]] = ("weights", "clips")

    weights: str
    """File of the network's weights: absolute, or from the project's folder."""
    sha256: str
    """The file's digest, 64 hex digits: it names the weights in every key, wherever they lie."""
    kind: Kind = "zero_dce"
    share_curves: ShareCurves = "clip_mean"
    """One set of curves a view, estimated on the mean of its frames; or one a frame, which may flicker."""
    clips: LitClips = "all"
    """Clips that are lit: `dark` are those that the dataset says were filmed in the dark, as hmdb51_arid does. A clip
    that is not lit has the key that it has without enhancement."""

    def __post_init__(self) -> None:
        for name, known in (("kind", Kind), ("share_curves", ShareCurves), ("clips", LitClips)):
            if getattr(self, name) not in get_args(known):
                raise ParamError(
                    f"{name} must be one of {list(get_args(known))}, got {getattr(self, name)!r}"
                )
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ParamError(f"sha256 of an enhancer's weights must be 64 hex digits, got {self.sha256!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CropRecipe:
    """Recipe that turns a clip's sampled frames into crops."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "sampling",
        "box",
        "size",
        "interpolation",
        "storage",
        "jpeg_quality",
    )

    sampling: str
    """Name of the sampling rule that chooses the frames."""
    box: BoxRule = field(default_factory=BoxRule)
    size: tuple[int, int] = (112, 112)
    """Height and width after resizing, in pixels; the box's own proportions are not kept."""
    interpolation: Interpolation = "auto"
    """`area`: the mean over what each pixel covers. `auto`: nearly the same, two to five times as fast."""
    storage: Literal["raw", "zstd", "jpeg"] = "zstd"
    jpeg_quality: int = 90
    enhance: EnhanceRule | None = None
    """Lights the resized frames; None leaves them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", tuple(self.size))  # a list would be no key of what is remembered
        if min(self.size) < 1:
            raise ParamError(f"a crop's size must be at least 1 x 1, got {self.size}")
        if self.interpolation not in INTERPOLATIONS:
            raise ParamError(f"interpolation must be auto, area or linear, got {self.interpolation!r}")
        if self.storage not in ("raw", "zstd", "jpeg"):
            raise ParamError(f"storage must be raw, zstd or jpeg, got {self.storage!r}")
        if not 1 <= self.jpeg_quality <= 100:
            raise ParamError(f"jpeg_quality must be 1 to 100, got {self.jpeg_quality}")

    @property
    def unlit(self) -> "CropRecipe":
        """The same without enhancement."""
        return replace(self, enhance=None)

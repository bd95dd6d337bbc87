"""Night enhancement as a crop recipe names it. The network itself is no business of this floor."""

import re
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from pipeline.errors import ParamError

Kind = Literal["zero_dce"]
ShareCurves = Literal["clip_mean", "frame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhanceRule:
    """Rule that brightens cropped and resized frames before they are stored (SPEC 4.4)."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ("kind", "sha256", "share_curves")
    NEVER_IN_KEYS: ClassVar[tuple[str, ...]] = ("weights",)

    weights: str
    """File of the network's weights: absolute, or from the project's folder."""
    sha256: str
    """The file's digest, 64 hex digits: it names the weights in every key, wherever they lie."""
    kind: Kind = "zero_dce"
    share_curves: ShareCurves = "clip_mean"
    """One set of curves a view, estimated on the mean of its frames; or one a frame, which may flicker."""

    def __post_init__(self) -> None:
        for name, known in (("kind", Kind), ("share_curves", ShareCurves)):
            if getattr(self, name) not in get_args(known):
                raise ParamError(
                    f"{name} must be one of {list(get_args(known))}, got {getattr(self, name)!r}"
                )
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ParamError(f"sha256 of an enhancer's weights must be 64 hex digits, got {self.sha256!r}")

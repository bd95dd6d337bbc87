"""Section `index.pose`: joints estimated from the videos by a network of the user's."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.params.sections import MistakesError, Options, Section, known_keys, nearest
from pipeline.pose.tracking import TrackRule
from pipeline.skeleton.layouts import BODIES

Tracking = Annotated[TrackRule, BeforeValidator(known_keys(TrackRule))]

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class PoseNetworkParams(Section):
    """One network: which engine runs it, the file of its weights, and the engine's options."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ("engine", "sha256")
    NEVER_IN_KEYS: ClassVar[tuple[str, ...]] = ("weights", "options")

    engine: str
    """A key of `models.pose.names.POSE_NETWORKS` (of PERSON_DETECTORS for a detector), or `package.module:Class`."""
    weights: str
    """File of the weights: absolute, or from the project's folder. Nothing is ever fetched."""
    sha256: Sha256
    """The file's digest, 64 hex digits: it names the weights in every key, wherever they lie."""
    options: Options = Field(default_factory=dict)
    """Keyword options of the engine; it says itself what of them names results."""


class PoseParams(PoseNetworkParams):
    """Network that finds joints, where people are looked for, and how they are followed."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        *("engine", "sha256", "boxes", "detector", "layout", "max_persons", "track"),
    )

    boxes: Literal["frame", "skeleton"] = "frame"
    """Boxes of a network that takes boxes, where there is no detector: the whole frame as the one box, or those around
    the joints in pixels of the dataset's own skeletons."""
    detector: PoseNetworkParams | None = None
    """Network that finds the people's boxes; None where `boxes` says them."""
    layout: str = "coco_17"
    """Layout of the network's joints, a key of `pipeline.skeleton.layouts.BODIES`."""
    max_persons: int = Field(default=2, gt=0)
    """Bodies kept of each clip."""
    track: Tracking = TrackRule()

    @model_validator(mode="after")
    def _fits_together(self) -> "PoseParams":
        if self.detector is not None and self.boxes == "skeleton":
            raise MistakesError([(("boxes",), "a detector finds the boxes; leave one of them out")])
        known = sorted(BODIES)
        if self.layout not in known:
            message = f"no layout {self.layout!r}{nearest(self.layout, known)}; there are {known}"
            raise MistakesError([(("layout",), message)])
        return self

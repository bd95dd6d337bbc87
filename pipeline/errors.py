"""Every error that `pipeline` raises. Each is ours and a builtin's; this module imports nothing.

PipelineError
    ParamError
    DatasetError
        PickleError
    CapacityError
    RunError
    InputsChangedError
    ClipError
        VideoError
        SkeletonError
        FeatureError
        BoxError
        SamplingError
"""


class PipelineError(Exception):
    """Root of the tree: catch this to catch all of ours."""


class ParamError(PipelineError, ValueError):
    """params.yaml says something that cannot be: unknown key, wrong type, value out of range."""


class DatasetError(PipelineError, ValueError):
    """The dataset folder as a whole is not what its adapter expects."""


class PickleError(DatasetError):
    """A pickle holds more than plain data, or is broken; nothing of it was run."""


class CapacityError(PipelineError, OSError):
    """The machine cannot hold what is asked for; raised before the first clip."""


class RunError(PipelineError, RuntimeError):
    """The run as a whole stopped: too many failures, workers lost."""


class InputsChangedError(PipelineError, RuntimeError):
    """A stage's input was replaced while it ran; results of it are not recorded, and a rerun continues."""


class ClipError(PipelineError, ValueError):
    """One clip's content is unusable. Caught at the clip's border, recorded, and the rest goes on.

    Raise it only for what the clip's bytes decide (the verdict is cached); a full disk is not one.
    """


class VideoError(ClipError):
    """A video is missing, unreadable, truncated, or shorter than its packets promised."""


class SkeletonError(ClipError):
    """A skeleton is missing, malformed, or empty."""


class FeatureError(ClipError):
    """A network's output for a clip is not finite."""


class BoxError(ClipError):
    """No box can be drawn: corners out of order, or outside the frame."""


class SamplingError(ClipError):
    """Frames cannot be sampled: none there, or a nonsensical count."""

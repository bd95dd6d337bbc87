"""Every error that `models` raises. Each is ours and a builtin's; this module imports nothing.

ModelError
    ModelParamError
    ShapeError
    CheckpointError
    FitError
    ExportError
"""


class ModelError(Exception):
    """Root of the tree: catch this to catch all of ours."""


class ModelParamError(ModelError, ValueError):
    """A model, head or plan is asked for with options that cannot be."""


class ShapeError(ModelError, ValueError):
    """A tensor does not have the shape that the model declares."""


class CheckpointError(ModelError, ValueError):
    """A file of weights is missing, damaged, or made for another model or another preprocessing."""


class FitError(ModelError, RuntimeError):
    """Training cannot go on: the loss is no longer a number, or what to resume is from another plan."""


class ExportError(ModelError, RuntimeError):
    """A network cannot be written as ONNX, or the file does not say what torch says."""

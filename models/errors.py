"""Every error that `models` raises. Each is ours and a builtin's; this module imports nothing.

ModelError
    ModelParamError
    ShapeError
    CheckpointError
    FitError
    DeviceError
    ExportError
"""


class ModelError(Exception):
    """Root of the errors of `models`: catch it to catch them all."""


class ModelParamError(ModelError, ValueError):
    """A model, head or training plan has options that are impossible together or unknown."""


class ShapeError(ModelError, ValueError):
    """A tensor does not have the shape that the model declares."""


class CheckpointError(ModelError, ValueError):
    """A file of weights is missing, damaged, or made for another model or another preprocessing."""


class FitError(ModelError, RuntimeError):
    """Training cannot go on: the loss is not finite, or the file to resume belongs to another plan."""


class DeviceError(ModelError, RuntimeError):
    """Devices that a training asks for are not there, or what drives several is not installed."""


class ExportError(ModelError, RuntimeError):
    """A network cannot be written as ONNX, or onnxruntime's output differs from torch's."""

"""Import of mmpose where parts that inference does not need may be missing: xtcocotools and mmcv's compiled operators.

mmpose 1.3 asks for both at import. xtcocotools' wheels are built for NumPy 1, and pycocotools has the same modules;
mmcv's operators (mmcv-lite has none) serve bottom-up heads with deformable convolutions, and mmdet's detectors.
"""

import sys
import warnings
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from models.errors import ModelParamError
from models.pose.install import INSTALL

COCO_MODULES = ("", ".coco", ".cocoeval", ".mask")


class _NotCompiled:
    """Replaces a compiled operator: a network that is built of one says so."""

    def __init__(self, *_: object, **__: object) -> None:
        raise ModelParamError(
            "this network needs mmcv's compiled operators, and mmcv-lite has none: install the full mmcv in its place "
            "(docs/pose.md)"
        )


class _Operators(ModuleType):
    """Placeholder for `mmcv.ops`: every name is there, and none works."""

    __path__: list[str] = []  # noqa: RUF012  # a package, so that its modules may be imported

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _NotCompiled


@cache
def mmpose() -> ModuleType:
    """Import mmpose with its networks and transforms registered. Raises ModelParamError where it is not installed."""
    if find_spec("mmpose") is None:
        raise ModelParamError(f"mmpose is not there; {INSTALL}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _stand_in_for_coco()
            _stand_in_for_operators()
            for name in ("mmpose.models", "mmpose.datasets.transforms", "mmpose.structures", "mmpose.apis"):
                import_module(name)
            import_module("mmengine.registry").init_default_scope("mmpose")
            return import_module("mmpose")
    except (ImportError, AssertionError) as error:  # the packages assert each other's versions
        raise ModelParamError(f"mmpose cannot be imported ({error}); {INSTALL}") from error


def _stand_in_for_coco() -> None:
    try:
        import_module("xtcocotools.mask")
    except (ImportError, ValueError):  # ValueError: compiled for NumPy 1
        for name in COCO_MODULES:
            sys.modules[f"xtcocotools{name}"] = import_module(f"pycocotools{name}")


def _stand_in_for_operators() -> None:
    try:
        import_module("mmcv.ops")
    except ImportError:
        import_module("mmcv")
        for name in ("", ".multi_scale_deform_attn", ".roi_align"):
            sys.modules[f"mmcv.ops{name}"] = _Operators(f"mmcv.ops{name}")

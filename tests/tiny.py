"""The smallest whole run: a preset of one-channel-wide networks, and how tests start stages on it.

Sixty-three drawn clips (30 train, 20 test, 13 spoilt), networks that learn nothing worth knowing: what
counts here is which clip is made from what, not how well it is told apart.
"""

import copy
from typing import Any

PLAN: dict[str, Any] = {"epochs": 2, "batch": 16, "lr": 0.02, "weight_decay": 5.0e-4}

TINY: dict[str, Any] = {
    "max_failed": 0.2,
    "index": {
        "adapter": "ntu",
        "protocol": "xsub",
        "max_frames": 64,
        "options": {"missing_list": "none"},
        "shard_rows": 64,
    },
    "sample": {"r4": {"rule": "centered", "num_frames": 4}},
    "crop": {
        "shard_rows": 16,
        "recipes": {"r4": {"sampling": "r4", "box": {"rule": "square"}, "size": [32, 32], "storage": "zstd"}},
    },
    "heatmaps": {"recipe": "r4", "store": "maps", "size": [16, 16], "sigma": 0.6, "shard_rows": 16},
    "pretrain": {
        "seeds": [0],
        "hold_out": {"share": 0.34},
        "amp": "off",
        "backbones": {
            "video": {
                "modality": "video",
                "recipe": "r4",
                "model": {"kind": "r3d18", "width": 4, "stem": "3x7x7", "maxpool": False},
                "augment": {"kind": "light", "shift_pixels": 2, "flip_chance": 0.5},
                "plan": PLAN,
            },
            "skeleton": {
                "modality": "skeleton",
                "model": {"kind": "agcn", "layout": [[8, 1], [16, 2]]},
                "input": {"style": "ctr", "num_frames": 16, "max_persons": 2, "length": "resize"},
                "augment": {"crop_shares": [0.7, 1.0], "rotation_radians": 0.2, "scale": 0.1},
                "plan": PLAN,
            },
        },
    },
    "features": {"shard_rows": 16},
    "train": {"seeds": [0, 1], "plan": {**PLAN, "batch": 32}},
    "report": {"clips": 2, "tsne_clips": 100},
}


def tiny_params(**changes: Any) -> dict[str, Any]:
    """A params.yaml document whose only preset, `demo`, is TINY; `changes` replace whole dotted entries.

    Example: `tiny_params(**{"crop.shard_rows": 32})`.
    """
    preset = copy.deepcopy(TINY)
    for place, value in changes.items():
        *sections, last = place.split(".")
        inner = preset
        for section in sections:
            inner = inner[section]
        inner[last] = value
    return {"dataset": "demo", "preset": "demo", "presets": {"demo": preset}}

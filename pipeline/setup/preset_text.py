"""A preset as commented YAML, filled with what was seen."""

import json
from textwrap import indent

from pipeline.setup.look import Seen

MANY = 30
"""Epochs of a backbone that learns from nothing."""


def preset_text(name: str, seen: Seen) -> str:
    """Return `name: …` as YAML that can be used as it stands: what must be there, and what the recordings decide."""
    both = seen.has_videos and seen.has_skeletons
    lines = [
        f"{name}:  # {_summary(seen)}",
        *_index(seen),
        *(_pixels(seen) if seen.has_videos else _NO_PIXELS),
        "  pretrain:  # backbones, each trained by itself; names are yours",
        "    seeds: [0]",
        '    amp: "off"  # bf16 is sooner on a GPU; a CPU that has no bfloat16 emulates it, many times slower',
        f"    hold_out: {{by: {_hold_out(seen)}}}  # {_hold_out_reason(seen)}",
        "    backbones:",
        *(_video() if seen.has_videos else []),
        *(_skeleton(seen) if seen.has_skeletons else []),
        "  features: {shard_rows: 4096}  # cut at each backbone's pooled features; docs/models.md has other cuts",
        "  train:  # heads on cached features: seconds each",
        *_heads(seen),
        f"    seeds: {[0, 1, 2] if both else [0]}  # the spread in the report is over these",
        "    plan: {epochs: 12, batch: 32, lr: 0.05, schedule: cosine}",
        "  report: {clips: 12}  # clips whose frames are drawn; 0 where the page shall show no recording",
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


_RECORDINGS = (
    '    recordings: {title: "", licence: "", citation: "", url: ""}  # what stores and releases say of them',
)

_NO_PIXELS = (
    "  sample: {}  # no videos: no frames are chosen, none are cropped, no heatmaps are drawn on them",
    "  crop: {}  # the three may be left out; `dvc repro` alone wants their names",
    "  heatmaps: {}",
)


def _pixels(seen: Seen) -> list[str]:
    heat = (
        "{recipe: r16}  # joints as Gaussians on those crops, for backbones over `heatmaps`"
        if seen.has_skeletons
        else "{}  # no joints to draw"
    )
    return [
        "  sample:  # which frames of a clip are looked at; every rule has a name of yours",
        "    r16: {rule: centered, num_frames: 16}  # 16 frames, spread evenly over the clip",
        "  crop:  # what is cut out of those frames, once; several recipes share one pass over the videos",
        "    recipes:",
        f"      r16: {{sampling: r16, box: {{rule: {_box(seen)}}}, size: [112, 112]}}  # {_box_reason(seen)}",
        f"  heatmaps: {heat}",
    ]


def nested(text: str) -> str:
    """Return a preset's text as it stands under `presets:`."""
    return indent(text, "  ")


def _summary(seen: Seen) -> str:
    kinds = " and ".join(
        word for word, there in (("videos", seen.has_videos), ("skeletons", seen.has_skeletons)) if there
    )
    size = f", most of {seen.size[1]} × {seen.size[0]} pixels" if seen.size else ""
    return f"{seen.clips:,} clips of {seen.classes} classes, {kinds}{size}"


def _index(seen: Seen) -> list[str]:
    protocol = seen.protocols[0] if seen.protocols else "none"
    more = f"; it also has {', '.join(seen.protocols[1:])}" if len(seen.protocols) > 1 else ""
    sides = ", ".join(f"{count:,} {side}" for side, count in sorted(seen.parts.items()))
    reason = f"{sides}{more}" if seen.protocols else "the dataset says no split: docs/presets.md, Protocols"
    options = json.dumps(dict(seen.options)) if seen.options else "{}"
    return [
        "  index:",
        f"    adapter: {seen.adapter}",
        f"    protocol: {protocol}  # {reason}",
        f"    max_frames: {seen.max_frames}  # the longest clip seen has {seen.longest:,}; longer ones than this fail",
        f"    options: {options}",
        *([] if seen.licensed else _RECORDINGS),
    ]


def _box(seen: Seen) -> str:
    return "square" if seen.has_skeletons and seen.pixels else "frame"


def _box_reason(seen: Seen) -> str:
    if _box(seen) == "square":
        return "a square around the people's joints in pixels"
    return "the whole frame: no joints in pixels say where people are"


def _hold_out(seen: Seen) -> str:
    return "group" if seen.groups > 1 or not seen.protocols else "clip"


def _hold_out_reason(seen: Seen) -> str:
    if _hold_out(seen) == "group":
        return "whole subjects (or cameras, set-ups) select the epochs, not clips of people that are fitted"
    return (
        "single clips select the epochs; `group` is sounder, where the training clips name several subjects"
    )


def _video() -> list[str]:
    return [
        "      video:",
        "        modality: video",
        "        recipe: r16",
        "        model: {kind: r3d18, width: 16}  # small; `python cli.py models` lists all",
        f"        plan: {{epochs: {MANY}, batch: 16, lr: 0.05, schedule: cosine}}",
    ]


def _skeleton(seen: Seen) -> list[str]:
    joints = "" if seen.metres else ", joints: pixels"
    reason = "joints in metres" if seen.metres else "joints in pixels, since none are in metres"
    return [
        "      skeleton:",
        "        modality: skeleton",
        "        model: {kind: agcn, layout: [[16, 1], [32, 2], [64, 2]]}  # small; official_10: ten times the time",
        f"        input: {{style: ctr, num_frames: 64, length: resize{joints}}}  # {reason}",
        f"        plan: {{epochs: {MANY}, batch: 16, lr: 0.05, schedule: cosine}}",
    ]


def _heads(seen: Seen) -> list[str]:
    if seen.has_videos and seen.has_skeletons:
        return []
    side, other = ("video", "skeleton") if seen.has_videos else ("skeleton", "video")
    return [
        f"    {other}: []  # one modality: nothing is fused",
        f"    methods: [{side}]",
        f"    fused: {side}",
    ]

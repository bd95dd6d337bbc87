"""A PYSKL pickle placed as a dataset of its own, once it was read, with a preset for params.yaml."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.errors import DatasetError
from pipeline.files import write_whole
from pipeline.paths import Paths

NAME = "annotations.pkl"

PRESET = """\
presets:
  {dataset}:
    index: {{adapter: pyskl, protocol: {protocol}, max_frames: {max_frames}, options: {{{options}}}}}
    sample:
      r16: {{rule: centered, num_frames: 16}}
    crop:
      recipes:
        r16: {{sampling: r16}}
    heatmaps: {{recipe: r16}}
    pretrain:
      seeds: [0]
      hold_out: {{by: {held_out}}}
      backbones:
        skeleton:
          modality: skeleton
          model: {{kind: agcn, layout: official_10}}
          input: {{style: ctr, num_frames: 64, length: resize}}
          plan: {{epochs: 30, batch: 16, lr: 0.05, schedule: cosine}}
    features: {{shard_rows: 4096}}
    train:
      video: []
      methods: [skeleton]
      fused: skeleton
      seeds: [0]
      plan: {{epochs: 12, batch: 32, lr: 0.05, schedule: cosine}}
    report: {{clips: 12}}"""
"""A whole preset for skeletons alone: what must be there, and what the file decides."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The dataset that can be indexed now."""

    path: Path
    dataset: str
    found: Pyskl
    layout: str | None
    """Name of the layout that was asked for."""

    def __str__(self) -> str:
        listing, protocols = self.found.listing(), self.found.protocols
        lost = "".join(f"\n  {clip_id}: {message}" for clip_id, _, message in listing.failures[:5])
        return (
            f"{self.path}: {len(listing.clips)} clips of {self.found.layout.name}, {len(listing.failures)} unusable"
            f"{lost}; protocols: {', '.join(protocols) or 'none, the file has no split'}. For params.yaml "
            f"(docs/presets.md):\n{self.preset}"
        )

    @property
    def preset(self) -> str:
        """YAML that can be used as it stands; a protocol of `none` where the file has none."""
        protocol = self.found.protocols[0] if self.found.protocols else "none"
        return PRESET.format(
            dataset=self.dataset,
            protocol=protocol,
            max_frames=self._longest,
            options="" if self.layout is None else f"layout: {self.layout}",
            held_out="group" if self._has_groups(protocol) else "clip",
        )

    @property
    def _longest(self) -> int:
        clips = self.found.listing().clips
        return max((self.found.open_video(clip).probe().num_frames for clip in clips), default=300)

    def _has_groups(self, protocol: str) -> bool:
        """Whether the training clips can be held out in whole subjects, cameras or set-ups."""
        if protocol not in self.found.protocols:
            return True
        axis, clips = self.found.axis(protocol), self.found.listing().clips
        training = [clip for clip in clips if self.found.split(clip, protocol) == "train"]
        return len({getattr(clip, axis) for clip in training}) > 1


def import_pyskl(file: Path, paths: Paths, *, layout: str | None = None) -> Placed:
    """Copy `file` to data/raw/<dataset>/annotations.pkl. DatasetError where it is no such pickle, or one is there.

    `layout` names the joints where their number does not tell.
    """
    target = paths.raw / NAME
    if target.exists():
        raise DatasetError(f"{target} is there already: take it away, or choose another name for the dataset")
    found = Pyskl(file.parent, file=file.name, layout=layout)
    write_whole(target, file.read_bytes())
    return Placed(target, paths.dataset, found, layout)

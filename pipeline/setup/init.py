"""A preset of one's own, written into params.yaml by looking at the recordings' folder."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.datasets.opened import dataset_class
from pipeline.errors import DatasetError, ParamError
from pipeline.files import write_whole
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.setup.class_folders import TESTED, table_of_folders
from pipeline.setup.look import Seen, layout_of_table, look
from pipeline.setup.preset_text import nested, preset_text

TABLE = "table.csv"
MOST_NAMED = 5
"""Clips that cannot be read, and folders without any, that are spelled out."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""Names that DVC takes as one step of a place in params.yaml."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The preset that was written, and advice on what to do next."""

    dataset: str
    params: Path
    seen: Seen
    table: str
    """Says what was written as the table; empty where there was one."""

    def __str__(self) -> str:
        seen = self.seen
        lost = [*((clip_id, message) for clip_id, _, message in seen.failures), *seen.unreadable]
        named = "".join(f"\n  {clip_id}: {message}" for clip_id, message in lost[:MOST_NAMED])
        unusable = (
            f"{len(lost):,} unusable{named}"
            if lost
            else f"none unusable among the {seen.looked_at:,} looked at"
        )
        sides = ", ".join(f"{count:,} {side}" for side, count in sorted(seen.parts.items()))
        counts = f"{seen.clips:,} clips of {seen.classes} classes ({sides or 'no split yet'})"
        lines = [
            *([self.table] if self.table else []),
            f"{self.dataset}: {counts}, {unusable}",
            f"{self.params}: preset {self.dataset} is written, with comments; look it through, then",
            f"  python cli.py plan {self.dataset}",
            f"  dvc exp run --set-param dataset={self.dataset} --set-param preset={self.dataset}",
        ]
        return "\n".join(lines)


def init(paths: Paths, *, adapter: str = "table", layout: str | None = None) -> Begun:
    """Look at data/raw/<dataset> and write its preset; for `table` its table.csv too, where there is none.

    `layout` names the joints where their number does not tell. Raises ParamError where params.yaml has such a preset
    already or cannot take one, DatasetError where the folder holds nothing that can be used.
    """
    if not NAME.fullmatch(paths.dataset):
        raise ParamError(f"{paths.dataset!r} can be no preset's name: letters, digits, _ and - alone")
    text, before = _params(paths)
    if not paths.raw.is_dir():
        raise DatasetError(f"{paths.raw} is not there: put the recordings there, or a link to their folder")
    written, options = _table(paths.raw, layout) if adapter == "table" else ("", {})
    seen = look(dataset_class(adapter)(paths.raw, **options), adapter, options)
    block = preset_text(paths.dataset, seen)
    preset = yaml.safe_load(block)[paths.dataset]
    Preset.model_validate_json(json.dumps(preset), strict=True)
    whole = text + nested(block)
    wanted = {**before, "presets": {**before["presets"], paths.dataset: preset}}
    if _read(whole) != wanted:
        raise ParamError(
            f"{paths.params} does not end in its `presets`, one indented block each, so nothing was written. Put this "
            f"under them:\n{nested(block)}"
        )
    write_whole(paths.params, whole)
    return Begun(paths.dataset, paths.params, seen, written)


def _read(text: str) -> Any:
    """Content of YAML; None where it is none."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _params(paths: Paths) -> tuple[str, dict[str, Any]]:
    """Text and content of params.yaml; a beginning where there is none."""
    if not paths.params.exists():
        text = f"dataset: {paths.dataset}\npreset: {paths.dataset}\npresets:\n"
        return text, {"dataset": paths.dataset, "preset": paths.dataset, "presets": {}}
    text = paths.params.read_text(encoding="utf-8")
    found = _read(text)
    if not isinstance(found, dict) or not isinstance(found.get("presets"), dict):
        raise ParamError(f"{paths.params} needs a mapping called `presets`, one entry a preset")
    if paths.dataset in found["presets"]:
        raise ParamError(
            f"{paths.params} has a preset {paths.dataset!r} already: take it out first, or give the recordings' folder "
            f"in data/raw another name; new recordings need no new preset, but a row each in {paths.raw / TABLE} where "
            "that is their list"
        )
    return text if text.endswith("\n") else text + "\n", found


def _table(root: Path, layout: str | None) -> tuple[str, dict[str, Any]]:
    """Write the table where there is none; what was written, and the adapter's options."""
    written = ""
    if not (root / TABLE).exists():
        found = table_of_folders(root)
        write_whole(root / TABLE, found.text)
        drawn = f"one clip in {TESTED} of each class, the last by name, is tested: change the column split"
        written = (
            f"{root / TABLE}: {len(found.rows):,} rows written, a folder a class; "
            f"{drawn if found.drawn else 'the split is that of the folders'}. Add a column subject where you know who "
            "is in a clip: then people are not on both sides"
        )
        if found.empty:
            more = f" and {len(found.empty) - MOST_NAMED} more" if len(found.empty) > MOST_NAMED else ""
            written += f"\nno recording, and so no class: {', '.join(found.empty[:MOST_NAMED])}{more}"
    chosen = layout or layout_of_table(root, TABLE)
    return written, {} if chosen == "whole_frame" else {"layout": chosen}

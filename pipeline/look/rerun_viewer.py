"""Opens rerun's viewer on clips, or writes a file for it."""

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import DatasetError, ParamError, RunError
from pipeline.look.rerun_clip import log_clip
from pipeline.look.rerun_layout import layout_of, tab_of
from pipeline.look.shown_clip import ShownClip

if TYPE_CHECKING:
    from rerun import RecordingStream


def require_viewer() -> None:
    """Raise DatasetError where rerun is not installed."""
    if find_spec("rerun") is None:
        raise DatasetError("clips are shown by rerun, which is not installed: pip install -e '.[look]'")


def open_viewer(dataset: str, clips: Iterable[ShownClip]) -> None:
    """Start rerun's viewer and show clips in it. Raises RunError where there is no display."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise RunError(
            "there is no display here to open a viewer on: give --save FILE.rrd, and open the file where there is one, "
            "or in a browser with: rerun --web-viewer FILE.rrd"
        )
    recording = _recording(dataset)
    recording.spawn()
    _log_all(recording, clips)
    recording.flush()


def write_file(dataset: str, clips: Iterable[ShownClip], path: Path) -> int:
    """Write clips to `path`, whole or not at all; return its bytes. Raises ParamError unless it ends in .rrd."""
    if path.suffix != ".rrd":
        raise ParamError(f"--save {path}: rerun opens files that end in .rrd; name it {path.name}.rrd")
    if not path.parent.is_dir():
        raise ParamError(f"--save {path}: there is no folder {path.parent}")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        recording = _recording(dataset)
        recording.save(unfinished)
        _log_all(recording, clips)
        recording.disconnect()
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path.stat().st_size


def _recording(dataset: str) -> "RecordingStream":
    """A recording without the clock of this machine: timelines are the clips' own."""
    import rerun as rr

    recording = rr.RecordingStream(f"harcache {dataset}", recording_id=dataset, send_properties=False)
    recording.set_log_tick_enabled(False)
    recording.set_log_time_enabled(False)
    return recording


def _log_all(recording: "RecordingStream", clips: Iterable[ShownClip]) -> None:
    tabs = []
    for clip in clips:
        log_clip(recording, clip)
        tabs.append(tab_of(clip))
    recording.send_blueprint(layout_of(tabs))

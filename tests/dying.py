"""A writer of shards that kills its own worker the first time; workers import it by name."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.build.block import write


def write_once_dead(root: Path, *rest: Any) -> Any:
    """Die as by SIGKILL on the very first task that any worker takes; write as usual ever after."""
    try:
        (root / "died").touch(exist_ok=False)
    except FileExistsError:
        return write(root, *rest)
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def slow_crops() -> None:
    """cli.py with its crops slowed down, so that a test can kill it midway."""
    import cli
    from pipeline.video import crop

    original = crop.crop_clip

    def slowly(*args: Any, **options: Any) -> Any:
        time.sleep(0.05)
        return original(*args, **options)

    crop.crop_clip = slowly
    cli.app(sys.argv[1:])


if __name__ == "__main__":
    slow_crops()

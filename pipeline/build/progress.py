"""Progress that a person can read: clips done, from cache, failed, per second, and time left."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_SECONDS = 15.0
"""Seconds between two lines where the output is no terminal (a log, DVC)."""


class ClipProgress:
    """Counts clips; a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, stage: str, total: int, *, cached: int, quiet: bool = False) -> None:
        self.stage, self.total, self.cached = stage, total, cached
        self.done = self.failed = 0
        self.started = self._last_line = time.monotonic()
        console = Console(stderr=True)
        self._silent = quiet
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task(stage, total=total, completed=cached, counts="")

    def tick(self, *, made: int = 0, failed: int = 0) -> None:
        """Some more clips are done."""
        self.done += made + failed
        self.failed += failed
        self._bar.update(self._task, completed=self.cached + self.done, counts=self._counts())
        now = time.monotonic()
        if self._bar.disable and not self._silent and now - self._last_line >= LINE_EVERY_SECONDS:
            self._last_line = now
            print(
                f"{self.stage}: {self.cached + self.done} of {self.total}, {self._counts()}", file=sys.stderr
            )

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    def _counts(self) -> str:
        rate = self.done / max(self.seconds, 1e-9)
        left = (self.total - self.cached - self.done) / max(rate, 1e-9)
        return f"{self.cached} from cache, {self.failed} failed, {rate:.1f} clips/s, {left:.0f} s left"

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

"""Progress for people at a terminal, and for those who read a log afterwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from trimpi.run.services import Progress, Reporter

SECONDS_BETWEEN_LINES = 15.0


def make_reporter(*, is_main: bool = True) -> Reporter:
    """The reporter that suits where standard error goes; only the main process talks."""
    if not is_main:
        return SilentReporter()
    console = Console(stderr=True)
    return TerminalReporter(console) if console.is_terminal else LogReporter(sys.stderr)


class SilentReporter:
    """For processes that are not the main one."""

    def say(self, message: str) -> None:
        """Nothing is said."""

    @contextmanager
    def track(self, label: str) -> Iterator[Progress]:
        yield lambda done, total: None


class TerminalReporter:
    """A bar that moves, with the time left."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False)

    @contextmanager
    def track(self, label: str) -> Iterator[Progress]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with ProgressBar(*columns, console=self._console) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


class LogReporter:
    """Plain lines: when a piece of work ends, and now and then before."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    def say(self, message: str) -> None:
        print(message, file=self._stream, flush=True)

    @contextmanager
    def track(self, label: str) -> Iterator[Progress]:
        start = self._clock()
        last_line = start

        def progress(done: int, total: int) -> None:
            nonlocal last_line
            now = self._clock()
            if now - last_line < SECONDS_BETWEEN_LINES or done == 0:
                return
            last_line = now
            remaining = (now - start) / done * (total - done)
            self.say(f"{label}: {done}/{total}, {format_duration(remaining)} left")

        yield progress
        self.say(f"{label}: done in {format_duration(self._clock() - start)}")


def format_duration(seconds: float) -> str:
    """Seconds as people say them: 42s, 3m05s, 2h07m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"

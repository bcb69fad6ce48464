"""How long a stage has trained, over all its attempts. Torch-free."""

from __future__ import annotations

import time
from pathlib import Path

from trimpi.stages.json_lines import read_lines


class StageClock:
    """Runs from when it is made; `earlier` seconds were trained in earlier attempts and are kept."""

    def __init__(self, earlier: float = 0.0) -> None:
        self._earlier = earlier
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return self._earlier + time.perf_counter() - self._start


def resumed_clock(metrics_file: Path) -> StageClock | None:
    """A clock that goes on from the log's last line, which is that of the checkpoint resumed from.

    What came between the checkpoint and the kill is trained again, and so counts once. None when that line has no
    `seconds`, as those of older versions: what was trained before is not known.
    """
    lines = read_lines(metrics_file)
    if not lines:
        return StageClock()
    earlier = lines[-1].get("seconds")
    return None if earlier is None else StageClock(float(earlier))

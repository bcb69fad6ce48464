"""Checkpoints within a stage: which one to go on from, and the model folder a stage ends in. Torch-free."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

CHECKPOINT_FOLDER = "checkpoints"
COMPLETE = "complete"
"""A file written into a checkpoint after everything else is."""
KEPT_CHECKPOINTS = 2
"""One may be incomplete: the one that was being written when the process was killed."""
PUBLISHED_LAST = "config.json"
SAVING_FOLDER = ".saving"


def checkpoints_folder(output_dir: Path) -> Path:
    return output_dir / CHECKPOINT_FOLDER


def mark_complete(checkpoint: Path) -> None:
    (checkpoint / COMPLETE).touch()


def last_complete_checkpoint(output_dir: Path, *, processes: int) -> Path | None:
    """The newest checkpoint that was written to its end by this number of processes, or None."""
    found = checkpoints_folder(output_dir).glob("checkpoint-*")
    usable = [path for path in found if (path / COMPLETE).exists() and _has_random_states(path, processes)]
    return max(usable, key=checkpoint_step, default=None)


def checkpoint_step(checkpoint: Path | None) -> int:
    """The step a checkpoint was written after; 0 for none."""
    return 0 if checkpoint is None else int(checkpoint.name.removeprefix("checkpoint-"))


def remove_incomplete_checkpoints(output_dir: Path) -> None:
    """What a killed attempt left half-written."""
    for path in checkpoints_folder(output_dir).glob("checkpoint-*"):
        if not (path / COMPLETE).exists():
            shutil.rmtree(path)


def publish(save: Callable[[Path], None], output_dir: Path) -> None:
    """Make `output_dir` the model folder that `save` writes: it can be loaded once all of it is there, and not before.

    Files move in one by one, the one without which nothing loads last; then the checkpoints go.
    """
    saving = output_dir / SAVING_FOLDER
    shutil.rmtree(saving, ignore_errors=True)
    saving.mkdir(parents=True)
    save(saving)
    for path in sorted(saving.iterdir(), key=lambda path: path.name == PUBLISHED_LAST):
        path.replace(output_dir / path.name)
    saving.rmdir()
    shutil.rmtree(checkpoints_folder(output_dir), ignore_errors=True)


def _has_random_states(checkpoint: Path, processes: int) -> bool:
    names = ["rng_state.pth"] if processes == 1 else [f"rng_state_{process}.pth" for process in range(processes)]
    return all((checkpoint / name).exists() for name in names)

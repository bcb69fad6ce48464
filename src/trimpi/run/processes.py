"""The processes of a run: one by itself, or several started by torchrun."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Protocol

from trimpi.errors import RunError

LONGEST_WAIT = timedelta(hours=24)
"""The others wait while the main process evaluates, which can take longer than the library's default of minutes."""

LAUNCHER_VARIABLES = ("RANK", "MASTER_ADDR", "MASTER_PORT")
HOW_TO_START = "start them with `torchrun --nproc_per_node N -m trimpi run ...`"


class Processes(Protocol):
    """How many work on a run, which of them this is, and how they wait for each other."""

    @property
    def count(self) -> int: ...

    @property
    def is_main(self) -> bool: ...

    def barrier(self) -> None: ...


class SingleProcess:
    """A run by itself."""

    count = 1
    is_main = True

    def barrier(self) -> None:
        """Nobody to wait for."""


class TorchProcesses:
    """Processes started by torchrun. Raises RunError when they do not find each other."""

    def __init__(self, expected: int) -> None:
        import torch
        from accelerate import PartialState

        self._state = PartialState(cpu=not torch.cuda.is_available(), timeout=LONGEST_WAIT)
        self.count = self._state.num_processes
        self.is_main = self._state.is_main_process
        if self.count != expected:
            raise RunError(f"WORLD_SIZE is {expected}, but {self.count} processes are connected: {HOW_TO_START}")

    def barrier(self) -> None:
        self._state.wait_for_everyone()


def join_processes() -> Processes:
    """The processes this one was started with, by the WORLD_SIZE that torchrun sets."""
    given = os.environ.get("WORLD_SIZE", "1")
    if not given.isdecimal() or int(given) < 1:
        raise RunError(f"WORLD_SIZE is {given!r}; allowed is a whole number of processes, which torchrun sets itself")
    if int(given) == 1:
        return SingleProcess()
    missing = [name for name in LAUNCHER_VARIABLES if name not in os.environ]
    if missing:
        raise RunError(f"WORLD_SIZE is {given}, but {' and '.join(missing)} are not set: {HOW_TO_START}")
    return TorchProcesses(int(given))

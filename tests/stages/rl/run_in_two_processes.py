"""Started by torchrun from test_two_processes.py: FOLDER NAME."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from stages.rl.two_process_config import CONFIG
from stages.stage_runs import run


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    run(CONFIG, folder, name)
    assert torch.distributed.get_world_size() == 2
    (folder / f"rank-{torch.distributed.get_rank()}").touch()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()

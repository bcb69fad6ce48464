from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trimpi.errors import RunError
from trimpi.run.processes import LAUNCHER_VARIABLES, SingleProcess, join_processes


def test_without_a_launcher_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert isinstance(join_processes(), SingleProcess)


@pytest.mark.parametrize("given", ["two", "0", "-1", ""])
def test_world_size_must_be_a_count(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("WORLD_SIZE", given)
    with pytest.raises(RunError, match="WORLD_SIZE"):
        join_processes()


def test_world_size_without_a_launcher_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in LAUNCHER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RunError, match="torchrun --nproc_per_node"):
        join_processes()


LAUNCHED = """
import sys
from trimpi.run.processes import join_processes
processes = join_processes()
processes.barrier()
sys.stdout.write(f"{processes.count} {processes.is_main}\\n")
"""


@pytest.mark.slow
def test_torchrun_starts_as_many_as_it_is_told(tmp_path: Path) -> None:
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(line for line in done.stdout.splitlines() if line) == ["2 False", "2 True"]

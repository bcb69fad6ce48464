from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stages.rl.two_process_config import CONFIG
from stages.stage_runs import GROUP_STATISTICS, lines, run, stage_context, weights
from trimpi.errors import RecipeError
from trimpi.recipe import RlConfig
from trimpi.stages.rl.stage import grpo_arguments

TESTS = Path(__file__).parents[2]


def torchrun(folder: Path, name: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    script = Path(__file__).with_name("run_in_two_processes.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
    done = subprocess.run([*command, str(folder), name], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.slow
def test_two_processes_give_the_same_groups_and_weights_as_one(tmp_path: Path) -> None:
    run(CONFIG, tmp_path, "one")
    torchrun(tmp_path, "two")
    assert sorted(path.name for path in tmp_path.glob("rank-*")) == ["rank-0", "rank-1"], "there were two processes"

    one, two = (lines(tmp_path / name / "rollouts.jsonl") for name in ("one", "two"))
    first_step = [line for line in one if line["step"] == 1]
    assert [line for line in two if line["step"] == 1] == first_step
    assert len(two) == len(one) == 24
    statistics = [
        [{key: line[key] for key in GROUP_STATISTICS} for line in lines(tmp_path / name / "metrics.jsonl")[:1]]
        for name in ("one", "two")
    ]
    assert statistics[0] == statistics[1]
    for name, tensor in weights(tmp_path / "one").items():
        torch.testing.assert_close(tensor, weights(tmp_path / "two")[name], atol=2e-3, rtol=1e-2)


def test_completions_that_do_not_divide_among_processes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "5")
    config: RlConfig = CONFIG
    with pytest.raises(RecipeError, match=r"12 completions of a step .* do not divide among 5 processes"):
        grpo_arguments(config, stage_context(tmp_path, "rl"))

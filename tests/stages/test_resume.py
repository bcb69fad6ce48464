from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from stages.stage_runs import (
    COT_SFT_LORA,
    DIRECT_SFT,
    VM_CPT,
    Killed,
    assert_same_weights,
    kill_at,
    lines,
    rl_config,
    run,
    stage_context,
    untimed,
    weights,
)
from trimpi.recipe import GrpoConfig, LoraConfig, StageConfig
from trimpi.stages import run_stage

pytestmark = pytest.mark.slow
STAGES = {
    "vm_cpt": VM_CPT,
    "direct_sft": DIRECT_SFT,
    "cot_sft with adapters": COT_SFT_LORA,
    "rl": rl_config(),
    "rl with adapters": rl_config(lora=LoraConfig(rank=2, alpha=4)),
    "rl with two iterations": rl_config(algorithm=GrpoConfig(num_iterations=2), steps=3, checkpoint_every_steps=1),
}


@pytest.mark.parametrize("config", STAGES.values(), ids=STAGES.keys())
def test_an_interrupted_stage_ends_in_the_weights_and_logs_of_an_uninterrupted_one(
    config: StageConfig, tmp_path: Path
) -> None:
    run(config, tmp_path, "whole")
    with pytest.raises(Killed):
        run_stage(config, stage_context(tmp_path, "interrupted", progress=kill_at(3)))
    assert not (tmp_path / "interrupted" / "config.json").exists()

    steps: list[int] = []
    run_stage(config, stage_context(tmp_path, "interrupted", progress=lambda done, total: steps.append(done)))

    assert steps[0] == 3, "it went on from its checkpoint"
    assert_same_weights(tmp_path / "whole", tmp_path / "interrupted")
    for name in ("metrics.jsonl", "rollouts.jsonl"):
        if (tmp_path / "whole" / name).exists():
            assert untimed(tmp_path / "interrupted" / name) == untimed(tmp_path / "whole" / name)
    base = weights(tmp_path / "base")
    assert any(not torch.equal(tensor, base[name]) for name, tensor in weights(tmp_path / "whole").items())


def test_a_checkpoint_that_was_not_written_to_its_end_is_not_used(tmp_path: Path) -> None:
    run(VM_CPT, tmp_path, "whole")
    with pytest.raises(Killed):
        run_stage(VM_CPT, stage_context(tmp_path, "interrupted", progress=kill_at(3)))
    checkpoint = tmp_path / "interrupted" / "checkpoints" / "checkpoint-2"
    (checkpoint / "complete").unlink()
    (checkpoint / "optimizer.pt").unlink()

    run(VM_CPT, tmp_path, "interrupted")

    assert_same_weights(tmp_path / "whole", tmp_path / "interrupted")
    assert [line["step"] for line in lines(tmp_path / "interrupted" / "metrics.jsonl")] == [1, 2, 3, 4]


def test_a_stage_without_checkpoints_begins_again(tmp_path: Path) -> None:
    config = VM_CPT.model_copy(update={"checkpoint_every_steps": None})
    with pytest.raises(Killed):
        run_stage(config, stage_context(tmp_path, "interrupted", progress=kill_at(3)))
    run(config, tmp_path, "interrupted")
    assert [line["step"] for line in lines(tmp_path / "interrupted" / "metrics.jsonl")] == [1, 2, 3, 4]


def test_seconds_go_on_from_the_checkpoint_so_that_no_step_and_no_pause_is_counted_twice(tmp_path: Path) -> None:
    log = kill_and_rewrite(tmp_path, {1: 500.0, 2: 1000.0, 3: 2000.0})
    result = run(VM_CPT, tmp_path, "stage")
    *kept, third, fourth = [line["seconds"] for line in lines(log)]
    assert kept == [500.0, 1000.0]
    assert 1000 < third < fourth <= 1000 + result.seconds + 0.001, "rounded to milliseconds"
    assert result.training_seconds == pytest.approx(1000 + result.seconds, abs=0.1)


def test_a_log_of_an_older_version_goes_on_without_seconds(tmp_path: Path) -> None:
    log = kill_and_rewrite(tmp_path, {})
    result = run(VM_CPT, tmp_path, "stage")
    assert [line["step"] for line in lines(log) if "seconds" not in line] == [1, 2, 3, 4]
    assert result.training_seconds is None, "what was trained before is not known"


def kill_and_rewrite(tmp_path: Path, seconds: dict[int, float]) -> Path:
    """The log of a stage killed after step 3, with its checkpoint at 2, that says these seconds."""
    with pytest.raises(Killed):
        run_stage(VM_CPT, stage_context(tmp_path, "stage", progress=kill_at(3)))
    log = tmp_path / "stage" / "metrics.jsonl"
    rows = [{**line, **({"seconds": seconds[line["step"]]} if seconds else {})} for line in untimed(log)]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return log


def test_a_finished_stage_leaves_no_checkpoints_and_a_model_that_loads(tmp_path: Path) -> None:
    from trimpi.models import load_model, load_processor

    run(VM_CPT, tmp_path, "stage")
    assert not (tmp_path / "stage" / "checkpoints").exists()
    assert not (tmp_path / "stage" / ".saving").exists()
    shutil.rmtree(tmp_path / "base")
    load_processor(tmp_path / "stage")
    load_model(tmp_path / "stage", device="cpu")

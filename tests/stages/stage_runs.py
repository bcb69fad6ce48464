"""Running a stage on the tiny task, and comparing what two runs of it left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from tiny_task import LetterTask, save_tiny_model
from trimpi.recipe import (
    CotSftConfig,
    DirectSftConfig,
    Engine,
    GrpoConfig,
    LocalSamplerConfig,
    LoraConfig,
    ModelConfig,
    RlConfig,
    StageConfig,
    VmCptConfig,
)
from trimpi.stages import StageContext, StageResult, run_stage
from trimpi.stages.context import Progress
from trimpi.tasks.base import Task

SUPERVISED: dict[str, Any] = {"learning_rate": 1e-2, "batch_size": 2, "epochs": 4 / 3}
"""Four steps over six examples."""
VM_CPT = VmCptConfig(**SUPERVISED, checkpoint_every_steps=2)
DIRECT_SFT = DirectSftConfig(**SUPERVISED, lora=None, checkpoint_every_steps=2)
COT_SFT_LORA = CotSftConfig(**SUPERVISED, lora=LoraConfig(rank=2, alpha=4, dropout=0.1), checkpoint_every_steps=2)

GROUP_STATISTICS = (
    "reward",
    "reward_policy_free",
    "reward_policy_aware",
    "reward_gap",
    "groups",
    "zero_variance_groups",
    "truncated",
)
"""What a metrics line of RL says about the groups of its step."""


def rl_config(**changes: Any) -> RlConfig:
    """Four steps of two requests with 2 + 2 completions each, over six examples: passes do not end where steps do.

    Every group is a micro-batch.
    """
    settings: dict[str, Any] = {
        "learning_rate": 1e-2,
        "steps": 4,
        "prompts_per_step": 2,
        "group_size": 2,
        "micro_batch_tokens": 1,
        "max_new_tokens": 6,
        "sampler": LocalSamplerConfig(batch_size=8),
        "checkpoint_every_steps": 2,
        "algorithm": GrpoConfig(beta=0.05),
    }
    return RlConfig(**{**settings, **changes})


class Killed(Exception):
    """The process ends here."""


def kill_at(step: int) -> Progress:
    def progress(done: int, total: int) -> None:
        if done == step:
            raise Killed

    return progress


def stage_context(
    folder: Path, name: str, *, progress: Progress | None = None, task: Task | None = None, engine: Engine = "prefix"
) -> StageContext:
    """A stage folder `folder/name`, starting from one random model that all runs in `folder` share."""
    base = folder / "base"
    if not base.exists():
        save_tiny_model(base)
    return StageContext(
        task=task or LetterTask(folder / "images"),
        model=ModelConfig(path=str(base)),
        model_path=base,
        output_dir=folder / name,
        seed=5,
        progress=progress,
        engine=engine,
    )


def run(
    config: StageConfig, folder: Path, name: str, *, task: Task | None = None, engine: Engine = "prefix"
) -> StageResult:
    return run_stage(config, stage_context(folder, name, task=task, engine=engine))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def untimed(path: Path) -> list[dict[str, Any]]:
    """A log without the one thing in it that depends on the clock."""
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines(path)]


def assert_same_weights(first: Path, second: Path) -> None:
    ours, theirs = weights(first), weights(second)
    assert ours.keys() == theirs.keys()
    different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert not different

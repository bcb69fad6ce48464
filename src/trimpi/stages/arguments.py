"""Our stage settings as the arguments transformers' trainers take, and how precise trained weights are."""

from __future__ import annotations

import os
from typing import Any

import torch

from trimpi.errors import RunError
from trimpi.recipe import ModelConfig, TrainingConfig
from trimpi.stages.checkpoints import KEPT_CHECKPOINTS, checkpoints_folder
from trimpi.stages.context import StageContext


def launched_processes() -> int:
    """How many processes torchrun or `accelerate launch` says there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def check_process_count(world_size: int) -> None:
    """Raises RunError when the launcher announced another number of processes than joined: each would train alone."""
    if world_size != launched_processes():
        raise RunError(
            f"{launched_processes()} processes were launched but {world_size} joined: "
            "start them with torchrun --nproc_per_node"
        )


def weights_dtype(config: TrainingConfig, model: ModelConfig) -> str:
    """float32 for weights that are trained: half precision would round small updates away. Frozen weights keep theirs.

    On a GPU the computation itself is in the model's own precision either way.
    """
    return model.dtype if config.lora is not None and torch.cuda.is_available() else "float32"


def common_arguments(
    config: TrainingConfig, context: StageContext, *, batch_size: int, updates_per_checkpoint_step: int = 1
) -> dict[str, Any]:
    """What every stage passes to its trainer; `batch_size` is sequences per process and micro-batch.

    TRL's defaults that are wrong on a CPU, or leave the machine, are off.
    """
    gpu = torch.cuda.is_available()
    scheduler = "constant_with_warmup" if config.scheduler == "constant" else config.scheduler
    return {
        "output_dir": str(checkpoints_folder(context.output_dir)),
        "per_device_train_batch_size": batch_size,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": scheduler,
        # transformers reads a float below 1 as a ratio, and 1 as one step.
        "warmup_steps": min(config.warmup_ratio, 1 - 1e-9),
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "gradient_checkpointing": config.gradient_checkpointing,
        "bf16": gpu and context.model.dtype == "bfloat16",
        "fp16": gpu and context.model.dtype == "float16",
        "use_cpu": not gpu,
        "dataloader_pin_memory": gpu,
        "ddp_backend": "gloo" if not gpu and launched_processes() > 1 else None,
        "remove_unused_columns": False,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 1,
        "seed": context.seed,
        "save_strategy": "no" if config.checkpoint_every_steps is None else "steps",
        "save_steps": (config.checkpoint_every_steps or 1) * updates_per_checkpoint_step,
        "save_total_limit": KEPT_CHECKPOINTS,
    }

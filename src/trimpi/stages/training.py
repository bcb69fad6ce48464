"""Running a trainer from where it was interrupted to a finished model folder: the same for every stage."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer

from trimpi.models import save_model
from trimpi.stages.arguments import check_process_count
from trimpi.stages.callbacks import StageCallback
from trimpi.stages.checkpoints import checkpoint_step, last_complete_checkpoint, publish, remove_incomplete_checkpoints
from trimpi.stages.clock import StageClock, resumed_clock
from trimpi.stages.context import StageContext, StageResult
from trimpi.stages.json_lines import keep_lines_until, read_lines
from trimpi.stages.stopping import StageEndedEarly

METRICS_FILE = "metrics.jsonl"
ROLLOUTS_FILE = "rollouts.jsonl"


def finish_training(trainer: Trainer, callback: StageCallback, context: StageContext, processor: Any) -> StageResult:
    """Train to the end, from the last complete checkpoint on, and make `context.output_dir` the model's folder."""
    check_process_count(trainer.args.world_size)
    trainer.remove_callback(PrinterCallback)
    checkpoint = _prepare_resume(trainer, context.output_dir)
    whole = resumed_clock(context.output_dir / METRICS_FILE)
    callback.time_with(whole)
    attempt = StageClock()
    ended_early = None
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except StageEndedEarly as reason:
        ended_early = str(reason)
    seconds, training_seconds = attempt.seconds, None if whole is None else whole.seconds
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        model = trainer.accelerator.unwrap_model(trainer.model).to(getattr(torch, context.model.dtype))
        publish(lambda folder: save_model(model, processor, folder), context.output_dir)
    trainer.accelerator.wait_for_everyone()
    return StageResult(
        steps=trainer.state.global_step,
        seconds=seconds,
        training_seconds=training_seconds,
        tokens=sum(line["tokens"] for line in read_lines(context.output_dir / METRICS_FILE)),
        peak_memory_bytes=_peak_memory_bytes(),
        metrics=callback.last,
        resumed_from=checkpoint_step(checkpoint),
        ended_early=ended_early,
    )


def _prepare_resume(trainer: Trainer, output_dir: Path) -> Path | None:
    """The checkpoint to go on from, with everything that was written after it taken back."""
    checkpoint = last_complete_checkpoint(output_dir, processes=trainer.args.world_size)
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        remove_incomplete_checkpoints(output_dir)
        for name in (METRICS_FILE, ROLLOUTS_FILE):
            keep_lines_until(output_dir / name, checkpoint_step(checkpoint))
    trainer.accelerator.wait_for_everyone()
    return checkpoint


def _peak_memory_bytes() -> int:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

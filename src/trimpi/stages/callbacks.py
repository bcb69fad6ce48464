"""What happens beside the training steps: a metrics line per step, progress, checkpoints marked as complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trimpi.stages.checkpoints import mark_complete
from trimpi.stages.clock import StageClock
from trimpi.stages.context import Progress
from trimpi.stages.json_lines import append_lines

TRAINER_METRICS = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "entropy": "entropy",
    "mean_token_accuracy": "token_accuracy",
    "kl": "kl",
    "clip_ratio/region_mean": "clip_ratio",
}
"""The trainers' names of what we log, and ours."""

StepMetrics = Callable[[], Mapping[str, float]]


class StageCallback(TrainerCallback):
    """Writes `metrics_file`; `step_metrics` adds what the trainer does not know. One process writes.

    Only a line's `seconds` depend on the clock: in all else an interrupted stage ends in the lines of a whole one.
    """

    def __init__(
        self, metrics_file: Path, *, progress: Progress | None, step_metrics: StepMetrics | None = None
    ) -> None:
        self._metrics_file = metrics_file
        self._progress = progress
        self._step_metrics = step_metrics or dict
        self._tokens_seen = 0
        self._clock: StageClock | None = None
        self.last: dict[str, float] = {}

    def time_with(self, clock: StageClock | None) -> None:
        """Every line says what `clock` shows when its step is done; without one, none does."""
        self._clock = clock

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """GRPO counts tokens on from its checkpoint; SFT begins at 0, and leaves this count of the state at 0."""
        self._tokens_seen = int(state.num_input_tokens_seen)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if not state.is_world_process_zero or logs is None or "loss" not in logs:
            return
        known = {ours: float(logs[theirs]) for theirs, ours in TRAINER_METRICS.items() if logs.get(theirs) is not None}
        tokens = int(logs.get("num_tokens", self._tokens_seen))
        self.last = {**known, "tokens": tokens - self._tokens_seen, **self._step_metrics()}
        self._tokens_seen = tokens
        timed = {} if self._clock is None else {"seconds": round(self._clock.seconds, 3)}
        append_lines(self._metrics_file, [{"step": state.global_step, **timed, **self.last}])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.is_world_process_zero and self._progress is not None:
            self._progress(state.global_step, state.max_steps)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.is_world_process_zero:
            mark_complete(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")

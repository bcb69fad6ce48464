"""One phase of base training: steps that can be interrupted anywhere and go on from the last checkpoint, exactly."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trimpi.models.nano.optimizers import Optimizers, scheduled_share

CHECKPOINT_SECONDS = 120


def run_phase(
    name: str,
    module: nn.Module,
    step_loss: Callable[[int, random.Random], tuple[Tensor, dict[str, float]]],
    *,
    steps: int,
    learning_rate: float,
    weight_decay: float,
    decay: bool,
    folder: Path,
    seed: int,
    measure: Callable[[], dict[str, float]] | None = None,
    measure_every: int = 400,
) -> None:
    """Minimise `step_loss(step, rng)` over the trainable parameters of `module`; nothing to do where it is done.

    The batch of a step is a function of (seed, name, step), so a phase that was killed ends where it would have. Writes
    `NAME.pt` (weights, optimizer, step) every two minutes and a line of `metrics.jsonl` every 20 steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / f"{name}.pt"
    optimizers = Optimizers(module.named_parameters(), learning_rate=learning_rate, weight_decay=weight_decay)
    start = _resume(checkpoint, module, optimizers)
    log = _MetricsLog(folder / "metrics.jsonl", name, steps)
    saved = time.monotonic()
    module.train()
    for step in range(start, steps):
        rng = random.Random(f"{seed}-{name}-{step}")
        torch.manual_seed(rng.getrandbits(32))
        loss, metrics = step_loss(step, rng)
        loss.backward()  # type: ignore[no-untyped-call]
        metrics["gradient_norm"] = optimizers.step(scheduled_share(step, steps, decay=decay))
        log.add(step, {"loss": float(loss.detach()), **metrics})
        last = step + 1 == steps
        if measure and (last or (step + 1) % measure_every == 0):
            module.eval()
            with torch.no_grad():
                log.write(step, measure())
            module.train()
        if last or time.monotonic() - saved > CHECKPOINT_SECONDS:
            _save(checkpoint, module, optimizers, step + 1)
            saved = time.monotonic()
    module.eval()


def _resume(checkpoint: Path, module: nn.Module, optimizers: Optimizers) -> int:
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    module.load_state_dict(state["module"])
    optimizers.load_state_dict(state["optimizers"])
    return int(state["step"])


def _save(checkpoint: Path, module: nn.Module, optimizers: Optimizers, step: int) -> None:
    temporary = checkpoint.with_suffix(".tmp")
    torch.save({"module": module.state_dict(), "optimizers": optimizers.state_dict(), "step": step}, temporary)
    temporary.replace(checkpoint)


class _MetricsLog:
    """Means over 20 steps, as JSON lines and on the terminal, with the time that is left."""

    def __init__(self, path: Path, phase: str, steps: int) -> None:
        self.path, self.phase, self.steps = path, phase, steps
        self.window: list[dict[str, float]] = []
        self.started, self.seen = time.monotonic(), 0

    def add(self, step: int, metrics: dict[str, float]) -> None:
        self.window.append(metrics)
        self.seen += 1
        if len(self.window) == 20:
            names = {name for row in self.window for name in row}
            rows = {name: [row[name] for row in self.window if name in row] for name in sorted(names)}
            self.write(step, {name: sum(values) / len(values) for name, values in rows.items()})
            self.window.clear()

    def write(self, step: int, metrics: dict[str, float]) -> None:
        seconds = (time.monotonic() - self.started) / max(1, self.seen)
        line: dict[str, Any] = {
            "phase": self.phase,
            "step": step + 1,
            "of": self.steps,
            "seconds_per_step": round(seconds, 3),
        }
        line |= {name: round(value, 4) for name, value in metrics.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        left = seconds * (self.steps - step - 1)
        shown = "  ".join(f"{name} {value:.3f}" for name, value in metrics.items())
        print(f"{self.phase} {step + 1}/{self.steps}  {left / 60:.0f} min left  {shown}", flush=True)

"""Runs of a tiny recipe through the command line, each in a process of its own that can be killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_task import save_tiny_model
from trimpi.recipe import ClevrTaskConfig, DirectSftConfig, ModelConfig, recipe_yaml
from trimpi.recipe.loading import parse_recipe
from trimpi.stages import StageContext, run_stage
from trimpi.tasks.registry import build_task

LONGEST_WAIT = 300.0
"""Seconds."""
TASK = {"type": "clevr", "layers": 1, "policies": 2, "train_examples_per_policy": 4, "test_examples_per_policy": 2}
SUPERVISED = {"learning_rate": 1e-4, "batch_size": 2, "epochs": 1, "checkpoint_every_steps": 1}
RL = {
    "type": "rl",
    "learning_rate": 1e-3,
    "steps": 3,
    "prompts_per_step": 2,
    "group_size": 2,
    "max_new_tokens": 24,
    "checkpoint_every_steps": 1,
}
STAGES: tuple[dict[str, Any], ...] = (
    {"type": "vm_cpt", **SUPERVISED},
    {"type": "cot_sft", **SUPERVISED, "batch_size": 4, "lora": {"rank": 2}},
    RL,
)
EVALUATION = {
    "batch_size": 4,
    "max_new_tokens": 24,
    "efficiency": {"examples": 1, "repeats": 1, "new_tokens": 2, "query_lengths": [16], "batch": 2},
}


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """A folder with a base model and the scenes that all its runs share."""

    folder: Path

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def write_recipe(
        self, name: str, *, model: Path | None = None, stages: Sequence[dict[str, Any]] = STAGES, **evaluation: Any
    ) -> Path:
        recipe = {
            "name": name,
            "seed": 3,
            "model": {"path": str(model or self.base)},
            "task": TASK,
            "stages": list(stages),
            "evaluation": {**EVALUATION, **evaluation},
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(recipe_yaml(parse_recipe(recipe, source=name)))
        return path

    def start(self, recipe: Path, out: Path, *, processes: int = 1) -> subprocess.Popen[str]:
        """`trimpi run`, by torchrun if there are to be several processes, as the leader of a process group."""
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        command = [sys.executable, *(launcher if processes > 1 else []), "-m", "trimpi"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TRIMPI_CACHE": str(self.cache)}
        return subprocess.Popen(
            [*command, "run", str(recipe), "--out", str(out)],
            env=environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, recipe: Path, out: Path, *, processes: int = 1) -> str:
        """To its end; what it printed."""
        process = self.start(recipe, out, processes=processes)
        try:
            printed, errors = process.communicate(timeout=LONGEST_WAIT)
        finally:
            kill(process)
        assert process.returncode == 0, errors[-4000:]
        return printed

    def run_until(self, recipe: Path, out: Path, *, file: str, lines: int = 0) -> None:
        """Kill the run with everything it started as soon as `file` is in `out` and has so many lines."""
        process = self.start(recipe, out)
        end = time.monotonic() + LONGEST_WAIT
        try:
            while not (out / file).exists() or (out / file).read_bytes().count(b"\n") < lines:
                assert process.poll() is None, f"the run ended without {file}"
                assert time.monotonic() < end, f"the run has not written {file}"
                time.sleep(0.002)
        finally:
            kill(process)
            print(process.communicate()[1])
        assert process.returncode == -signal.SIGKILL


def kill(process: subprocess.Popen[str]) -> None:
    """The whole process group, if any of it is left."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def open_workshop(folder: Path) -> Workshop:
    """The base model is random weights fine-tuned until most of its completions are well-formed answers, some of them
    wrong: a model that is never right, or always, has no advantages, and RL would leave its weights alone.
    """
    workshop = Workshop(folder=folder)
    random_model = save_tiny_model(folder / "random")
    task = build_task(ClevrTaskConfig.model_validate(TASK), seed=3, cache_dir=workshop.cache)
    context = StageContext(
        task=task,
        model=ModelConfig(path=str(random_model)),
        model_path=random_model,
        output_dir=workshop.base,
        seed=0,
    )
    run_stage(DirectSftConfig(learning_rate=1e-2, epochs=30, batch_size=8, lora=None, scheduler="constant"), context)
    return workshop


def evaluations(out: Path) -> dict[str, Any]:
    """Every file of every evaluation, without what is measured by the clock."""
    found: dict[str, Any] = {}
    for path in sorted((out / "eval").rglob("*.json*")):
        name = str(path.relative_to(out))
        found[name] = path.read_text() if path.suffix == ".jsonl" else without_clock(json.loads(path.read_text()))
    return found


def untimed_bytes(file: Path) -> bytes:
    """What a file holds; of a log of metrics, without the `seconds` of its lines, which every line must have."""
    content = file.read_bytes()
    if file.name != "metrics.jsonl":
        return content
    without, timed = re.subn(rb'"seconds": [0-9.]+, ', b"", content)
    assert timed == content.count(b"\n")
    return without


def without_clock(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_clock(item) for key, item in value.items() if key not in CLOCK_KEYS}
    if isinstance(value, list):
        return [without_clock(item) for item in value]
    return value


CLOCK_KEYS = (
    "seconds",
    "training_seconds",
    "prefill_repeats",
    "intervals",
    "prefill_seconds",
    "seconds_per_token",
    "latency_seconds",
    "requests_per_second",
    "batch_prefill_seconds",
    "batch_seconds_per_token",
    "prefill_saved",
    "latency_saved",
    "prefill_saved_over_cached",
    "latency_saved_over_cached",
    "no_longer_matters",
)

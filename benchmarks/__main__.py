"""What a policy costs in the prompt: tokens and prefill time with and without it, by the policy's layers.

    python -m benchmarks [MODEL]

MODEL is "nano" (the default), a model folder, or a hub id. Writes runs/bench/ too: one efficiency.json per depth.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from trimpi.cli.services import cache_dir, quiet_libraries
from trimpi.errors import TrimpiError
from trimpi.evaluation.efficiency import EFFICIENCY_FILE, EfficiencyResult, measure_efficiency
from trimpi.models import load_model, load_processor
from trimpi.recipe import ClevrTaskConfig
from trimpi.rendering.renderer import Renderer
from trimpi.tasks.registry import build_task

LAYERS = (1, 2, 3, 4, 6)
EXAMPLES = 8
OUT = Path("runs/bench")


def main(model_name: str) -> None:
    quiet_libraries()
    model, renderer = load_model(model_name), Renderer(load_processor(model_name))
    table = Table("layers", "tokens with", "without", "saved", "prefill with", "without", "saved", title=model_name)
    for layers in LAYERS:
        config = ClevrTaskConfig(
            layers=layers, policies=1, train_examples_per_policy=EXAMPLES, test_examples_per_policy=EXAMPLES
        )
        task = build_task(config, seed=0, cache_dir=cache_dir())
        out_dir = OUT / f"layers-{layers}"
        (out_dir / EFFICIENCY_FILE).unlink(missing_ok=True)  # a benchmark measures anew
        result = measure_efficiency(task, model, renderer, model_name=model_name, out_dir=out_dir, examples=EXAMPLES)
        table.add_row(str(layers), *row(result))
    Console().print(
        table, f"{result.device}, {result.dtype}, {result.threads} threads, batch size 1, {EXAMPLES} requests"
    )


def row(result: EfficiencyResult) -> list[str]:
    aware, free = result.policy_aware, result.policy_free
    return [
        f"{aware.mean_tokens:.0f}",
        f"{free.mean_tokens:.0f}",
        f"{result.tokens_saved:.1%}",
        f"{aware.prefill_seconds * 1000:.1f} ms",
        f"{free.prefill_seconds * 1000:.1f} ms",
        f"{result.prefill_saved:.1%}",
    ]


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "nano")
    except TrimpiError as error:
        sys.exit(f"error: {error}")

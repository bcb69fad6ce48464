"""When a run's training has paid: from its manifests and its measured costs to `break_even.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from trimpi.evaluation.break_even_report import break_even_report, stage_cost
from trimpi.evaluation.efficiency_result import load_efficiency
from trimpi.evaluation.results import EFFICIENCY_FILE
from trimpi.evaluation.storage import read_json, write_atomically
from trimpi.recipe import BreakEvenConfig
from trimpi.run.directory import RunDirectory


def write_break_even(run: RunDirectory, names: Sequence[str], assumed: BreakEvenConfig) -> None:
    """Write it for a run whose stages `names` are complete and evaluated; a run without stages cost nothing."""
    if not names:
        return
    efficiency = load_efficiency(run.evaluation(names[-1]) / EFFICIENCY_FILE)
    stages = [stage_cost(read_json(run.stage_manifest(name))) for name in names]
    report = break_even_report(assumed, efficiency, stages)
    write_atomically(run.break_even, json.dumps(report, indent=2, ensure_ascii=False) + "\n")

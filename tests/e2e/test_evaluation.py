"""`trimpi run` killed in the middle of its evaluation: nothing that was answered is asked again, nothing changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.cli_runs import Workshop, evaluations
from tiny_task import save_tiny_model

SUITES = ["accuracy", "recitation", "forgetting"]
pytestmark = pytest.mark.slow


def test_killed_within_a_suite_between_two_and_within_a_measurement(tmp_path: Path) -> None:
    workshop = Workshop(folder=tmp_path)
    save_tiny_model(workshop.base)
    # Enough questions of the suite `forgetting` for two chunks of 256.
    recipe = workshop.write_recipe("asked", stages=[], suites=SUITES, skill_examples=32, max_new_tokens=8)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    workshop.run(recipe, whole)

    folder = killed / "eval" / "00-base"
    workshop.run_until(recipe, killed, file="eval/00-base/accuracy.json")
    finished = (folder / "accuracy.json").stat().st_mtime_ns
    unfinished = folder / "forgetting.unfinished.jsonl"
    workshop.run_until(recipe, killed, file=str(unfinished.relative_to(killed)), lines=2)
    header, chunk, *_ = unfinished.read_text().splitlines()
    unfinished.write_text(f"{header}\n{json.dumps({**json.loads(chunk), 'seconds': 1000.0})}\n")
    workshop.run_until(recipe, killed, file="eval/00-base/forgetting.json")
    assert not (folder / "divergence.json").exists(), "it was killed while the distance from the base was measured"
    workshop.run(recipe, killed)

    assert (folder / "accuracy.json").stat().st_mtime_ns == finished
    assert json.loads((folder / "forgetting.json").read_text())["seconds"] > 1000, "the chunk was taken over"
    assert evaluations(killed) == evaluations(whole)
    assert {"forgetting.json", "divergence.json", "divergence.jsonl", "efficiency.json"} <= {
        path.name for path in folder.iterdir()
    }

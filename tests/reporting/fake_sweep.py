"""A sweep's folder written by hand: which requests were right, and what RL sampled and took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from reporting.test_showcase import record
from trimpi.evaluation.results import summarise

Right = Sequence[bool]
STEPS = 2
ROLLOUTS_A_STEP = 3


def build_fake_sweep(folder: Path, answers: Mapping[tuple[str, str, int], Right], *, crossed: bool = False) -> Path:
    """`answers` by method, point of the axis `layers`, and seed. `sft` has no RL; another method two steps of it.

    Each seed has requests of its own unless they are `crossed`.
    """
    folder.mkdir()
    (folder / "sweep.yaml").write_text("name: fake\n")
    for number, ((method, layers, seed), right) in enumerate(answers.items()):
        name = f"{method}.layers-{layers}.seed-{seed}"
        add_job(folder, number, name, method=method, point={"layers": layers}, seed=seed)
        _write_run(folder / "runs" / name, method, seed, right, data_seed=0 if crossed else seed)
    return folder


def add_job(folder: Path, number: int, name: str, *, method: str, point: Mapping[str, str], seed: int) -> None:
    (folder / "jobs").mkdir(exist_ok=True)
    job = {"number": number, "name": name, "method": method, "point": point, "seed": seed}
    (folder / "jobs" / f"{name}.json").write_text(json.dumps(job))


def _write_run(run: Path, method: str, seed: int, right: Right, *, data_seed: int) -> None:
    stage = "cot_sft" if method == "sft" else "rl"
    evaluation, trained = run / "eval" / f"01-{stage}", run / "stages" / f"01-{stage}"
    evaluation.mkdir(parents=True)
    trained.mkdir(parents=True)
    (run / "recipe.yaml").write_text(f"name: {run.name}\nseed: {seed}\nstages:\n- type: {stage}\n")
    (run / "manifest.json").write_text(json.dumps({"finished": "2026-11-25T20:00:00+00:00"}))
    (run / "report.html").touch()
    records = [
        replace(record(number, "correct" if one else "wrong"), id=f"{data_seed}-{number}")
        for number, one in enumerate(right)
    ]
    summary = summarise(records, suite="accuracy", model=stage, seed=0, max_new_tokens=8, seconds=1.0)
    (evaluation / "accuracy.json").write_text(summary.to_json())
    _write_lines(evaluation / "accuracy.jsonl", [asdict(one) for one in records])
    manifest = {"name": f"01-{stage}", "steps": STEPS, "seconds": 10.0, "preparation_seconds": 2.0, "processes": 1}
    (trained / "manifest.json").write_text(json.dumps(manifest))
    steps = range(1, STEPS + 1)
    if stage == "rl":
        # The seed is in the reward, so that a mean over seeds is told from any of them.
        rewards = [{"reward": 0.0, "reward_policy_free": step / 10 + seed / 100} for step in steps]
        _write_lines(
            trained / "metrics.jsonl", [{"step": step, **line} for step, line in zip(steps, rewards, strict=True)]
        )
        _write_lines(trained / "rollouts.jsonl", [{"step": step} for step in steps for _ in range(ROLLOUTS_A_STEP)])
    else:
        _write_lines(trained / "metrics.jsonl", [{"step": step, "loss": 1.0} for step in steps])


def _write_lines(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

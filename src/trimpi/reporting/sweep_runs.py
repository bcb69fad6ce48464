"""The runs of a sweep as a comparison sees them: which method, where on the axes, which seed, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trimpi.cot.store import COT_FILE, CotFiles
from trimpi.errors import RunError
from trimpi.evaluation.break_even_report import stage_cost
from trimpi.evaluation.storage import read_json, read_jsonl
from trimpi.reporting.drawing import is_number, is_rl
from trimpi.reporting.run_directory import Evaluation, RunRecord, Stage, read_run
from trimpi.sweep.directory import SweepDirectory

NO_AXES = "all"
SECONDS_PER_HOUR = 3600
REWARDS = ("reward_policy_free", "reward")
"""What a curve shows: the first of them that was logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One step of RL: what was sampled and spent until then, and the mean reward of its policy-free completions.

    `seconds` are those of training alone. `timed` says that they were logged, and no stage's spread over its steps.
    """

    rollouts: float
    seconds: float
    reward: float
    timed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRun:
    """A finished run. `final` is its last model, or the base where there are no stages.

    `rollouts` are completions sampled to learn from, by RL or as chains of thought. `rl_seconds` is RL's wall time;
    None where a manifest does not tell.
    """

    name: str
    method: str
    point: str
    seed: int
    run: RunRecord
    final: Evaluation

    @property
    def rl_stages(self) -> list[Stage]:
        return [stage for stage in self.run.stages if is_rl(stage)]

    @property
    def rollouts(self) -> int:
        rl = sum(sum(_rollouts_by_step(self.run, stage).values()) for stage in self.rl_stages)
        return rl + sum(_sampled_cots(self.run, stage) for stage in self.run.stages)

    @property
    def rl_seconds(self) -> float | None:
        return _seconds(self.rl_stages)

    @property
    def training_seconds(self) -> float | None:
        return _seconds(self.run.stages)

    @property
    def curve(self) -> list[CurvePoint]:
        """One point for every logged step of RL."""
        points = []
        rollouts, before, timed = 0, 0.0, True
        for stage in self.rl_stages:
            sampled = _rollouts_by_step(self.run, stage)
            logged = [line["seconds"] for line in stage.metrics if is_number(line.get("seconds"))]
            timed = timed and len(logged) == len(stage.metrics)
            seconds = logged if len(logged) == len(stage.metrics) else _equal_steps(stage)
            for line, until in zip(stage.metrics, seconds, strict=True):
                rollouts += sampled[int(line["step"])]
                reward = next((line[key] for key in REWARDS if is_number(line.get(key))), None)
                if reward is not None:
                    points.append(
                        CurvePoint(rollouts=rollouts, seconds=before + until, reward=float(reward), timed=timed)
                    )
            before += seconds[-1] if seconds else 0.0
        return points


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRuns:
    """The finished runs in the order of the grid, and the names of the jobs that are not finished with their state."""

    runs: Sequence[SweepRun]
    unfinished: Sequence[tuple[str, str]]


def is_sweep(path: Path) -> bool:
    sweep = SweepDirectory(path)
    return sweep.sweep.is_file() and sweep.jobs.is_dir()


def read_sweeps(paths: Sequence[Path]) -> SweepRuns:
    """The runs of all, points named by their sweep where there are several. Raises RunError as `read_sweep` does."""
    if len(paths) == 1:
        return read_sweep(paths[0])
    found = {path.resolve().name: read_sweep(path) for path in paths}
    if len(found) < len(paths):
        raise RunError(f"sweeps that are compared go by their folders' names, which must differ: {', '.join(found)}")
    return SweepRuns(
        runs=[
            replace(run, point=name if run.point == NO_AXES else f"{name}, {run.point}")
            for name, sweep in found.items()
            for run in sweep.runs
        ],
        unfinished=[(f"{name}/{job}", state) for name, sweep in found.items() for job, state in sweep.unfinished],
    )


def read_sweep(path: Path) -> SweepRuns:
    """Raises RunError when none of the jobs is finished."""
    sweep = SweepDirectory(path)
    jobs = sorted((read_json(file) for file in sweep.jobs.glob("*.json")), key=lambda job: int(job["number"]))
    runs, unfinished = [], []
    for job in jobs:
        state = sweep.state(job["name"])
        run = read_run(sweep.run(job["name"]).path) if state == "finished" else None
        final = None if run is None else (run.latest if run.stages_planned else run.base)
        if run is None or final is None or final.accuracy is None:
            unfinished.append((str(job["name"]), state if state != "finished" else "without the suite accuracy"))
            continue
        point = ", ".join(f"{axis} {value}" for axis, value in job["point"].items())
        runs.append(
            SweepRun(
                name=job["name"],
                method=job["method"],
                point=point or NO_AXES,
                seed=job["seed"],
                run=run,
                final=final,
            )
        )
    if not runs:
        raise RunError(f"no job of the sweep in {path} is finished: `trimpi sweep ... --list` shows how far they are")
    return SweepRuns(runs=runs, unfinished=unfinished)


def _rollouts_by_step(run: RunRecord, stage: Stage) -> Counter[int]:
    """Lines of the stage's rollouts, which hold every completion that was sampled, used or not."""
    path = _folder(run, stage) / "rollouts.jsonl"
    return Counter(int(line["step"]) for line in read_jsonl(path)) if path.is_file() else Counter()


def _sampled_cots(run: RunRecord, stage: Stage) -> int:
    """Completions of which a stage's chains of thought were chosen."""
    counts = CotFiles(_folder(run, stage) / COT_FILE).counts
    return sum(read_json(counts)["outcomes"].values()) if counts.is_file() else 0


def _folder(run: RunRecord, stage: Stage) -> Path:
    return run.folder / "stages" / f"{stage.number:02d}-{stage.name}"


def _equal_steps(stage: Stage) -> list[float]:
    """The seconds until each logged step, as if all steps took equally long."""
    per_step = (stage.training_seconds or 0.0) / max(len(stage.metrics), 1)
    return [per_step * number for number in range(1, len(stage.metrics) + 1)]


def _seconds(stages: Sequence[Stage]) -> float | None:
    """Wall time of all attempts."""
    hours = [stage_cost(stage.manifest).hours for stage in stages]
    known = [hour for hour in hours if hour is not None]
    return sum(known) * SECONDS_PER_HOUR if len(known) == len(hours) else None

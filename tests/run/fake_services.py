"""A run without models: numbers that depend on everything they should, and a switch that stops it at any point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.fake_efficiency import make_efficiency
from trimpi.policies import Policy
from trimpi.recipe import Recipe, StageConfig, parse_recipe
from trimpi.rewards.exact_match import score_exact_match
from trimpi.run.processes import Processes, SingleProcess
from trimpi.run.services import EvaluationRequest, Progress, RunServices
from trimpi.stages.context import StageContext, StageResult
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example, Score, Split

WEIGHTS = "weights.txt"
STEPS = 3


class Killed(BaseException):
    """Stands for kill -9: nothing in the program catches it."""


class WordTask(Task):
    """Two policies, a few requests without images."""

    def __init__(self, *, answer: str = "left") -> None:
        self._answer = answer

    @property
    def policies(self) -> Mapping[str, Policy]:
        return {name: Policy(name=name, sections=(f"# {name}\nAlways go {self._answer}.",)) for name in ("Ako", "Bim")}

    def examples(self, split: Split) -> Sequence[Example]:
        return [
            Example(
                id=f"{split}-{number}",
                policy_name=("Ako", "Bim")[number % 2],
                prompt=f"Which way, {number}?",
                images=(),
                answer=self._answer,
                cot="The policy says so.",
            )
            for number in range(4)
        ]

    def score(self, example: Example, completion: Completion) -> Score:
        return score_exact_match(completion, example.answer)

    def override(self) -> Task:
        return self

    def wrong_answer(self, example: Example) -> str:
        return "nowhere"


class QuietReporter:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)

    @contextmanager
    def track(self, label: str) -> Iterator[Progress]:
        self.said.append(label)
        yield lambda done, total: None


@dataclass
class FakeWorld:
    """Services that count the points where a process could be killed, and end it at point number `kill_at`."""

    kill_at: int | None = None
    task: Task = field(default_factory=WordTask)
    processes: Processes = field(default_factory=SingleProcess)
    reporter: QuietReporter = field(default_factory=QuietReporter)
    points: int = 0
    stages_begun: list[str] = field(default_factory=list)
    steps_taken: int = 0
    evaluated: list[str] = field(default_factory=list)

    def point(self) -> None:
        """A place where the process could be killed."""
        if self.points == self.kill_at:
            raise Killed
        self.points += 1

    def services(self, base_model: Path) -> RunServices:
        return RunServices(
            build_task=self._build_task,
            resolve_model=lambda path: base_model,
            run_stage=self._run_stage,
            evaluate=self._evaluate,
            write_report=self._write_report,
            processes=self.processes,
            reporter=self.reporter,
        )

    def _build_task(self, recipe: Recipe, progress: Progress) -> Task:
        self.point()
        return self.task

    def _run_stage(self, config: StageConfig, context: StageContext) -> StageResult:
        """Each step hashes the weights on; a step done before a kill is not repeated."""
        self.stages_begun.append(context.output_dir.name)
        checkpoint = context.output_dir / "checkpoint.json"
        context.output_dir.mkdir(parents=True, exist_ok=True)
        begun = {"step": 0, "weights": (context.model_path / WEIGHTS).read_text()}
        state = json.loads(checkpoint.read_text()) if checkpoint.is_file() else begun
        while state["step"] < STEPS:
            self.point()
            self.steps_taken += 1
            weights = _hash(state["weights"], config.model_dump_json(), str(context.seed))
            state = {"step": state["step"] + 1, "weights": weights}
            checkpoint.write_text(json.dumps(state))
        rows = [{"step": step, "loss": 1 / step} for step in range(1, STEPS + 1)]
        logs = ["metrics.jsonl", *(["rollouts.jsonl"] if config.type == "rl" else [])]
        for name in logs:
            (context.output_dir / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        (context.output_dir / WEIGHTS).write_text(state["weights"])
        self.point()
        checkpoint.unlink()
        self.point()
        return StageResult(steps=STEPS, seconds=1.0, tokens=10, peak_memory_bytes=1000)

    def _evaluate(self, request: EvaluationRequest) -> None:
        self.evaluated.append(request.name)
        request.out_dir.mkdir(parents=True, exist_ok=True)
        results = list(request.settings.suites)
        results += ["divergence"] if "forgetting" in results else []
        results += ["harness"] if request.settings.harness is not None else []
        results += ["efficiency"] if request.efficiency else []
        for suite in results:
            self.point()
            if suite == "efficiency":
                (request.out_dir / "efficiency.json").write_text(make_efficiency(model=request.name).to_json())
                continue
            weights = (request.model_path / WEIGHTS).read_text()
            (request.out_dir / f"{suite}.json").write_text(
                json.dumps({"suite": suite, "number": _hash(weights, suite)})
            )

    def _write_report(self, run_dir: Path) -> Path:
        self.point()
        page = run_dir / "report.html"
        page.write_text("".join(sorted(path.parent.name for path in run_dir.glob("eval/*/accuracy.json"))))
        return page


def make_recipe(**changes: object) -> Recipe:
    data = {
        "name": "small",
        "task": {"type": "clevr", "train_examples_per_policy": 2, "test_examples_per_policy": 2},
        "stages": [
            {"type": "vm_cpt"},
            {"type": "cot_sft"},
            {"type": "rl", "steps": 3, "prompts_per_step": 2, "group_size": 2},
        ],
    }
    return parse_recipe({**data, **changes}, source="test")


def base_model(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_text("base")
    return folder


def _hash(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()

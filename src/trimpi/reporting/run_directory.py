"""A run directory as the report sees it. Every part but recipe and manifest may be missing: a report can be written
while the run goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from trimpi.errors import RunError
from trimpi.evaluation.break_even_report import training_seconds
from trimpi.evaluation.results import EFFICIENCY_FILE, ExampleRecord, SuiteResult, load_records, load_result
from trimpi.evaluation.storage import read_json, read_jsonl
from trimpi.policies import Policy, load_policy
from trimpi.reporting.wording import SUITES, stage_label, suite_rank
from trimpi.run.directory import BREAK_EVEN_FILE, VERSIONS_FILE

BASE = "base"
SUITE_KEYS = frozenset(("suite", "n", "correct"))
"""What tells a suite's result from other measurements."""
NO_MEASUREMENTS = frozenset(("manifest.json", VERSIONS_FILE))
NUMBERED = re.compile(r"(?P<number>\d+)-(?P<name>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The finished suites of one model: the base, or what a stage made of it.

    `suites` are by file name, the ones every run has first; `measurements` are the folder's other JSON files.
    """

    number: int
    name: str
    folder: Path
    suites: Mapping[str, SuiteResult]
    measurements: Mapping[str, Mapping[str, Any]]

    @property
    def label(self) -> str:
        return stage_label(self.name)

    @property
    def accuracy(self) -> SuiteResult | None:
        return self.suites.get("accuracy")

    @property
    def in_context(self) -> SuiteResult | None:
        return self.suites.get("in_context")

    @property
    def efficiency(self) -> Mapping[str, Any] | None:
        return self.measurements.get(EFFICIENCY_FILE)

    @property
    def policy_free_records(self) -> list[ExampleRecord]:
        return self.records("accuracy")

    def records(self, suite: str) -> list[ExampleRecord]:
        """How every question of a finished suite went; none where they are not on disk."""
        path = self.folder / f"{suite}.jsonl"
        return load_records(path) if suite in self.suites and path.is_file() else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage that ran or runs. `manifest` is empty until it has finished; `metrics` are its log lines.

    `gate` is what RL measured of the policy in the prompt before its first step; empty where it did not.
    """

    number: int
    name: str
    manifest: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]
    gate: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return stage_label(self.name)

    @property
    def training_seconds(self) -> float | None:
        """Over all attempts; None where the stage is not complete, or does not tell."""
        return training_seconds(self.manifest) if self.manifest else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What is on disk of a run. `requests` are the test prompts by example id, `measurements` JSON files by name."""

    folder: Path
    recipe: Mapping[str, Any]
    recipe_text: str
    manifest: Mapping[str, Any]
    policies: Sequence[Policy]
    requests: Mapping[str, str]
    stages: Sequence[Stage]
    evaluations: Sequence[Evaluation]
    measurements: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        return str(self.recipe.get("name", self.folder.resolve().name))

    @property
    def base(self) -> Evaluation | None:
        return next((evaluation for evaluation in self.evaluations if evaluation.name == BASE), None)

    @property
    def latest(self) -> Evaluation | None:
        """The last evaluated model that was trained."""
        return next((evaluation for evaluation in reversed(self.evaluations) if evaluation.name != BASE), None)

    @property
    def compared(self) -> list[Evaluation]:
        """The base and the latest model, as far as there are any."""
        return [evaluation for evaluation in (self.base, self.latest) if evaluation is not None]

    def model_name(self, evaluation: Evaluation) -> str:
        """The label of a model; with its number where two stages of a kind would have the same."""
        same = sum(other.label == evaluation.label for other in self.evaluations)
        return evaluation.label if same == 1 else f"{evaluation.label} ({evaluation.number})"

    @property
    def suites(self) -> list[str]:
        """Every suite that any model finished, in the order pages show them."""
        return sorted({suite for found in self.evaluations for suite in found.suites}, key=suite_rank)

    @property
    def break_even(self) -> Mapping[str, Any] | None:
        """When training pays: of the whole run, or the latest model's."""
        found = [evaluation.measurements.get(BREAK_EVEN_FILE) for evaluation in reversed(self.evaluations)]
        return self.measurements.get(BREAK_EVEN_FILE) or next((data for data in found if data is not None), None)

    @property
    def stages_planned(self) -> int:
        return len(self.recipe.get("stages") or ())

    @property
    def finished(self) -> bool:
        return self.latest is not None and self.latest.number >= self.stages_planned

    @property
    def efficiency(self) -> Mapping[str, Any] | None:
        """The latest measurement of the prompt's cost."""
        return next((found.efficiency for found in reversed(self.evaluations) if found.efficiency is not None), None)


def read_run(run_dir: Path) -> RunRecord:
    """Read a run directory. Raises RunError when there is none, or when a file in it cannot be read as what it is."""
    recipe_file, manifest_file = run_dir / "recipe.yaml", run_dir / "manifest.json"
    for needed in (recipe_file, manifest_file):  # a task's folder has the first alone
        if not needed.is_file():
            raise RunError(
                f"{run_dir} is not a run directory (it has no {needed.name}): give the folder that `trimpi run` wrote"
            )
    recipe_text = recipe_file.read_text(encoding="utf-8")
    return RunRecord(
        folder=run_dir,
        recipe=_parse_recipe(recipe_text, recipe_file),
        recipe_text=recipe_text,
        manifest=read_json(manifest_file),
        policies=[load_policy(file) for file in sorted((run_dir / "data").glob("**/policy.md"))],
        requests=_requests(run_dir / "data" / "test.jsonl"),
        stages=[_stage(*numbered) for numbered in _numbered_folders(run_dir / "stages")],
        evaluations=[_evaluation(*numbered) for numbered in _numbered_folders(run_dir / "eval")],
        measurements={
            file.name: read_json(file) for file in sorted(run_dir.glob("*.json")) if file.name not in NO_MEASUREMENTS
        },
    )


def _parse_recipe(text: str, file: Path) -> dict[str, Any]:
    try:
        recipe = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RunError(f"{file} is not YAML ({error}): restore it from the recipe the run was started with") from None
    if not isinstance(recipe, dict):
        raise RunError(f"{file} does not hold a recipe: restore it from the recipe the run was started with")
    return recipe


def _numbered_folders(parent: Path) -> list[tuple[int, str, Path]]:
    folders = parent.iterdir() if parent.is_dir() else ()
    matches = [(NUMBERED.fullmatch(folder.name), folder) for folder in folders if folder.is_dir()]
    return sorted((int(match["number"]), match["name"], folder) for match, folder in matches if match)


def _stage(number: int, name: str, folder: Path) -> Stage:
    manifest, metrics, gate = folder / "manifest.json", folder / "metrics.jsonl", folder / "gate.json"
    return Stage(
        number=number,
        name=name,
        manifest=read_json(manifest) if manifest.is_file() else {},
        metrics=read_jsonl(metrics) if metrics.is_file() else [],
        gate=read_json(gate) if gate.is_file() else {},
    )


def _evaluation(number: int, name: str, folder: Path) -> Evaluation:
    found = {path: read_json(path) for path in sorted(folder.glob("*.json"))}
    suites = [path for path, data in found.items() if path.stem in SUITES or SUITE_KEYS.issubset(data)]
    return Evaluation(
        number=number,
        name=name,
        folder=folder,
        suites={path.stem: load_result(path) for path in sorted(suites, key=lambda path: suite_rank(path.stem))},
        measurements={path.name: data for path, data in found.items() if path not in suites},
    )


def _requests(path: Path) -> dict[str, str]:
    rows = read_jsonl(path) if path.is_file() else []
    return {str(row.get("id")): _request_text(row.get("prompt", "")) for row in rows}


def _request_text(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else json.dumps(prompt, ensure_ascii=False)

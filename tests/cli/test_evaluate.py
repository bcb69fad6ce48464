"""Which model `trimpi eval` takes and where its results go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from serving.finished_run import STAGES, build_finished_run
from trimpi.cli import app, services
from trimpi.run.services import EvaluationRequest


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[EvaluationRequest]:
    """What would have been evaluated, from `tmp_path`."""
    requests: list[EvaluationRequest] = []

    def record(request: EvaluationRequest) -> None:
        requests.append(request)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(services, "evaluate_model", record)
    monkeypatch.setattr(services, "task_of", lambda recipe, progress: AnyTask())
    monkeypatch.setattr("trimpi.run.inputs.validate_suites", lambda recipe, task: None)
    return requests


class AnyTask:
    def validate(self) -> None:
        """Nothing is wrong with it."""


def evaluate(*arguments: Any) -> str:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)]).output


def test_a_run_stands_for_its_last_stage_or_the_named_one(tmp_path: Path, asked: list[EvaluationRequest]) -> None:
    run = build_finished_run(tmp_path).relative_to(tmp_path)
    recipe = run / "recipe.yaml"
    for arguments in ((run,), (run, "--stage", STAGES[0]), (run / "stages" / STAGES[0],)):
        evaluate(arguments[0], recipe, *arguments[1:])
    last, first = (run / "stages" / STAGES[number] for number in (1, 0))
    assert [request.model_path for request in asked] == [last, first, first]
    assert [request.name for request in asked] == [str(last), str(first), str(first)]
    assert [request.out_dir for request in asked] == [Path("evals/desk") / path for path in (last, first, first)]


def test_models_of_one_name_do_not_share_a_folder(tmp_path: Path, asked: list[EvaluationRequest]) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "quickstart.yaml"
    for model in ("runs/a/m", "runs/b/m", tmp_path.parent / "m"):
        Path(model).mkdir(parents=True)
        (Path(model) / "config.json").write_text("{}")
        evaluate(model, recipe)
    evaluate("nano", recipe)
    inner = ["runs/a/m", "runs/b/m", str(tmp_path.parent / "m")[1:], "nano"]
    assert [str(request.out_dir) for request in asked] == [f"evals/quickstart/{path}" for path in inner]


def test_results_of_other_weights_are_named(tmp_path: Path, asked: list[EvaluationRequest]) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "quickstart.yaml"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "accuracy.json").write_text('{"model_key": "another"}')
    assert "out: accuracy.json of other weights" in evaluate("nano", recipe, "--suite", "accuracy", "--out", "out")
    (tmp_path / "out" / "accuracy.json").write_text(f'{{"model_key": "{asked[0].model_key}"}}')
    assert "of other weights" not in evaluate("nano", recipe, "--suite", "accuracy", "--out", "out")

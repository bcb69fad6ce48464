"""What the command line puts to work, on tiny models: everything an evaluation can be asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sampling.scripted_server import says, serving
from tasks.custom.folders import write_folder
from tiny_task import ColorTask, save_tiny_model
from trimpi.cli.services import CACHE_VARIABLE, evaluate_model, task_of
from trimpi.errors import ModelError
from trimpi.recipe import parse_recipe
from trimpi.run.services import EvaluationRequest, evaluation_request, results_of_others
from trimpi.tasks.clevr import rendered
from trimpi.types import Completion

HARNESS_TASKS = Path(__file__).parents[1] / "fixtures" / "harness"


@contextmanager
def untracked(label: str) -> Iterator[Any]:
    yield lambda done, total: None


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds the one scene that is asked about."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(rendered, "SHARD", 1)
    rendered.rendered_scenes(1, seed=rendered.FORGETTING_SEED, cache_dir=tmp_path / "cache")
    return tmp_path / "cache"


def request(folder: Path, *, model: Path, base: Path, **evaluation: Any) -> EvaluationRequest:
    settings = {"suites": ["forgetting"], "skill_examples": 1, "max_new_tokens": 3, **evaluation}
    task = {"type": "clevr", "train_examples_per_policy": 1, "test_examples_per_policy": 1}
    data = {"name": "a", "model": {"path": str(base)}, "task": task, "stages": [], "evaluation": settings}
    recipe = parse_recipe(data, source="test")
    return evaluation_request(
        recipe,
        ColorTask(folder / "task"),
        name="01-rl",
        model_path=model,
        base_path=base,
        out_dir=folder / "out",
        track=untracked,
    )


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("seed", [0, 1])
def test_forgetting_comes_with_the_divergence_from_the_recipes_model(tmp_path: Path, seed: int) -> None:
    base = save_tiny_model(tmp_path / "base", seed=0)
    model = save_tiny_model(tmp_path / "model", seed=seed)
    evaluate_model(request(tmp_path, model=model, base=base))
    divergence = json.loads((tmp_path / "out" / "divergence.json").read_text())
    assert (divergence["model"], divergence["base"], divergence["prompts"]) == ("01-rl", str(base), 8)
    assert (divergence["mean"] == 0.0) == (seed == 0), "the same weights in another folder have not moved"
    assert json.loads((tmp_path / "out" / "forgetting.json").read_text())["n"] == 11


@pytest.mark.usefixtures("cache")
def test_a_model_trained_again_in_place_is_evaluated_again(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base", seed=0)
    model = save_tiny_model(tmp_path / "model", seed=1)
    suites = ["accuracy", "forgetting", "efficiency"]
    small = {"examples": 1, "repeats": 1, "new_tokens": 2, "query_lengths": [], "batch": 1}
    first = request(tmp_path, model=model, base=base, suites=suites, efficiency=small)
    assert results_of_others(first) == []
    evaluate_model(first)
    files = [tmp_path / "out" / f"{name}.json" for name in (*suites, "divergence")]
    before = [file.read_text() for file in files]
    evaluate_model(first)
    assert [file.read_text() for file in files] == before and results_of_others(first) == []
    save_tiny_model(model, seed=2)
    assert results_of_others(first) == [file.name for file in files]
    evaluate_model(first)
    assert results_of_others(first) == []
    assert json.loads(files[-1].read_text())["mean"] != json.loads(before[-1])["mean"]


@pytest.mark.parametrize("change", [{"instruction": "Answer."}, {"engine": "plain"}, {"model": {"dtype": "bfloat16"}}])
def test_how_a_model_is_loaded_and_asked_is_part_of_its_key(tmp_path: Path, change: dict[str, Any]) -> None:
    asked = request(tmp_path, model=tmp_path, base=tmp_path)
    if "model" in change:
        change = {"model": asked.model.model_copy(update=change["model"])}
    assert replace(asked, **change).model_key != asked.model_key == replace(asked, name="other").model_key


def test_a_base_of_another_vocabulary_is_refused_before_weights_load(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base", family="idefics3")
    model = save_tiny_model(tmp_path / "model")
    (model / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="does not have the vocabulary of its base"):
        evaluate_model(request(tmp_path, model=model, base=base))


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: pip install 'trimpi[harness]'")
def test_benchmarks_are_asked_of_a_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.chdir(HARNESS_TASKS)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    base = save_tiny_model(tmp_path / "base")
    harness = {"tasks": ["copying"], "include": str(HARNESS_TASKS), "limit": 1}
    asked = request(tmp_path, model=base, base=base, suites=["accuracy"], harness=harness)
    evaluate_model(asked)
    written = (tmp_path / "out" / "harness.json").read_text()
    assert json.loads(written)["scores"][0]["task"] == "copying"
    evaluate_model(asked)
    assert (tmp_path / "out" / "harness.json").read_text() == written, "not asked again"


def test_a_judge_behind_an_endpoint_scores_and_is_paid_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    with serving(says("Half of it.\nScore: 5")) as server:
        endpoint = {"model": "m", "base_url": server.url, "api_key_env": None}
        task = {
            "type": "custom",
            "path": str(write_folder(tmp_path / "desk")),
            "reward": {"type": "judge", "endpoint": endpoint},
        }
        recipe = parse_recipe({"name": "a", "task": task, "stages": []}, source="test")
        desk = task_of(recipe)
        desk.validate()
        completion = Completion(text=r"\boxed{a bit left}", token_ids=())
        scores = [desk.score(desk.examples("train")[0], completion) for _ in range(2)]
    assert [score.value for score in scores] == [0.5, 0.5]
    (asked,) = server.asked
    assert "Say right." in json.dumps(asked["messages"]) and "a bit left" in json.dumps(asked["messages"])

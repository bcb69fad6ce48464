"""The real lm-eval on tasks of our own, without a network. The last document of either task has a wrong gold answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from trimpi.errors import DataError, RecipeError
from trimpi.evaluation import harness
from trimpi.evaluation.harness import HarnessResult, check_harness, find_tasks, harness_is_finished, run_harness
from trimpi.models import load_model, load_processor
from trimpi.recipe import HarnessConfig
from trimpi.rendering.renderer import Renderer
from trimpi.types import Example

TASKS = Path(__file__).parents[1] / "fixtures" / "harness"
BOTH = HarnessConfig(tasks=["arithmetic_choices", "copying"], include=str(TASKS))
needs_lm_eval = pytest.mark.skipif(
    harness.find_spec(harness.LIBRARY) is None, reason="lm-eval is not installed: pip install 'trimpi[harness]'"
)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the folder that the tasks name their data from; nothing is fetched, nothing is left in the user's cache."""
    import datasets

    monkeypatch.chdir(TASKS)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")


def ask(config: HarnessConfig, folder: Path) -> HarnessResult:
    return run_harness(
        load_model("nano"),
        load_processor("nano"),
        find_tasks(config),
        config,
        model_name="nano",
        out_dir=folder,
        batch_size=4,
        seed=3,
    )


@needs_lm_eval
@pytest.mark.usefixtures("offline")
def test_choices_and_completions_of_the_base_model_are_scored(tmp_path: Path) -> None:
    result = ask(BOTH, tmp_path)
    scores = {(score.task, score.metric): score for score in result.scores}
    choices, copies = scores["arithmetic_choices", "acc"], scores["copying", "exact_match"]
    assert (choices.value, choices.n) == (0.75, 4)
    assert (copies.value, copies.n) == (pytest.approx(2 / 3), 3)
    # sqrt(p (1 - p) / (n - 1))
    assert choices.stderr == pytest.approx((0.75 * 0.25 / 3) ** 0.5)
    assert copies.stderr == pytest.approx((2 / 3 * 1 / 3 / 2) ** 0.5)
    written = json.loads((tmp_path / "harness.json").read_text())
    assert (written["harness"], written["model"], written["scores"][0]["task"]) == ("lm-eval", "nano", choices.task)
    documents = [json.loads(line) for line in (tmp_path / "harness.jsonl").read_text().splitlines()]
    answers = [row["filtered_resps"] for row in documents if row["task"] == "copying"]
    assert answers == [["Copied: Bada Gilo."], ["Copied: Zuve Kani Ro."], ["Copied: Mipo Tadu."]]


@needs_lm_eval
@pytest.mark.usefixtures("offline")
def test_lm_eval_shows_the_model_the_chat_that_the_renderer_writes(tmp_path: Path) -> None:
    """Its log-likelihoods are those of the renderer's prompt, but for the line end before a response: lm-eval counts it
    to every choice alike.
    """
    ask(HarnessConfig(tasks=["arithmetic_choices"], include=str(TASKS), limit=1), tmp_path)
    (row,) = (json.loads(line) for line in (tmp_path / "harness.jsonl").read_text().splitlines())
    theirs = [log_likelihood for log_likelihood, _ in row["filtered_resps"]]
    model, renderer = load_model("nano"), Renderer(load_processor("nano"), instruction="Answer the question.")
    example = Example(id="", policy_name="", prompt=row["doc"]["question"], images=(), answer="")
    prompt = renderer.prompt_ids(renderer.prompt(example))
    ours = []
    for choice in row["doc"]["choices"]:
        response = renderer.response_ids(choice)[:-1]
        with torch.no_grad():
            log_probs = model(torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        ours.append(log_probs.gather(1, torch.tensor(response)[:, None]).sum().item())
    assert [value - theirs[0] for value in theirs] == pytest.approx([value - ours[0] for value in ours], abs=1e-3)


@needs_lm_eval
@pytest.mark.usefixtures("offline")
def test_limit_caps_the_documents_and_a_finished_result_is_known(tmp_path: Path) -> None:
    config = HarnessConfig(tasks=["copying"], include=str(TASKS), limit=2)
    assert not harness_is_finished(config, model_name="nano", out_dir=tmp_path, seed=3)
    (score,) = ask(config, tmp_path).scores
    assert (score.value, score.n) == (1.0, 2)
    assert harness_is_finished(config, model_name="nano", out_dir=tmp_path, seed=3)
    assert not harness_is_finished(BOTH, model_name="nano", out_dir=tmp_path, seed=3)
    assert not harness_is_finished(config, model_name="other", out_dir=tmp_path, seed=3)


@needs_lm_eval
@pytest.mark.usefixtures("offline")
def test_data_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    text = (TASKS / "copying.yaml").read_text()
    (tmp_path / "copying.yaml").write_text(text.replace("copying.jsonl", "gone.jsonl"))
    with pytest.raises(DataError, match=r"lm-eval cannot load copying: .*gone\.jsonl"):
        find_tasks(HarnessConfig(tasks=["copying"], include=str(tmp_path)))


@needs_lm_eval
@pytest.mark.slow
def test_an_unknown_task_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="has no task 'mmlu_pr0'; did you mean mmlu_pro"):
        find_tasks(HarnessConfig(tasks=["mmlu_pr0"]))


def test_without_lm_eval_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"pip install 'trimpi\[harness\]'"):
        check_harness(BOTH)


@needs_lm_eval
def test_a_missing_folder_of_tasks_is_refused() -> None:
    with pytest.raises(RecipeError, match="no folder gone"):
        check_harness(HarnessConfig(tasks=["copying"], include="gone"))

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image

from evaluation.fake_evaluation import NO_ANSWER, RIGHT, TRUNCATED, WRONG, RecordingSampler, SquareTask, WordRenderer
from trimpi.errors import DataError, RecipeError, RunError
from trimpi.evaluation import SUITES, SuiteResult, asking, evaluate_suite
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.results import EFFICIENCY, load_result
from trimpi.evaluation.suites import check_suite
from trimpi.recipe import SuiteName

REPLIES = [RIGHT, WRONG, NO_ANSWER, TRUNCATED]


def evaluate(folder: Path, sampler: RecordingSampler, **changes: Any) -> SuiteResult:
    folder.mkdir(exist_ok=True)
    settings = {
        "suite": "accuracy",
        "model": "nano",
        "out_dir": folder / "eval",
        "max_new_tokens": 16,
        "seed": 3,
        **changes,
    }
    return evaluate_suite(SquareTask(folder), sampler, WordRenderer(), **settings)


def test_every_outcome_is_counted_on_its_own(tmp_path: Path) -> None:
    result = evaluate(tmp_path, RecordingSampler(REPLIES))
    assert result.outcomes == {"correct": 1, "wrong": 1, "no_answer": 1, "truncated": 1}
    assert (result.n, result.correct, result.accuracy) == (4, 1, 0.25)


def test_policies_are_counted_apart(tmp_path: Path) -> None:
    result = evaluate(tmp_path, RecordingSampler(REPLIES))
    assert result.per_policy == {"A": {"n": 2, "correct": 1}, "B": {"n": 2, "correct": 0}}


def test_majority_takes_the_commonest_gold_answer_of_each_policy(tmp_path: Path) -> None:
    # A: Case 1 twice; B: Case 1 and Case 2 once each.
    assert evaluate(tmp_path, RecordingSampler(REPLIES)).majority == 0.75


def test_accuracy_asks_without_and_in_context_with_the_policy(tmp_path: Path) -> None:
    for suite, aware in (("accuracy", False), ("in_context", True)):
        sampler = RecordingSampler(REPLIES)
        evaluate(tmp_path, sampler, suite=suite)
        assert {prompt.policy_aware for prompt in sampler.calls[0]["prompts"]} == {aware}


def test_sampling_is_one_greedy_call(tmp_path: Path) -> None:
    sampler = RecordingSampler(REPLIES)
    evaluate(tmp_path, sampler)
    (call,) = sampler.calls
    assert (call["samples"], call["temperature"], call["top_p"], call["max_new_tokens"], call["seed"]) == (
        1,
        0.0,
        1.0,
        16,
        3,
    )


def test_prompt_tokens_are_counted_for_the_prompts_that_were_asked(tmp_path: Path) -> None:
    free = evaluate(tmp_path, RecordingSampler(REPLIES))
    aware = evaluate(tmp_path, RecordingSampler(REPLIES), suite="in_context")
    assert free.prompt_tokens == {"mean": 8.0, "max": 8}
    assert aware.prompt_tokens == {"mean": 14.0, "max": 14}


def test_examples_caps_the_total_from_the_start(tmp_path: Path) -> None:
    evaluate(tmp_path, RecordingSampler(REPLIES), examples=2)
    rows = [json.loads(line) for line in (tmp_path / "eval" / "accuracy.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["test-0", "test-1"]


def test_a_record_says_what_was_asked_answered_and_why_it_scored_so(tmp_path: Path) -> None:
    evaluate(tmp_path, RecordingSampler(REPLIES))
    row = json.loads((tmp_path / "eval" / "accuracy.jsonl").read_text().splitlines()[1])
    identity = row.pop("prompt_id")
    assert len(identity) == 16
    assert row == {
        "id": "test-1",
        "policy": "B",
        "prompt_tokens": 8,
        "request": "What does the policy say?",
        "completion": WRONG.text,
        "extracted": "Case 9",
        "value": 0.0,
        "outcome": "wrong",
        "reason": "expected 'Case 1'",
        "gold": "Case 1",
        "images": [str(tmp_path / "1.png")],
        "parts": {},
        "error": None,
        "sections": [],
        "tags": {},
        "steps": [],
    }


def test_prompt_ids_tell_images_and_policies_apart(tmp_path: Path) -> None:
    ids = set()
    for suite in ("accuracy", "in_context"):
        evaluate(tmp_path, RecordingSampler(REPLIES), suite=suite)
        ids |= {
            json.loads(line)["prompt_id"] for line in (tmp_path / "eval" / f"{suite}.jsonl").read_text().splitlines()
        }
    assert len(ids) == 8


def test_the_written_result_reads_back_as_it_was(tmp_path: Path) -> None:
    result = evaluate(tmp_path, RecordingSampler(REPLIES))
    assert load_result(tmp_path / "eval" / "accuracy.json") == result
    assert [path.name for path in sorted((tmp_path / "eval").iterdir())] == ["accuracy.json", "accuracy.jsonl"]


def test_a_finished_suite_is_not_run_again(tmp_path: Path) -> None:
    first = evaluate(tmp_path, RecordingSampler(REPLIES))
    sampler = RecordingSampler([])
    assert evaluate(tmp_path, sampler) == first
    assert sampler.calls == []


@pytest.mark.parametrize(
    "change", [{"model": "other"}, {"model_key": "retrained"}, {"seed": 4}, {"max_new_tokens": 8}, {"examples": 3}]
)
def test_other_settings_run_the_suite_again(tmp_path: Path, change: dict[str, Any]) -> None:
    evaluate(tmp_path, RecordingSampler(REPLIES))
    sampler = RecordingSampler(REPLIES)
    evaluate(tmp_path, sampler, **change)
    assert len(sampler.calls) == 1


def test_answers_of_a_model_that_changed_are_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "CHUNK", 2)
    with pytest.raises(KeyboardInterrupt):
        evaluate(tmp_path, RecordingSampler([RIGHT, WRONG], interrupted_at=1), model_key="one")
    sampler = RecordingSampler([RIGHT, WRONG])
    evaluate(tmp_path, sampler, model_key="two")
    assert [len(call["prompts"]) for call in sampler.calls] == [2, 2]


def test_results_from_before_models_had_keys_are_read(tmp_path: Path) -> None:
    result = evaluate(tmp_path, RecordingSampler(REPLIES))
    file = tmp_path / "eval" / "accuracy.json"
    data = json.loads(file.read_text())
    del data["model_key"]
    file.write_text(json.dumps(data))
    assert load_result(file) == result


def test_another_policy_or_image_runs_the_suite_again(tmp_path: Path) -> None:
    task, out = SquareTask(tmp_path), tmp_path / "eval"
    settings: dict[str, Any] = {"suite": "in_context", "model": "nano", "out_dir": out, "max_new_tokens": 16}
    evaluate_suite(task, RecordingSampler(REPLIES), WordRenderer(), **settings)
    task._policies["A"] = replace(task._policies["A"], sections=("# A\nAlways say Case 2.",))
    for _ in range(2):
        sampler = RecordingSampler(REPLIES)
        evaluate_suite(task, sampler, WordRenderer(), **settings)
        assert len(sampler.calls) == 1
        Image.new("RGB", (8, 8), "white").save(tmp_path / "0.png")


def test_records_without_a_result_are_an_unfinished_suite(tmp_path: Path) -> None:
    evaluate(tmp_path, RecordingSampler(REPLIES))
    (tmp_path / "eval" / "accuracy.json").unlink()
    sampler = RecordingSampler(REPLIES)
    evaluate(tmp_path, sampler)
    assert len(sampler.calls) == 1


def test_an_interrupted_suite_asks_only_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "CHUNK", 2)
    whole = evaluate(tmp_path / "whole", RecordingSampler([RIGHT, WRONG]))
    with pytest.raises(KeyboardInterrupt):
        evaluate(tmp_path, RecordingSampler([RIGHT, WRONG], interrupted_at=1))
    unfinished = tmp_path / "eval" / "accuracy.unfinished.jsonl"
    with unfinished.open("a") as file:
        file.write('{"seconds": 1, "rec')  # cut off by a kill
    sampler = RecordingSampler([RIGHT, WRONG])
    result = evaluate(tmp_path, sampler)
    assert [len(call["prompts"]) for call in sampler.calls] == [2]
    assert replace(result, seconds=0.0) == replace(whole, seconds=0.0)
    assert not unfinished.exists()
    with pytest.raises(KeyboardInterrupt):
        evaluate(tmp_path, RecordingSampler([RIGHT, WRONG], interrupted_at=1), seed=4)
    sampler = RecordingSampler([RIGHT, WRONG])
    evaluate(tmp_path, sampler, seed=5)
    assert [len(call["prompts"]) for call in sampler.calls] == [2, 2], "answers of another seed are not taken over"


def test_an_unknown_suite_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no suite 'acuracy': choose from accuracy, in_context"):
        evaluate(tmp_path, RecordingSampler(REPLIES), suite="acuracy")


def test_recipes_know_exactly_the_suites_there_are() -> None:
    assert set(get_args(SuiteName)) == {*SUITES, EFFICIENCY}


def test_a_suite_is_checked_without_a_model(tmp_path: Path) -> None:
    source = SuiteSource(task=SquareTask(tmp_path), seed=0)
    for suite in ("accuracy", "in_context", "override", "leakage", "few_shot", "retrieval"):
        check_suite(suite, source)
    for suite in ("override_matrix", "recitation", "referral", "branching"):
        with pytest.raises(DataError, match=f"'{suite}'.* take it out of evaluation.suites"):
            check_suite(suite, source)
    with pytest.raises(RecipeError, match="no suite 'speed'"):
        check_suite("speed", source)


def test_nothing_to_evaluate_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no examples"):
        evaluate(tmp_path, RecordingSampler(REPLIES), examples=0)


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    evaluate(tmp_path, RecordingSampler(REPLIES))
    (tmp_path / "eval" / "accuracy.json").write_text('{"suite": "accuracy"}')
    with pytest.raises(RunError, match=r"accuracy\.json lacks accuracy, correct"):
        evaluate(tmp_path, RecordingSampler(REPLIES))

"""The suites by name, and how one is carried out: its questions asked, scored, written down. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimpi.errors import DataError, EndpointError, RecipeError
from trimpi.evaluation.accuracy import accuracy_questions, in_context_questions
from trimpi.evaluation.asking import ask, prompt_id
from trimpi.evaluation.branching import branching
from trimpi.evaluation.derived import Derivation, refuse_unjudged
from trimpi.evaluation.few_shot import few_shot_questions
from trimpi.evaluation.forgetting import forgetting_questions
from trimpi.evaluation.leakage import leakage_details, leakage_questions
from trimpi.evaluation.override import override_details, override_questions
from trimpi.evaluation.override_matrix import override_matrix_details, override_matrix_questions
from trimpi.evaluation.question import Question, SuiteSource
from trimpi.evaluation.recitation import recitation_questions
from trimpi.evaluation.referral import referral
from trimpi.evaluation.referral_by_model import ModelJudge, referral_by_model
from trimpi.evaluation.results import ExampleRecord, SuiteResult, load_records, load_result, summarise
from trimpi.evaluation.retrieval import retrieval_questions
from trimpi.evaluation.storage import to_jsonl, write_atomically
from trimpi.recipe import ReferralJudgeConfig
from trimpi.tasks.base import Task

if TYPE_CHECKING:
    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.sampler import Progress, Sampler


QUESTIONS: Mapping[str, Callable[[SuiteSource], Sequence[Question]]] = {
    "accuracy": accuracy_questions,
    "in_context": in_context_questions,
    "forgetting": forgetting_questions,
    "override": override_questions,
    "override_matrix": override_matrix_questions,
    "recitation": recitation_questions,
    "leakage": leakage_questions,
    "few_shot": few_shot_questions,
    "retrieval": retrieval_questions,
}
"""Suites that ask a model something."""
OF_NO_TASK = ("forgetting",)
"""Those that ask the same of every task: there is nothing that one could lack."""
DETAILS: Mapping[str, Callable[[SuiteSource, Sequence[ExampleRecord]], Mapping[str, Any]]] = {
    "override": override_details,
    "override_matrix": override_matrix_details,
    "leakage": leakage_details,
}
"""What some of them say beyond counts."""
DERIVED: Mapping[str, Callable[[SuiteSource, Sequence[ExampleRecord]], Derivation]] = {
    "referral": referral,
    "branching": branching,
}
"""Suites that look again at the records of `accuracy`."""
SUITES = (*QUESTIONS, *DERIVED)


def check_suite(suite: str, source: SuiteSource, *, model_judge: bool = False) -> None:
    """Raises RecipeError for an unknown suite, DataError for one that the task does not have what it takes for.

    With a `model_judge`, `referral` needs no exact one.
    """
    if suite in DERIVED:
        refuse_unjudged(suite, source, model_judge=model_judge)
    elif suite not in OF_NO_TASK:
        _questions(suite, source)


def evaluate_suite(
    task: Task,
    sampler: Sampler,
    renderer: Renderer,
    *,
    suite: str,
    model: str,
    out_dir: Path,
    max_new_tokens: int,
    model_key: str = "",
    seed: int = 0,
    examples: int | None = None,
    skill_examples: int = 32,
    cache_dir: Path | None = None,
    referral_judge: ReferralJudgeConfig | None = None,
    progress: Progress | None = None,
) -> SuiteResult:
    """Ask a suite's questions greedily, score the completions, write `out_dir/SUITE.json`.

    `out_dir/SUITE.jsonl` gets one line per question. `model` names the model in the result, `model_key` tells it from
    others that had the name. `progress` is handed to the sampler. A finished suite of the same model, settings and
    prompts is read back instead of being run again, an interrupted one goes on where it stopped. A suite that looks at
    the records of `accuracy` has these made first where they are missing; `referral` also asks the model behind
    `referral_judge`. Raises RecipeError for an unknown suite, DataError when there is nothing to ask.
    """
    source = SuiteSource(task=task, seed=seed, examples=examples, skill_examples=skill_examples, cache_dir=cache_dir)
    settings: dict[str, Any] = {
        "suite": suite,
        "model": model,
        "model_key": model_key,
        "seed": seed,
        "max_new_tokens": max_new_tokens,
    }
    if suite not in DERIVED:
        return _ask(source, sampler, renderer, settings, out_dir=out_dir, progress=progress)
    refuse_unjudged(suite, source, model_judge=referral_judge is not None)
    _ask(source, sampler, renderer, {**settings, "suite": "accuracy"}, out_dir=out_dir, progress=progress)
    records = load_records(out_dir / "accuracy.jsonl")
    if suite == "referral" and referral_judge is not None:
        derived = referral_by_model(source, records, ModelJudge(referral_judge, out_dir), progress=progress)
    else:
        derived = DERIVED[suite](source, records)
    if not derived.records and referral_judge is not None:
        failure = derived.details["language_model"]["failure"]
        raise EndpointError(f"{referral_judge.model!r} judged no reasoning. {failure or 'No reply holds a score'}")
    if not derived.records:
        raise DataError(f"the suite {suite!r} could judge none of the answers: take it out of evaluation.suites")
    return _write(out_dir, derived.records, settings, seconds=0.0, details=derived.details)


def _ask(
    source: SuiteSource,
    sampler: Sampler,
    renderer: Renderer,
    settings: Mapping[str, Any],
    *,
    out_dir: Path,
    progress: Progress | None,
) -> SuiteResult:
    suite = settings["suite"]
    questions = _questions(suite, source)
    prompts = [
        renderer.prompt(question.example, question.policy, shots=question.shots, instruction=question.instruction)
        for question in questions
    ]
    prompt_ids = [prompt_id(renderer, prompt) for prompt in prompts]
    finished = _finished(out_dir / f"{suite}.json", settings, [question.id for question in questions], prompt_ids)
    if finished is not None:
        return finished
    unfinished = out_dir / f"{suite}.unfinished.jsonl"
    records, seconds = ask(
        questions, prompts, prompt_ids, sampler, renderer, path=unfinished, settings=settings, progress=progress
    )
    details = DETAILS[suite](source, records) if suite in DETAILS else {}
    result = _write(out_dir, records, settings, seconds=seconds, details=details)
    unfinished.unlink()
    return result


def _questions(suite: str, source: SuiteSource) -> Sequence[Question]:
    if suite not in QUESTIONS:
        raise RecipeError(f"there is no suite {suite!r}: choose from {', '.join(SUITES)}")
    questions = QUESTIONS[suite](source)
    if not questions:
        raise DataError(f"the suite {suite!r} has no examples: the test split is empty, or evaluation.examples is 0")
    return questions


def _write(
    out_dir: Path,
    records: Sequence[ExampleRecord],
    settings: Mapping[str, Any],
    *,
    seconds: float,
    details: Mapping[str, Any],
) -> SuiteResult:
    result = summarise(records, **settings, seconds=seconds, details=json.loads(json.dumps(details)))
    write_atomically(out_dir / f"{result.suite}.jsonl", to_jsonl(asdict(record) for record in records))
    # The result comes last: its presence says that the suite is finished.
    write_atomically(out_dir / f"{result.suite}.json", result.to_json())
    return result


def _finished(
    path: Path, settings: Mapping[str, Any], ids: Sequence[str], prompt_ids: Sequence[str]
) -> SuiteResult | None:
    """The result on disk, if it is of these settings and exactly these prompts."""
    if not path.is_file() or not path.with_suffix(".jsonl").is_file():
        return None
    result, records = load_result(path), load_records(path.with_suffix(".jsonl"))
    same_settings = all(getattr(result, key) == value for key, value in settings.items())
    same_prompts = [(record.id, record.prompt_id) for record in records] == list(zip(ids, prompt_ids, strict=True))
    return result if same_settings and same_prompts else None

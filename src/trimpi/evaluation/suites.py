"""The suites by name, and how one is carried out: its questions asked, scored, written down. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimpi.errors import DataError, RecipeError
from trimpi.evaluation.asking import ask, prompt_id
from trimpi.evaluation.forgetting import forgetting_questions
from trimpi.evaluation.question import Question, SuiteSource, as_scored_by
from trimpi.evaluation.results import SuiteResult, load_records, load_result, summarise
from trimpi.evaluation.storage import to_jsonl, write_atomically
from trimpi.tasks.base import Task

if TYPE_CHECKING:
    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.sampler import Progress, Sampler


def accuracy_questions(source: SuiteSource) -> list[Question]:
    """Every test request without the policy (paper, end task accuracy)."""
    return [
        Question(id=request.id, example=request, score=as_scored_by(source.task, request))
        for request in source.requests
    ]


def in_context_questions(source: SuiteSource) -> list[Question]:
    """Every test request with the policy back in the prompt (paper, Policy In-Context)."""
    return [
        Question(
            id=request.id,
            example=request,
            score=as_scored_by(source.task, request),
            policy=source.task.policy_of(request),
        )
        for request in source.requests
    ]


QUESTIONS: Mapping[str, Callable[[SuiteSource], Sequence[Question]]] = {
    "accuracy": accuracy_questions,
    "in_context": in_context_questions,
    "forgetting": forgetting_questions,
}
SUITES = tuple(QUESTIONS)


def evaluate_suite(
    task: Task,
    sampler: Sampler,
    renderer: Renderer,
    *,
    suite: str,
    model: str,
    out_dir: Path,
    max_new_tokens: int,
    seed: int = 0,
    examples: int | None = None,
    skill_examples: int = 32,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> SuiteResult:
    """Ask a suite's questions greedily, score the completions, write `out_dir/SUITE.json`.

    `out_dir/SUITE.jsonl` gets one line per question. `model` names the model in the result. `progress` is handed to
    the sampler. A finished suite of the same model, settings and prompts is read back instead of being run again, an
    interrupted one goes on where it stopped. Raises RecipeError for an unknown suite, DataError when there is nothing
    to ask.
    """
    if suite not in QUESTIONS:
        raise RecipeError(f"there is no suite {suite!r}: choose from {', '.join(SUITES)}")
    source = SuiteSource(task=task, seed=seed, examples=examples, skill_examples=skill_examples, cache_dir=cache_dir)
    questions = QUESTIONS[suite](source)
    if not questions:
        raise DataError(f"the suite {suite!r} has no examples: the test split is empty, or evaluation.examples is 0")
    prompts = [
        renderer.prompt(question.example, question.policy, shots=question.shots, instruction=question.instruction)
        for question in questions
    ]
    prompt_ids = [prompt_id(renderer, prompt) for prompt in prompts]
    settings: dict[str, Any] = {"suite": suite, "model": model, "seed": seed, "max_new_tokens": max_new_tokens}
    finished = _finished(out_dir / f"{suite}.json", settings, [question.id for question in questions], prompt_ids)
    if finished is not None:
        return finished
    unfinished = out_dir / f"{suite}.unfinished.jsonl"
    records, seconds = ask(
        questions, prompts, prompt_ids, sampler, renderer, path=unfinished, settings=settings, progress=progress
    )
    result = summarise(records, **settings, seconds=seconds)
    write_atomically(out_dir / f"{suite}.jsonl", to_jsonl(asdict(record) for record in records))
    # The result comes last: its presence says that the suite is finished.
    write_atomically(out_dir / f"{suite}.json", result.to_json())
    unfinished.unlink()
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

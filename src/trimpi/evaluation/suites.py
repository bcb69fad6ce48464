"""The accuracy suites: every test request once, greedily, with or without the policy in the prompt. Torch-free."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimpi.errors import DataError, RecipeError
from trimpi.evaluation.results import ExampleRecord, SuiteResult, load_records, load_result, summarise
from trimpi.evaluation.storage import to_jsonl, write_atomically
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example

if TYPE_CHECKING:
    from trimpi.rendering.prompts import Prompt
    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.sampler import Progress, Sampler

POLICY_AWARE: Mapping[str, bool] = {"accuracy": False, "in_context": True}
SUITES = tuple(POLICY_AWARE)
"""`accuracy` asks without the policy (end task accuracy); `in_context` puts it in the prompt (paper, Evaluations)."""


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
    progress: Progress | None = None,
) -> SuiteResult:
    """Sample one greedy completion per test example (the first `examples`), score it, write `out_dir/SUITE.json`.

    `out_dir/SUITE.jsonl` gets one line per example. `model` names the model in the result. `progress` is handed to
    the sampler. A finished suite of the same model, settings and prompts is read back instead of being run again.
    Raises RecipeError for an unknown suite, DataError when there is nothing to evaluate on.
    """
    if suite not in POLICY_AWARE:
        raise RecipeError(f"there is no suite {suite!r}: choose from {', '.join(SUITES)}")
    chosen = list(islice(task.examples("test"), examples))
    if not chosen:
        raise DataError(f"the suite {suite!r} has no examples: the test split is empty, or evaluation.examples is 0")
    prompts = [renderer.prompt(example, task.policy_of(example) if POLICY_AWARE[suite] else None) for example in chosen]
    prompt_ids = [prompt_id(renderer, prompt) for prompt in prompts]
    settings: dict[str, Any] = {"suite": suite, "model": model, "seed": seed, "max_new_tokens": max_new_tokens}
    finished = _finished(out_dir / f"{suite}.json", settings, [example.id for example in chosen], prompt_ids)
    if finished is not None:
        return finished
    start = time.perf_counter()
    sampled = sampler.sample(
        prompts, samples=1, temperature=0.0, top_p=1.0, max_new_tokens=max_new_tokens, seed=seed, progress=progress
    )
    seconds = time.perf_counter() - start
    records = [
        _record(task, example, completion=completions[0], prompt_id=identity)
        for example, completions, identity in zip(chosen, sampled, prompt_ids, strict=True)
    ]
    lengths = [len(renderer.prompt_ids(prompt)) for prompt in prompts]
    result = summarise(records, **settings, prompt_lengths=lengths, seconds=seconds)
    write_atomically(out_dir / f"{suite}.jsonl", to_jsonl(asdict(record) for record in records))
    # The result comes last: its presence says that the suite is finished.
    write_atomically(out_dir / f"{suite}.json", result.to_json())
    return result


def prompt_id(renderer: Renderer, prompt: Prompt) -> str:
    """A short hash of everything the model is shown: the chat text, and the bytes of its images in reading order."""
    digest = hashlib.sha256(renderer.text(prompt).encode())
    for image in prompt.images:
        digest.update(hashlib.sha256(image.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _record(task: Task, example: Example, *, completion: Completion, prompt_id: str) -> ExampleRecord:
    score = task.score(example, completion)
    return ExampleRecord(
        id=example.id,
        policy=example.policy_name,
        prompt_id=prompt_id,
        completion=completion.text,
        extracted=score.extracted,
        value=score.value,
        outcome=score.outcome,
        reason=score.reason,
        gold=example.answer,
        images=tuple(str(image) for image in example.images),
        parts=score.parts,
        error=score.error,
        sections=tuple(example.meta.get("sections", ())),
    )


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

"""Questions asked a chunk at a time; what was answered before an interruption is not asked again. Torch-free."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimpi.evaluation.question import Question
from trimpi.evaluation.results import ExampleRecord, read_record
from trimpi.evaluation.storage import append_line, read_jsonl
from trimpi.types import Completion

if TYPE_CHECKING:
    from trimpi.rendering.prompts import Prompt
    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.sampler import Progress, Sampler

CHUNK = 256
"""Questions asked between two writes: enough that prompts of one policy share a batch."""


def ask(
    questions: Sequence[Question],
    prompts: Sequence[Prompt],
    prompt_ids: Sequence[str],
    sampler: Sampler,
    renderer: Renderer,
    *,
    path: Path,
    settings: Mapping[str, Any],
    progress: Progress | None = None,
) -> tuple[list[ExampleRecord], float]:
    """One greedy completion of every prompt, scored; and the seconds that sampling took, over all attempts.

    `settings` holds max_new_tokens and seed, and whatever else decides the answers. Chunks go to `path` as they are
    done; those of an earlier attempt are taken over if the settings and their prompts are the same.
    """
    chunks = [range(start, min(start + CHUNK, len(questions))) for start in range(0, len(questions), CHUNK)]
    finished = _finished(path, settings, prompt_ids, chunks)
    if not finished:
        path.unlink(missing_ok=True)
        append_line(path, {"settings": dict(settings)})
    records = [record for chunk, _ in finished for record in chunk]
    seconds = sum(took for _, took in finished)
    for chunk in chunks[len(finished) :]:
        start = time.perf_counter()
        sampled = sampler.sample(
            [prompts[number] for number in chunk],
            samples=1,
            temperature=0.0,
            top_p=1.0,
            max_new_tokens=settings["max_new_tokens"],
            seed=settings["seed"],
            progress=None if progress is None else _continued(progress, chunk.start, len(questions)),
        )
        took = time.perf_counter() - start
        fresh = [
            _record(questions[number], prompts[number], completions[0], renderer, prompt_ids[number])
            for number, completions in zip(chunk, sampled, strict=True)
        ]
        append_line(path, {"seconds": took, "records": [asdict(record) for record in fresh]})
        records += fresh
        seconds += took
    return records, seconds


def prompt_id(renderer: Renderer, prompt: Prompt) -> str:
    """A short hash of everything the model is shown: the chat text, and the bytes of its images in reading order."""
    digest = hashlib.sha256(renderer.text(prompt).encode())
    for image in prompt.images:
        digest.update(hashlib.sha256(image.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _finished(
    path: Path, settings: Mapping[str, Any], prompt_ids: Sequence[str], chunks: Sequence[range]
) -> list[tuple[list[ExampleRecord], float]]:
    """The chunks of an earlier attempt, from the first one on, as long as they are the same."""
    if not path.is_file():
        return []
    header, *lines = read_jsonl(path) or [{}]
    if header.get("settings") != json.loads(json.dumps(dict(settings))):
        return []
    done = []
    for chunk, line in zip(chunks, lines, strict=False):
        records = [read_record(path, row) for row in line["records"]]
        if [record.prompt_id for record in records] != [prompt_ids[number] for number in chunk]:
            break
        done.append((records, line["seconds"]))
    return done if len(done) == len(lines) else []


def _record(
    question: Question, prompt: Prompt, completion: Completion, renderer: Renderer, identity: str
) -> ExampleRecord:
    score, example = question.score(completion), question.example
    return ExampleRecord(
        id=question.id,
        policy=example.policy_name,
        prompt_id=identity,
        prompt_tokens=len(renderer.prompt_ids(prompt)),
        request=example.prompt,
        completion=completion.text,
        extracted=score.extracted,
        value=score.value,
        outcome=score.outcome,
        reason=score.reason,
        gold=example.answer,
        images=tuple(str(image) for image in example.all_images),
        parts=score.parts,
        error=score.error,
        sections=tuple(example.meta.get("sections", ())),
        tags=question.tags,
    )


def _continued(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)

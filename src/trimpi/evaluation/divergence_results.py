"""The divergence of a trained model from its base as a result on disk: over general prompts, with its interval."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from trimpi.errors import DataError, ModelError
from trimpi.evaluation.asking import prompt_id
from trimpi.evaluation.divergence import PromptDivergence, kl_to_base
from trimpi.evaluation.question import Question
from trimpi.evaluation.results import DIVERGENCE_FILE
from trimpi.evaluation.storage import read_json, read_jsonl, to_jsonl, write_atomically
from trimpi.interval import normal_interval
from trimpi.recipe import Engine

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from trimpi.rendering.renderer import Renderer
    from trimpi.sampling.sampler import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergenceResult:
    """KL(base || model) in nats per token: the mean over prompts of each prompt's mean, with its 95 % interval.

    `tokens` counts the tokens compared; `per_tag` holds prompts, tokens and mean for each value of each tag.
    `model_key` is a hash of what both models' answers depend on; "" where nobody knows.
    """

    model: str
    base: str
    seed: int
    max_new_tokens: int
    prompts: int
    tokens: int
    mean: float
    interval: tuple[float, float]
    per_tag: Mapping[str, Mapping[str, Mapping[str, float]]]
    seconds: float
    model_key: str = ""


def measure_divergence(
    questions: Sequence[Question],
    model: PreTrainedModel,
    base: PreTrainedModel,
    renderer: Renderer,
    *,
    model_name: str,
    base_name: str,
    out_dir: Path,
    max_new_tokens: int,
    batch_size: int,
    engine: Engine,
    model_key: str = "",
    base_renderer: Renderer | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> DivergenceResult:
    """KL to the base on policy-free questions; writes `out_dir/divergence.json`, and `.jsonl` with a line per prompt.

    A result of the same models, settings and prompts is read back, not measured again. Raises DataError for fewer than
    two questions or one with a policy, ModelError for models of different vocabularies.
    """
    if len(questions) < 2 or any(question.policy is not None for question in questions):
        raise DataError(
            f"divergence needs two policy-free questions or more, got {len(questions)} or one with a policy"
        )
    prompts = [
        renderer.prompt(question.example, shots=question.shots, instruction=question.instruction)
        for question in questions
    ]
    identities = [
        (question.id, prompt_id(renderer, prompt)) for question, prompt in zip(questions, prompts, strict=True)
    ]
    settings = {
        "model": model_name,
        "model_key": model_key,
        "base": base_name,
        "seed": seed,
        "max_new_tokens": max_new_tokens,
    }
    path = out_dir / DIVERGENCE_FILE
    finished = _finished(path, settings, identities)
    if finished is not None:
        return finished
    start = time.perf_counter()
    measured = kl_to_base(
        model,
        base,
        renderer,
        prompts,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        engine=engine,
        base_renderer=base_renderer,
        seed=seed,
        progress=progress,
    )
    result = _summarise(questions, measured, settings, seconds=time.perf_counter() - start)
    rows = [
        {"id": id, "prompt_id": identity, "tags": dict(question.tags), **asdict(divergence)}
        for (id, identity), question, divergence in zip(identities, questions, measured, strict=True)
    ]
    write_atomically(path.with_suffix(".jsonl"), to_jsonl(rows))
    write_atomically(path, json.dumps(asdict(result), indent=2) + "\n")
    return result


def require_same_vocabulary(renderer: Renderer, base_processor: Any, *, base: str) -> None:
    """Raises ModelError when a model lacks tokens of its base: found out before the base's weights load.

    It may have more, as a soft prompt does.
    """
    if not base_processor.tokenizer.get_vocab().items() <= renderer.tokenizer.get_vocab().items():
        raise ModelError(
            f"this model does not have the vocabulary of its base {base}, so the suite 'forgetting' cannot measure how "
            "far it moved: set model.path to the model it was trained from, or leave the suite out"
        )


def _summarise(
    questions: Sequence[Question],
    measured: Sequence[PromptDivergence],
    settings: Mapping[str, Any],
    *,
    seconds: float,
) -> DivergenceResult:
    values = [divergence.kl for divergence in measured]
    low, high = normal_interval(values)
    groups: dict[str, dict[str, list[PromptDivergence]]] = {}
    for question, divergence in zip(questions, measured, strict=True):
        for tag, value in question.tags.items():
            groups.setdefault(tag, {}).setdefault(value, []).append(divergence)
    return DivergenceResult(
        **settings,
        prompts=len(measured),
        tokens=sum(divergence.tokens for divergence in measured),
        mean=fmean(values),
        interval=(max(0.0, low), high),
        per_tag={
            tag: {
                value: {
                    "prompts": len(group),
                    "tokens": sum(divergence.tokens for divergence in group),
                    "mean": fmean(divergence.kl for divergence in group),
                }
                for value, group in of_tag.items()
            }
            for tag, of_tag in groups.items()
        },
        seconds=round(seconds, 3),
    )


def _finished(
    path: Path, settings: Mapping[str, Any], identities: Sequence[tuple[str, str]]
) -> DivergenceResult | None:
    """The result on disk, if it is of these settings and exactly these prompts."""
    if not path.is_file() or not path.with_suffix(".jsonl").is_file():
        return None
    data, rows = read_json(path), read_jsonl(path.with_suffix(".jsonl"))
    same_settings = all(data.get(key) == value for key, value in settings.items())
    same_prompts = [(row.get("id"), row.get("prompt_id")) for row in rows] == list(identities)
    return DivergenceResult(**{**data, "interval": tuple(data["interval"])}) if same_settings and same_prompts else None

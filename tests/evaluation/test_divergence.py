from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from tiny_models import tiny_model
from tiny_task import ColorTask
from trimpi.errors import DataError, ModelError
from trimpi.evaluation import divergence
from trimpi.evaluation.divergence import kl_to_base, token_kl
from trimpi.evaluation.divergence_results import DivergenceResult, measure_divergence, require_same_vocabulary
from trimpi.evaluation.question import Question, as_scored_by
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local import LocalSampler
from trimpi.types import Example


def logits(*probabilities: float, shift: float = 0.0) -> list[float]:
    return [math.log(probability) + shift for probability in probabilities]


def test_kl_of_distributions_worked_out_by_hand() -> None:
    # 1/2 ln(1/2 : 1/4) + 1/2 ln(1/2 : 3/4) = 1/2 ln 2 + 1/2 ln 2/3 = 1/2 ln 4/3; and the other way round
    # 1/4 ln(1/4 : 1/2) + 3/4 ln(3/4 : 1/2) = 3/4 ln 3 - ln 2. Logits may be shifted.
    even, uneven = logits(1 / 2, 1 / 2, shift=3.0), logits(1 / 4, 3 / 4)
    kl = token_kl(torch.tensor([even, uneven, even]), torch.tensor([uneven, even, even]))
    assert kl.tolist() == pytest.approx([math.log(4 / 3) / 2, 0.75 * math.log(3) - math.log(2), 0.0], abs=1e-6)


def test_a_token_that_the_base_rules_out_adds_nothing() -> None:
    kl = token_kl(torch.tensor([[0.0, -torch.inf]]), torch.tensor([logits(1 / 4, 3 / 4)]))
    assert kl.tolist() == pytest.approx([math.log(4)])


def test_chunks_of_tokens_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    base, other = (torch.randn(7, 50, generator=generator) for _ in range(2))
    whole = token_kl(base, other)
    monkeypatch.setattr(divergence, "TOKENS_IN_FULL", 3)
    assert torch.equal(token_kl(base, other), whole)


def test_batches_hold_no_more_tokens_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divergence, "TOKENS_AT_ONCE", 10)
    batches = list(divergence._batches([4, 12, 1, 5, 5, 2], batch_size=3))
    assert batches == [[2, 5], [0, 3], [4], [1]]
    assert list(divergence._batches([1, 1, 1, 1], batch_size=3)) == [[0, 1, 2], [3]]


def prompts_of(renderer: Renderer, folder: Path) -> list[Prompt]:
    """Of several lengths, with an image and without."""
    first, second = ColorTask(folder).examples("test")
    text = Example(id="text", policy_name="", prompt="Copy: Bada.", images=(), answer="")
    return [renderer.prompt(example) for example in (first, text, second)]


@pytest.mark.parametrize("family", ["qwen2_5_vl", "idefics3"])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_model_does_not_diverge_from_itself(tmp_path: Path, family: str, batch_size: int) -> None:
    model, processor = tiny_model(family)
    renderer = Renderer(processor)
    measured = kl_to_base(
        model, model, renderer, prompts_of(renderer, tmp_path), max_new_tokens=6, batch_size=batch_size
    )
    assert [part.kl for part in measured] == [0.0, 0.0, 0.0]
    assert all(part.tokens >= 1 for part in measured)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "idefics3"])
def test_divergence_is_that_of_every_prompt_alone(tmp_path: Path, family: str) -> None:
    base, processor = tiny_model(family, seed=0)
    model, _ = tiny_model(family, seed=1)
    renderer = Renderer(processor)
    prompts = prompts_of(renderer, tmp_path)
    completions = LocalSampler(base, renderer, batch_size=1).sample(
        prompts, samples=1, temperature=0.0, top_p=1.0, max_new_tokens=6, seed=0
    )
    expected = []
    for prompt, (completion,) in zip(prompts, completions, strict=True):
        inputs = renderer.encode_prompts([prompt])
        written = torch.tensor([completion.token_ids])
        inputs["input_ids"] = torch.cat([inputs["input_ids"], written], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        if "mm_token_type_ids" in inputs:
            inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(written)], dim=1)
        with torch.no_grad():
            log_probs = [
                network(**inputs).logits[0, -written.shape[1] - 1 : -1].log_softmax(-1) for network in (base, model)
            ]
        ours, theirs = log_probs
        expected.append(torch.nn.functional.kl_div(theirs, ours, log_target=True, reduction="none").sum(-1).mean())
    measured = kl_to_base(model, base, renderer, prompts, max_new_tokens=6, batch_size=8)
    assert [part.kl for part in measured] == pytest.approx([float(kl) for kl in expected], rel=1e-3)
    assert min(part.kl for part in measured) > 0.01, "other weights do diverge"
    assert [part.tokens for part in measured] == [len(completion.token_ids) for (completion,) in completions]


def questions_of(folder: Path) -> list[Question]:
    task = ColorTask(folder)
    return [
        Question(id=example.id, example=example, score=as_scored_by(task, example), tags={"skill": example.answer})
        for example in task.examples("test")
    ]


def measure(folder: Path, *, model_seed: int = 1, model_name: str = "after") -> DivergenceResult:
    base, processor = tiny_model("qwen2_5_vl", seed=0)
    model, _ = tiny_model("qwen2_5_vl", seed=model_seed)
    return measure_divergence(
        questions_of(folder / "task"),
        model,
        base,
        Renderer(processor),
        model_name=model_name,
        base_name="tiny",
        out_dir=folder / "out",
        max_new_tokens=4,
        batch_size=2,
        engine="plain",
    )


def test_a_result_counts_tokens_and_tags_and_is_not_measured_twice(tmp_path: Path) -> None:
    result = measure(tmp_path)
    assert (result.prompts, result.model, result.base) == (2, "after", "tiny")
    assert result.tokens == sum(of_tag["tokens"] for of_tag in result.per_tag["skill"].values())
    assert result.mean == pytest.approx(sum(of_tag["mean"] for of_tag in result.per_tag["skill"].values()) / 2)
    assert 0 <= result.interval[0] < result.mean < result.interval[1]
    rows = (tmp_path / "out" / "divergence.jsonl").read_text().splitlines()
    assert len(rows) == 2
    assert measure(tmp_path, model_seed=2) == result, "read back"
    assert measure(tmp_path, model_seed=2, model_name="other").mean != result.mean


def test_questions_with_a_policy_are_refused(tmp_path: Path) -> None:
    model, processor = tiny_model("qwen2_5_vl")
    with pytest.raises(DataError, match="two policy-free questions"):
        measure_divergence(
            questions_of(tmp_path)[:1],
            model,
            model,
            Renderer(processor),
            model_name="a",
            base_name="b",
            out_dir=tmp_path,
            max_new_tokens=4,
            batch_size=2,
            engine="plain",
        )


def test_another_vocabulary_is_refused() -> None:
    renderer = Renderer(tiny_model("qwen2_5_vl")[1])
    require_same_vocabulary(renderer, tiny_model("qwen2_vl")[1], base="tiny")
    with pytest.raises(ModelError, match=r"set model\.path to the model it was trained from"):
        require_same_vocabulary(renderer, tiny_model("idefics3")[1], base="tiny")

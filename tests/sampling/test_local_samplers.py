from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tiny_models
from tiny_task import ColorTask
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local import LocalSampler
from trimpi.sampling.sampler import SamplerByRows, SamplingSettings, row_seed
from trimpi.sampling.shared import SharedPrefixSampler
from trimpi.types import Completion

Kind = type[LocalSampler] | type[SharedPrefixSampler]
SETTINGS = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=6)


@pytest.fixture(params=[LocalSampler, SharedPrefixSampler], ids=["plain", "prefix"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


def sampler(
    kind: Kind, family: str = "qwen2_5_vl", *, batch_size: int = 8
) -> tuple[SamplerByRows, Renderer, torch.nn.Module]:
    model, processor = tiny_models.tiny_model(family)
    renderer = Renderer(processor)
    return kind(model, renderer, batch_size=batch_size), renderer, model


def prompts(renderer: Renderer, folder: Path) -> list[Prompt]:
    """Two policy-free ones of different length, then the same two with the policy."""
    task = ColorTask(folder)
    short, other = task.examples("train")[:2]
    examples = [short, replace(other, prompt=f"{other.prompt} Take your time.")]
    return [
        renderer.prompt(example, policy and task.policy_of(example)) for policy in (None, True) for example in examples
    ]


def sample(local: SamplerByRows, asked: list[Prompt], **changes: object) -> list[list[Completion]]:
    settings = {"samples": 3, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 6, "seed": 1}
    return local.sample(asked, **{**settings, **changes})  # type: ignore[arg-type]


def trainer_logprobs(
    model: torch.nn.Module, renderer: Renderer, prompt: Prompt, completion: Completion
) -> torch.Tensor:
    inputs = renderer.encode_prompts([prompt])
    written = torch.tensor([completion.token_ids])
    ids = torch.cat([inputs["input_ids"], written], dim=1)
    extra = {key: value for key, value in inputs.items() if key not in ("input_ids", "attention_mask")}
    if "mm_token_type_ids" in extra:
        kinds = extra["mm_token_type_ids"]
        extra["mm_token_type_ids"] = torch.cat([kinds, kinds.new_zeros(written.shape)], dim=1)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), **extra).logits[
            0, -written.shape[1] - 1 : -1
        ]
    return logits.log_softmax(-1).gather(-1, written[0][:, None])[:, 0]


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_sampling_logprobs_are_those_a_forward_pass_gives(kind: Kind, family: str, tmp_path: Path) -> None:
    local, renderer, model = sampler(kind, family)
    asked = prompts(renderer, tmp_path)
    for prompt, completions in zip(asked, sample(local, asked), strict=True):
        for completion in completions:
            assert completion.sampling_logprobs is not None
            torch.testing.assert_close(
                torch.tensor(completion.sampling_logprobs),
                trainer_logprobs(model, renderer, prompt, completion),
                atol=1e-4,
                rtol=1e-4,
            )


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_prompts_without_images_are_sampled_right_after_prompts_with_them(
    kind: Kind, family: str, tmp_path: Path
) -> None:
    local, renderer, model = sampler(kind, family)
    asked = prompts(renderer, tmp_path)
    sample(local, asked)
    example = ColorTask(tmp_path).examples("train")[0]
    texts = [renderer.prompt(replace(example, images=(), prompt=text)) for text in ("Short?", "A little longer?")]
    for prompt, completions in zip(texts, sample(local, texts), strict=True):
        for completion in completions:
            torch.testing.assert_close(
                torch.tensor(completion.sampling_logprobs),
                trainer_logprobs(model, renderer, prompt, completion),
                atol=1e-4,
                rtol=1e-4,
            )


def test_completions_do_not_depend_on_the_batch_they_are_sampled_in(kind: Kind, tmp_path: Path) -> None:
    wide, renderer, _ = sampler(kind, batch_size=12)
    narrow, _, _ = sampler(kind, batch_size=1)
    asked = prompts(renderer, tmp_path)
    texts = [[completion.text for completion in row] for row in sample(wide, asked)]
    assert texts == [[completion.text for completion in row] for row in sample(narrow, asked)]


def test_rows_of_one_prompt_differ_by_their_seed_only(kind: Kind, tmp_path: Path) -> None:
    local, renderer, _ = sampler(kind)
    asked = prompts(renderer, tmp_path)[:1]
    first, second, again = local.sample_rows(asked * 3, [row_seed(1), row_seed(2), row_seed(1)], SETTINGS)
    assert first.token_ids == again.token_ids != second.token_ids


def test_the_same_seed_gives_the_same_completions_whatever_the_random_state(kind: Kind, tmp_path: Path) -> None:
    local, renderer, _ = sampler(kind)
    asked = prompts(renderer, tmp_path)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = sample(local, asked)
    assert torch.equal(torch.get_rng_state(), state), "sampling leaves the random state alone"
    torch.manual_seed(4)
    assert sample(local, asked) == first
    assert sample(local, asked, seed=2) != first


def test_greedy_is_what_generate_gives(kind: Kind, tmp_path: Path) -> None:
    local, renderer, model = sampler(kind)
    asked = prompts(renderer, tmp_path)
    for prompt, (completion,) in zip(asked, sample(local, asked, samples=1, temperature=0.0), strict=True):
        inputs = renderer.encode_prompts([prompt])
        suppressed = sorted(renderer.visual_token_ids)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ids = model.generate(**inputs, do_sample=False, max_new_tokens=6, suppress_tokens=suppressed)  # type: ignore[operator]
        assert (
            completion.token_ids == tuple(ids[0, inputs["input_ids"].shape[1] :].tolist())[: len(completion.token_ids)]
        )


def test_visual_tokens_are_never_sampled(kind: Kind, tmp_path: Path) -> None:
    local, renderer, model = sampler(kind)
    image_pad = min(renderer.visual_token_ids)
    with torch.no_grad():
        model.lm_head.weight[image_pad] *= 100  # type: ignore[union-attr,index,operator]
    for completions in sample(local, prompts(renderer, tmp_path)):
        assert all(renderer.visual_token_ids.isdisjoint(completion.token_ids) for completion in completions)


def test_a_completion_ends_with_the_end_of_turn_unless_truncated(kind: Kind, tmp_path: Path) -> None:
    local, renderer, model = sampler(kind)
    with torch.no_grad():
        model.lm_head.weight[renderer.end_of_turn_id] *= 8  # type: ignore[union-attr,index,operator]
    completions = [completion for row in sample(local, prompts(renderer, tmp_path), samples=8) for completion in row]
    assert {completion.truncated for completion in completions} == {True, False}
    for completion in completions:
        ends = completion.token_ids[-1] == renderer.end_of_turn_id
        assert ends is not completion.truncated
        assert renderer.end_of_turn_id not in completion.token_ids[:-1]
        assert len(completion.token_ids) == len(completion.sampling_logprobs or ())
        assert len(completion.token_ids) == 6 or ends


def test_a_repetition_penalty_of_the_checkpoint_changes_nothing(kind: Kind, tmp_path: Path) -> None:
    local, renderer, model = sampler(kind)
    asked = prompts(renderer, tmp_path)
    before = sample(local, asked)
    model.generation_config.repetition_penalty = 5.0  # type: ignore[union-attr]
    assert sample(local, asked) == before
    assert model.generation_config.repetition_penalty == 5.0  # type: ignore[union-attr]


def test_training_mode_and_progress_are_kept(kind: Kind, tmp_path: Path) -> None:
    local, renderer, model = sampler(kind, batch_size=3)
    model.train()
    seen: list[tuple[int, int]] = []
    sample(local, prompts(renderer, tmp_path), progress=lambda done, total: seen.append((done, total)))
    assert model.training
    assert seen == [(3, 12), (6, 12), (9, 12), (12, 12)]

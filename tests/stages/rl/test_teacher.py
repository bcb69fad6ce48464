"""The teacher's numbers: by hand, against whole distributions, and against the plain path."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch.nn.functional import kl_div

from stages.stage_runs import stage_context
from trimpi.models import load_model, load_processor
from trimpi.prefix.attention import enable_shared_attention
from trimpi.recipe import ReweightingTeacher
from trimpi.rendering.renderer import Renderer
from trimpi.stages.rl.teacher import PolicyTeacher, annealed, bucketed_reverse_kl, reverse_kl, token_advantages
from trimpi.types import Example


def test_reverse_kl_with_a_tail_bucket_by_hand() -> None:
    """p = 1/2, 1/4, 1/8, 1/8 against the uniform q, top 1: 1/2 log 2 + 1/2 log(2/3)."""
    p = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()
    expected = 0.5 * math.log(2) + 0.5 * math.log((1 / 2) / (3 / 4))
    assert bucketed_reverse_kl(p, torch.zeros(1, 4), 1).item() == pytest.approx(expected, abs=1e-6)


def test_with_every_token_named_it_is_the_whole_divergence_and_never_more_with_fewer() -> None:
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randn(7, 30, generator=generator) for _ in range(2))
    whole = kl_div(theirs.log_softmax(-1), ours.log_softmax(-1), log_target=True, reduction="none").sum(-1)
    torch.testing.assert_close(bucketed_reverse_kl(ours, theirs, 99), whole, atol=1e-4, rtol=1e-4)
    by_k = torch.stack([bucketed_reverse_kl(ours, theirs, k) for k in (1, 5, 20, 30)])
    assert (by_k.diff(dim=0) > -1e-5).all()  # merging tokens into a bucket loses information, never gains it


def test_the_divergence_of_equal_distributions_is_zero_with_a_zero_gradient() -> None:
    logits = torch.randn(3, 12, generator=torch.Generator().manual_seed(1), requires_grad=True)
    divergence = bucketed_reverse_kl(logits, logits.detach(), 4).sum()
    divergence.backward()
    assert divergence.item() == pytest.approx(0.0, abs=1e-6)
    assert logits.grad is not None and logits.grad.abs().max() < 1e-6


def test_token_advantages_by_hand() -> None:
    """A = 2, mix 1/2: weights e^0.1, cut to 1.2, cut to 0.8; with a negative sign the ratio turns round."""
    config = ReweightingTeacher()
    log_probs, teacher = [-1.0, -1.0, -1.0], [-0.9, -0.1, -3.0]
    assert token_advantages(2.0, log_probs, teacher, config, mix=0.5) == pytest.approx(
        [1 + math.exp(0.1), 2.2, 1.8], abs=1e-6
    )
    assert token_advantages(-2.0, log_probs, teacher, config, mix=0.5) == pytest.approx(
        [-1 - math.exp(-0.1), -1.8, -2.2], abs=1e-6
    )
    assert token_advantages(-2.0, log_probs, teacher, config, mix=0.0) == [-2.0] * 3


def test_annealing_ends_at_zero() -> None:
    assert [annealed(0.4, step=step, anneal_steps=4) for step in (0, 1, 4, 9)] == pytest.approx([0.4, 0.3, 0.0, 0.0])
    assert annealed(0.4, step=99, anneal_steps=None) == 0.4


def test_the_prefix_engine_gives_the_plain_paths_log_probs_and_divergence(tmp_path: Path) -> None:
    context = stage_context(tmp_path, "unused")
    renderer = Renderer(load_processor(context.model_path))
    examples: list[Example] = list(context.task.examples("train")[:2]) * 2
    prompts = [renderer.prompt(example, context.task.policy_of(example)) for example in examples]
    completions = [[5, 6, 7], [8], [5, 9, 10, 11], [12, 13]]
    teachers = []
    for share in (True, False):
        model = load_model(context.model_path)
        enable_shared_attention(model)
        teachers.append(PolicyTeacher(model, renderer, share=share))
    shared, plain = (teacher.log_probs(prompts, completions) for teacher in teachers)
    assert [len(row) for row in shared] == [3, 1, 4, 2]
    for ours, expected in zip(shared, plain, strict=True):
        assert ours == pytest.approx(expected, abs=1e-4)
    states = [teacher.states(prompts, completions) for teacher in teachers]
    divergence = reverse_kl(states[0], teachers[0].logits, states[1], teachers[1], 20)
    torch.testing.assert_close(divergence, torch.zeros(10), atol=1e-5, rtol=0)

"""PolicyRollout as TRL's loss sees it, checked by hand on the first batch of a stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from stages.stage_runs import lines, rl_config, run, stage_context
from trimpi.recipe import GrpoConfig, RlConfig
from trimpi.rendering.renderer import Renderer
from trimpi.rewards.advantages import group_advantages
from trimpi.stages.rl.stage import build_trainer
from trimpi.stages.trl_seams import RolloutTrainer
from trimpi.types import Example


@dataclass
class FirstBatch:
    """The first scored batch, with what it was made from."""

    batch: dict[str, Any]
    trainer: RolloutTrainer
    renderer: Renderer
    examples: list[Example]
    logged: list[dict[str, Any]]
    trainer_logprobs: torch.Tensor


def first_batch(config: RlConfig, folder: Path) -> FirstBatch:
    context = stage_context(folder, "rl")
    context.output_dir.mkdir()
    trainer, _, renderer = build_trainer(config, context)
    seen: list[tuple[dict[str, Any], torch.Tensor]] = []
    trainer._first_batch_check = lambda trainer, batch: seen.append((dict(batch), trainer.completion_logprobs(batch)))
    trainer.train()
    logged = [line for line in lines(context.output_dir / "rollouts.jsonl") if line["step"] == 1]
    by_id = {example.id: example for example in context.task.examples("train")}
    (batch, trainer_logprobs) = seen[0]
    examples = [by_id[line["example_id"]] for line in logged]
    return FirstBatch(batch, trainer, renderer, examples, logged, trainer_logprobs)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> FirstBatch:
    return first_batch(rl_config(algorithm=GrpoConfig(beta=0.0), steps=1), tmp_path_factory.mktemp("golden"))


def unpadded(ids: torch.Tensor, mask: torch.Tensor) -> list[list[int]]:
    return [row[keep.bool()].tolist() for row, keep in zip(ids, mask, strict=True)]


def test_every_completion_is_trained_under_the_policy_free_prompt(first: FirstBatch) -> None:
    assert [line["policy_aware"] for line in first.logged] == [False, False, True, True] * 2
    expected = [first.renderer.prompt_ids(first.renderer.prompt(example)) for example in first.examples]
    assert unpadded(first.batch["prompt_ids"], first.batch["prompt_mask"]) == expected


def test_pixels_stay_with_their_prompts(first: FirstBatch) -> None:
    encoded = first.renderer.encode_prompts([first.renderer.prompt(example) for example in first.examples])
    for key in ("pixel_values", "image_grid_thw"):
        torch.testing.assert_close(first.batch[key], encoded[key])
    prompt_length = encoded["input_ids"].shape[1]
    assert torch.equal(first.batch["mm_token_type_ids"][:, :prompt_length], encoded["mm_token_type_ids"])


def test_the_completions_are_the_ones_that_were_scored(first: FirstBatch) -> None:
    completions = unpadded(first.batch["completion_ids"], first.batch["completion_mask"])
    assert [first.renderer.decode(ids) for ids in completions] == [line["completion"] for line in first.logged]
    assert [len(ids) for ids in completions] == [line["tokens"] for line in first.logged]


def test_advantages_are_pooled_over_both_halves(first: FirstBatch) -> None:
    expected = [
        advantage
        for start in (0, 4)
        for advantage in group_advantages(
            [line["reward"] for line in first.logged[start : start + 4]], [False, False, True, True]
        )
    ]
    assert [line["advantage"] for line in first.logged] == expected
    torch.testing.assert_close(first.batch["advantages"], torch.tensor(expected), atol=1e-4, rtol=1e-4)


def test_only_policy_free_rows_carry_sampling_logprobs(first: FirstBatch) -> None:
    """Both halves are scored under the policy-free prompt, so only one half could ever be compared."""
    mask = first.batch["completion_mask"].bool()
    for line, row, kept in zip(first.logged, first.batch["sampling_per_token_logps"], mask, strict=True):
        assert row[kept].isnan().all() if line["policy_aware"] else not row[kept].isnan().any()


def test_the_sampler_and_the_trainer_agree_on_policy_free_rows(first: FirstBatch) -> None:
    free = torch.tensor([not line["policy_aware"] for line in first.logged])
    kept = first.batch["completion_mask"].bool()[free]
    ours = first.batch["sampling_per_token_logps"][free][kept]
    torch.testing.assert_close(ours, first.trainer_logprobs[free][kept], atol=1e-4, rtol=1e-4)


def test_at_the_first_update_the_ratio_is_exactly_one(first: FirstBatch) -> None:
    """Then the clipped objective is the advantage itself: the loss is minus its mean over all tokens."""
    assert "old_per_token_logps" not in first.batch
    tokens = [line["tokens"] for line in first.logged]
    expected = -sum(line["advantage"] * count for line, count in zip(first.logged, tokens, strict=True)) / sum(tokens)
    metrics = lines(Path(first.trainer.args.output_dir).parent / "metrics.jsonl")[0]
    assert metrics["loss"] == pytest.approx(expected, abs=1e-5)
    assert metrics["clip_ratio"] == 0


def test_rollouts_that_are_used_twice_keep_the_logprobs_they_were_sampled_at(tmp_path: Path) -> None:
    twice = first_batch(rl_config(algorithm=GrpoConfig(beta=0.0, num_iterations=2), steps=1), tmp_path)
    kept = twice.batch["completion_mask"].bool()
    torch.testing.assert_close(
        twice.batch["old_per_token_logps"][kept], twice.trainer_logprobs[kept], atol=1e-5, rtol=1e-5
    )
    steps = lines(tmp_path / "rl" / "metrics.jsonl")
    assert [line["step"] for line in steps] == [1, 2]
    assert steps[0]["clip_ratio"] == 0


def test_share_zero_is_plain_grpo_with_the_same_number_of_rollouts(tmp_path: Path) -> None:
    run(rl_config(policy_aware_share=0.0, steps=1), tmp_path, "rl")
    logged = lines(tmp_path / "rl" / "rollouts.jsonl")
    assert len(logged) == 8
    assert not any(line["policy_aware"] for line in logged)
    assert "reward_gap" not in lines(tmp_path / "rl" / "metrics.jsonl")[0]

from __future__ import annotations

from pathlib import Path

import pytest
from peft import get_peft_model

from stages.stage_runs import COT_SFT_LORA, VM_CPT, lines, rl_config, run
from tiny_models import tiny_model
from trimpi.recipe import GrpoConfig, LoraConfig
from trimpi.stages.adapters import peft_config
from trimpi.stages.flops import Weights, Work, estimate_flops
from trimpi.stages.work import count_weights


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "idefics3"])
def test_every_weight_is_counted_once(family: str) -> None:
    model, _ = tiny_model(family)
    table, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    unread = 0 if table is head else table.numel()
    weights = count_weights(model)
    assert weights.language > head.numel() and weights.vision > 0 and weights.adapters == 0
    assert weights.language + weights.vision == sum(weight.numel() for weight in model.parameters()) - unread


def test_adapters_are_counted_apart() -> None:
    model, _ = tiny_model("qwen2_5_vl")
    before = count_weights(model)
    adapted = get_peft_model(model, peft_config(LoraConfig(rank=2), model))
    after = count_weights(adapted)
    trained = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert after == Weights(language=before.language, vision=before.vision, adapters=trained)


def test_a_supervised_stage_says_what_it_cost(tmp_path: Path) -> None:
    result = run(COT_SFT_LORA, tmp_path, "sft")
    assert result.cost["trained_tokens"] == result.tokens
    assert result.cost["rollout_prompt_tokens"] == 0 and result.cost["weights"]["adapters"] > 0
    assert result.cost["trained_patches_per_token"] > 0
    assert result.resumed_from == 0 and result.preparation_seconds > 0


def test_an_rl_stage_keeps_what_is_sampled_apart_from_what_is_trained(tmp_path: Path) -> None:
    result = run(rl_config(algorithm=GrpoConfig(num_iterations=2, beta=0.1), steps=2), tmp_path, "rl")
    rollouts, cost = lines(tmp_path / "rl" / "rollouts.jsonl"), result.cost
    written = sum(line["tokens"] for line in rollouts)
    assert cost["rollout_completion_tokens"] == written and cost["loss_tokens"] == 2 * written
    assert cost["trained_tokens"] == cost["scored_tokens"] == 2 * result.tokens, "a reference and old log-probabilities"
    # Half of the prompts that were read hold the policy, none of those trained on.
    assert cost["rollout_prompt_tokens"] > result.tokens - written
    work = Work(**{name: cost[name] for name in Work.__dataclass_fields__})
    assert cost["estimated_flops"] == estimate_flops(Weights(**cost["weights"]), work).as_dict()


def test_vm_cpt_trains_on_the_policy_too(tmp_path: Path) -> None:
    cost = run(VM_CPT, tmp_path, "vm_cpt").cost
    assert cost["estimated_flops"]["training"] == 6 * cost["weights"]["language"] * cost["trained_tokens"]

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    FalconConfig,
    FalconForCausalLM,
    Lfm2Config,
    Lfm2ForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

import tiny_models
from trimpi.prefix import support
from trimpi.prefix.attention import NAME
from trimpi.prefix.support import can_share, obstacle, training_obstacle

SIZES: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}
WINDOW = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}


def mistral(window: int | None) -> PreTrainedModel:
    return MistralForCausalLM(MistralConfig(**SIZES, sliding_window=window))


def qwen2(**changes: Any) -> PreTrainedModel:
    return Qwen2ForCausalLM(Qwen2Config(**SIZES, **changes))


def mamba() -> PreTrainedModel:
    return MambaForCausalLM(MambaConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, state_size=4))


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_the_families_have_no_obstacle_and_are_left_as_they_were(family: str) -> None:
    model, _ = tiny_models.tiny_model(family)
    model.train()
    model.get_decoder().layers[0].eval()
    before = {name: module.training for name, module in model.named_modules()}
    notes = [vars(module).get("rope_deltas") for module in model.modules()]
    assert obstacle(model) is None
    assert training_obstacle(model) is None
    assert {name: module.training for name, module in model.named_modules()} == before
    assert [vars(module).get("rope_deltas") for module in model.modules()] == notes
    assert model.config.get_text_config()._attn_implementation == "sdpa"


@pytest.mark.parametrize("model", [mistral(None), qwen2(), qwen2(sliding_window=4)])
def test_a_window_that_is_not_used_is_no_obstacle(model: PreTrainedModel) -> None:
    assert obstacle(model) is None


OBSTACLES = [
    (mistral(4), "MistralForCausalLM attends to the last 4 tokens only, and every layer must attend to all"),
    (qwen2(**WINDOW), "Qwen2ForCausalLM has layers of type sliding_attention, and every layer must be full_attention"),
    (
        Lfm2ForCausalLM(Lfm2Config(**SIZES, full_attn_idxs=[1])),
        "Lfm2ForCausalLM has layers of type conv, and every layer must be full_attention",
    ),
    (mamba(), "MambaForCausalLM has layers of type linear_attention, and every layer must be full_attention"),
    (
        BloomForCausalLM(BloomConfig(vocab_size=64, hidden_size=32, n_layer=1, n_head=2)),
        "model.attention is eager, and shared prefixes need sdpa",
    ),
    (
        FalconForCausalLM(FalconConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=2)),
        "FalconForCausalLM does not take its attention from transformers' attention interface",
    ),
]


@pytest.mark.parametrize(("model", "expected"), OBSTACLES, ids=lambda value: type(value).__name__)
def test_what_a_model_says_of_itself_is_believed(model: PreTrainedModel, expected: str) -> None:
    assert obstacle(model) == expected


@pytest.mark.parametrize("model", [mistral(4), qwen2(**WINDOW), mamba()], ids=lambda model: type(model).__name__)
def test_the_trial_finds_out_what_a_model_does_not_say(model: PreTrainedModel) -> None:
    found = support._trial(model)
    assert found is not None and "gives other logits for a trial of 8 tokens" in found


def test_a_trial_that_fails_is_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    model = qwen2()

    def fails(*args: Any, **inputs: Any) -> None:
        raise RuntimeError("no such kernel\nand more")

    monkeypatch.setattr(model, "forward", fails)
    assert obstacle(model) == "Qwen2ForCausalLM failed a trial of 8 tokens: no such kernel"


def test_attention_that_is_shared_already_is_no_obstacle() -> None:
    model = qwen2()
    support.enable_shared_attention(model)
    assert obstacle(model) is None
    assert model.config._attn_implementation == NAME


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_no_obstacle(dtype: torch.dtype) -> None:
    assert obstacle(qwen2().to(dtype)) is None


def test_adapters_are_an_obstacle_to_training_only_where_they_drop_at_random() -> None:
    exact = get_peft_model(qwen2(), LoraConfig(r=2, target_modules=["q_proj"], lora_dropout=0.0))
    random = get_peft_model(qwen2(), LoraConfig(r=2, target_modules=["q_proj"], lora_dropout=0.1))
    assert obstacle(exact) is obstacle(random) is training_obstacle(exact) is None
    assert "lora.dropout is 0.1" in str(training_obstacle(random))


def test_attention_that_drops_at_random_is_an_obstacle_to_training() -> None:
    assert "layers.0.self_attn is 0.2" in str(training_obstacle(qwen2(attention_dropout=0.2)))


def test_an_obstacle_is_told_once_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="trimpi"):
        assert can_share(None)
        assert not can_share("of this")
        assert not can_share("of this")
    assert [(record.name, record.message) for record in caplog.records] == [
        ("trimpi", "engine: plain, because of this")
    ]

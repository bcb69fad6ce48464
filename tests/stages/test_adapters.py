from __future__ import annotations

import pytest
from peft import get_peft_model

import tiny_models
from trimpi.errors import ModelError
from trimpi.recipe import LoraConfig
from trimpi.stages.adapters import peft_config


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_adapters_are_on_every_linear_layer_of_the_language_model_and_nowhere_else(family: str) -> None:
    model, _ = tiny_models.tiny_model(family)
    config = peft_config(LoraConfig(rank=2), model)
    assert config is not None
    trained = {name for name, parameter in get_peft_model(model, config).named_parameters() if parameter.requires_grad}
    assert len(trained) == 2 * 2 * 7, "two matrices on the seven linear layers of each of two blocks"
    assert not [name for name in trained if "visual" in name or "vision" in name or "lm_head" in name]


def test_an_unknown_target_is_named_with_the_known_ones() -> None:
    model, _ = tiny_models.tiny_model("qwen2_5_vl")
    with pytest.raises(ModelError, match=r"names q_poj; this model's linear layers are .*q_proj"):
        peft_config(LoraConfig(target_modules=["q_poj", "v_proj"]), model)


def test_without_settings_there_are_no_adapters() -> None:
    model, _ = tiny_models.tiny_model("qwen2_5_vl")
    assert peft_config(None, model) is None

"""Low-rank adapters on the language model."""

from __future__ import annotations

from peft import LoraConfig as PeftLoraConfig
from torch import nn
from transformers import PreTrainedModel

from trimpi.errors import ModelError
from trimpi.recipe import LoraConfig


def peft_config(lora: LoraConfig | None, model: PreTrainedModel) -> PeftLoraConfig | None:
    """PEFT's settings for ours. No target modules: every linear layer of the language model, none of the vision tower.

    Raises ModelError when a named target is no module of the model.
    """
    if lora is None:
        return None
    return PeftLoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # only ever divided by the rank
        lora_dropout=lora.dropout,
        target_modules=_language_layers(model) if lora.target_modules is None else _known(lora.target_modules, model),
        task_type="CAUSAL_LM",
    )


def _language_layers(model: PreTrainedModel) -> list[str]:
    decoder = model.get_decoder()
    prefix = next(name for name, module in model.named_modules() if module is decoder)
    return [f"{prefix}.{name}" for name, module in decoder.named_modules() if isinstance(module, nn.Linear)]


def _known(targets: list[str], model: PreTrainedModel) -> list[str]:
    names = {name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    full_names = {name for name, _ in model.named_modules()}
    unknown = [target for target in targets if target not in names and target not in full_names]
    if unknown:
        raise ModelError(
            f"lora.target_modules names {', '.join(unknown)}; this model's linear layers are {', '.join(sorted(names))}"
        )
    return targets

"""Which models can use the prefix engine: from what they say of themselves, and from a trial of a few tokens."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import torch
from accelerate.utils import is_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.integrations import is_deepspeed_zero3_enabled

from trimpi.prefix.attention import NAME, enable_shared_attention
from trimpi.prefix.packing import pack
from trimpi.prefix.rows import row_positions
from trimpi.prefix.sharing import Cluster

TRIAL_TOKENS = 8
TRIAL_SHARED = 5
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-4}
"""Of the largest logit; the two forward passes add up in another order."""
HALF_PRECISION_TOLERANCE = 0.05

Check = Callable[[PreTrainedModel], str | None]

_trials: WeakKeyDictionary[PreTrainedModel, str | None] = WeakKeyDictionary()
"""What came of trials: every step of a stage asks again about the same model."""


def obstacle(model: nn.Module) -> str | None:
    """Why this model, with adapters or without, cannot compute shared prefixes once, in a line; None if it can.

    The model is as it was afterwards.
    """
    return _first_obstacle(model, (_layers, _attention, _remembered_trial))


def training_obstacle(model: nn.Module) -> str | None:
    """The same for training, where nothing may be dropped at random: a shared prefix is dropped once for all rows."""
    return _first_obstacle(model, (_dropout, _layers, _attention, _remembered_trial))


def can_share(reason: str | None) -> bool:
    """Whether there is no obstacle; the first process logs one in one line, once."""
    if reason is not None:
        _tell(reason)
    return reason is None


@cache
def _tell(reason: str) -> None:
    if os.environ.get("RANK", "0") == "0":
        logging.getLogger("trimpi").warning("engine: plain, because %s", reason)


def plain_model(model: nn.Module) -> PreTrainedModel:
    """The model under its adapters, if it has any."""
    inner: Any = model
    return inner.get_base_model() if is_peft_model(inner) else inner


def _first_obstacle(model: nn.Module, checks: tuple[Check, ...]) -> str | None:
    plain = plain_model(model)
    return next((found for found in (check(plain) for check in checks) if found is not None), None)


def _dropout(model: PreTrainedModel) -> str | None:
    for name, module in model.named_modules():
        share = module.p if isinstance(module, nn.Dropout) else getattr(module, "attention_dropout", 0.0)
        if isinstance(share, float) and share > 0:
            kind = "lora.dropout" if "lora_dropout" in name else f"the dropout of {name}"
            return f"{kind} is {share:g}, and what rows share would be dropped once for all in training: it must be 0"
    return None


def _layers(model: PreTrainedModel) -> str | None:
    """Every layer must see all that came before."""
    name, text = type(model).__name__, model.config.get_text_config()
    types = getattr(text, "layer_types", None)
    partial = sorted(set(types or ()) - {"full_attention"})
    window = getattr(text, "sliding_window", None) if getattr(text, "use_sliding_window", True) else None
    if partial:
        return f"{name} has layers of type {', '.join(partial)}, and every layer must be full_attention"
    if window is not None and types is None:
        return f"{name} attends to the last {window} tokens only, and every layer must attend to all"
    if model._is_stateful:
        return f"{name} keeps a state in place of what it has read, and every layer must attend to all tokens"
    return None


def _attention(model: PreTrainedModel) -> str | None:
    used = model.config.get_text_config()._attn_implementation
    if used not in ("sdpa", NAME):
        return f"model.attention is {used}, and shared prefixes need sdpa"
    if not model.get_decoder()._supports_attention_backend:
        return f"{type(model).__name__} does not take its attention from transformers' attention interface"
    return None


def _remembered_trial(model: PreTrainedModel) -> str | None:
    if model not in _trials:
        _trials[model] = _trial(model)
    return _trials[model]


def _trial(model: PreTrainedModel) -> str | None:
    """Two short rows of text with the same beginning, together and packed, must get the same logits."""
    try:
        with torch.no_grad(), _unchanged(model), _gathered(model):
            expected, packed = _trial_logits(model)
    # Whatever an unknown model raises, the plain engine is there for it.
    except Exception as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"{type(model).__name__} failed a trial of {TRIAL_TOKENS} tokens: {first_line}"
    allowed = TOLERANCE.get(expected.dtype, HALF_PRECISION_TOLERANCE) * float(expected.abs().max())
    difference = float((expected - packed).abs().max())
    if not difference <= allowed:
        return (
            f"{type(model).__name__} gives other logits for a trial of {TRIAL_TOKENS} tokens: they differ by "
            f"{difference:.2g}, {allowed:.2g} is allowed"
        )
    return None


def _trial_logits(model: PreTrainedModel) -> tuple[Tensor, Tensor]:
    """What predicts the rows' next tokens, (rows, TRIAL_TOKENS - 1, vocabulary): plain, and packed."""
    ids = _trial_ids(model)
    mask = torch.ones_like(ids)
    inputs = {"input_ids": ids, "attention_mask": mask}
    packed = pack(ids, mask, ids, row_positions(model, inputs), [Cluster(members=(0, 1), shared=TRIAL_SHARED)])
    plain = model(**inputs, use_cache=False).logits
    enable_shared_attention(model)
    output = model(
        input_ids=packed.input_ids,
        attention_mask=torch.ones_like(packed.input_ids),
        position_ids=packed.position_ids,
        shared_attention=packed.attention,
        use_cache=False,
    )
    return plain[:, :-1], output.logits[0, packed.source]


def _trial_ids(model: PreTrainedModel) -> Tensor:
    """Two rows of plain text tokens, the same up to TRIAL_SHARED and different after it."""
    special = {
        token
        for config in (model.config, model.config.get_text_config())
        for key, value in config.to_dict().items()
        if key.endswith(("token_id", "token_ids", "token_index"))
        for token in (value if isinstance(value, list) else [value])
    }
    vocabulary = int(model.config.get_text_config().vocab_size)
    plain = [token for token in range(min(vocabulary, 1000)) if token not in special]
    # Far apart, so that neighbours differ; 7 and the number of tokens have no factor in common in practice.
    chosen = [plain[7 * number % len(plain)] for number in range(2 * TRIAL_TOKENS - TRIAL_SHARED)]
    rows = [chosen[:TRIAL_TOKENS], chosen[:TRIAL_SHARED] + chosen[TRIAL_TOKENS:]]
    return torch.tensor(rows, device=model.device)


@contextmanager
def _unchanged(model: PreTrainedModel) -> Iterator[None]:
    """In evaluation mode within; afterwards mode, attention and what a forward pass notes down are as before."""
    text = model.config.get_text_config()
    attention, modes = text._attn_implementation, {module: module.training for module in model.modules()}
    notes = {module: vars(module)["rope_deltas"] for module in model.modules() if "rope_deltas" in vars(module)}
    model.eval()
    try:
        yield
    finally:
        text._attn_implementation = attention
        for module, training in modes.items():
            module.training = training
        for module, deltas in notes.items():
            vars(module)["rope_deltas"] = deltas


def _gathered(model: PreTrainedModel) -> AbstractContextManager[Any]:
    """ZeRO-3 has divided the weights among the processes already when they are loaded."""
    if not is_deepspeed_zero3_enabled():
        return ExitStack()
    from deepspeed import zero

    gathered: AbstractContextManager[Any] = zero.GatheredParameters(list(model.parameters()))
    return gathered

"""How much memory a piece of work takes on top of what is there, and how many tokens the language model computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from transformers import PreTrainedModel

MEMORY_EVENT = "[memory]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`peak_bytes` is of tensors alive at once beyond those at the start; `tokens` went through the text layers."""

    peak_bytes: int
    tokens: int


def cost_of(work: Callable[[], Any], model: PreTrainedModel) -> Cost:
    """Do `work` once; on a CPU every allocation is noted down, on a GPU torch keeps the peak itself."""
    tokens = 0

    def note(module: Any, args: Any, inputs: dict[str, Any]) -> None:
        nonlocal tokens
        tokens += inputs["inputs_embeds"].shape[:2].numel()

    handle = model.get_decoder().register_forward_pre_hook(note, with_kwargs=True)
    try:
        peak = _peak_on_gpu(work, model.device) if model.device.type == "cuda" else _peak_on_cpu(work)
    finally:
        handle.remove()
    return Cost(peak_bytes=peak, tokens=tokens)


def _peak_on_cpu(work: Callable[[], Any]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        work()
    kineto: Any = profiler.profiler
    changes = [event.nbytes() for event in kineto.kineto_results.events() if event.name() == MEMORY_EVENT]
    return max(accumulate(changes), default=0)


def _peak_on_gpu(work: Callable[[], Any], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before

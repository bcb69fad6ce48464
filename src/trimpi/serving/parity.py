"""Whether an exported model says what the trained one says: log-probabilities on a few prompts, side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from trimpi.errors import ModelError
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.types import Example

PROMPTS = 4
TEXTS = ("What do you see?", "What does the policy say about this?", "List three colors.", "Hello.")
"""What models without a run are asked."""
BOUNDS = {torch.float32: 1e-3, torch.float64: 1e-3}
"""By the type of the exported weights: merging and factorising add up in another order."""
HALF_PRECISION_BOUND = 0.5


@dataclass(frozen=True, kw_only=True)
class Parity:
    """`difference` is the largest between two log-probabilities of one token, in nats, over so many tokens."""

    prompts: int
    tokens: int
    difference: float
    bound: float


def parity_prompts(renderer: Renderer, run: Path | None) -> list[Prompt]:
    """The first test requests of a run whose images are still there; a few texts where there is no run."""
    rows = [] if run is None else _rows(run / "data" / "test.jsonl")
    examples = [
        Example(id="", policy_name="", prompt=row["prompt"], images=tuple(map(Path, row.get("images", ()))), answer="")
        for row in rows
        if isinstance(row.get("prompt"), str) and all(Path(image).is_file() for image in row.get("images", ()))
    ]
    if not examples:
        examples = [Example(id="", policy_name="", prompt=text, images=(), answer="") for text in TEXTS]
    return [renderer.prompt(example) for example in examples[:PROMPTS]]


def compare(
    trained: PreTrainedModel,
    exported: PreTrainedModel,
    renderers: tuple[Renderer, Renderer],
    prompts: Sequence[Prompt],
    *,
    bound: float | None = None,
) -> Parity:
    """Log-probabilities of every text token of the prompts, and of the likeliest token after each, by both models.

    `renderers` are the trained and the exported model's. Raises ModelError when tokens differ, or log-probabilities by
    more than the bound.
    """
    allowed = bound if bound is not None else BOUNDS.get(exported.dtype, HALF_PRECISION_BOUND)
    difference, tokens = 0.0, 0
    for prompt in prompts:
        before, after = (renderer.prompt_ids(prompt) for renderer in renderers)
        if before != after:
            raise ModelError("the exported processor gives other tokens for a prompt than the trained model's")
        ours = _log_probs(trained, renderers[0], prompt)
        theirs = _log_probs(exported, renderers[1], prompt)
        likeliest = ours[-1].argmax()
        following = torch.tensor([*before[1:], int(likeliest)])
        kept = ~torch.isin(following, torch.tensor(sorted(renderers[0].visual_token_ids)))
        pairs = (own.gather(-1, following[:, None])[kept, 0] for own in (ours, theirs))
        first, second = pairs
        difference = max(difference, float((first - second).abs().max()))
        tokens += int(kept.sum())
    if not difference <= allowed:
        raise ModelError(
            f"the exported model is not the trained one: log-probabilities differ by {difference:.2g}, and "
            f"{allowed:.2g} is allowed; export with --dtype of the training, or give another --tolerance"
        )
    return Parity(prompts=len(prompts), tokens=tokens, difference=difference, bound=allowed)


@torch.no_grad()
def _log_probs(model: PreTrainedModel, renderer: Renderer, prompt: Prompt) -> Tensor:
    """(tokens, vocabulary), float32, on the CPU."""
    inputs = renderer.encode_prompts([prompt]).to(model.device, dtype=model.dtype)
    logits: Tensor = model(**inputs).logits[0]
    return logits.float().log_softmax(-1).cpu()


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(8 * PROMPTS), strict=False) if line.strip()]

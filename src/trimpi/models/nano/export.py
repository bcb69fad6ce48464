"""The trained base model as the package ships it: weights, processor, scores and a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

from trimpi.interval import wilson_interval
from trimpi.models.loading import save_model
from trimpi.models.nano.build import MERGE_SIZE, PATCH_SIZE
from trimpi.models.nano.tokenizer import CHAT_TEMPLATE
from trimpi.models.processing import build_qwen_processor

MIN_PIXELS, MAX_PIXELS = 32 * 32, 128 * 128
"""Larger pictures are scaled down: the model has seen none of more pixels than these."""

CARD = """# trimpi nano

A vision-language model of Qwen2.5-VL's architecture with {parameters:,} parameters, trained from nothing on rendered
CLEVR-style scenes so that it can follow a small policy given in its context. It stands in for Qwen2.5-VL-7B where
there is no GPU: the same classes load it, the same code trains it. It knows nothing else of the world.

## How it was made
`make base`: {scenes:,} scenes of 128x96 pixels (Mitsuba 3); the vision tower learned what each visual token shows
({vision_steps:,} steps), the language model learned from perfect visual tokens ({language_steps:,} steps), then from
those of the vision tower ({pixels_steps:,} steps). No data from elsewhere, no accelerator. docs/log.md tells what
worked and what did not.

## What it scores
Greedy answers, {count} requests each, on {held_out} held-out scenes; every policy is newly sampled (seed {seed}).
Intervals are Wilson's, 95 %.

| exam | accuracy | interval |
|---|---|---|
{rows}

- `exists`, `attribute`, `count`: one question about a scene; to count, it first names what it counts. `describe`: all
  objects with all attributes, in order.
- `copy`: two to five made-up words. `lookup`: the number of one of up to six made-up keys. `arithmetic`: sums and
  differences within 20. `tool_call`: a JSON call with the version that a rule about the user's profile picks.
- `policy_Tn`, `policy_Mn`: the response of a policy of n layers in context, all text or with values shown by crops.
- `override`: two policies of one name in context, the later one holds.

Licence: Apache-2.0, like the project.
"""


def export_base(
    model: Qwen2_5_VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    target: Path,
    *,
    exams: Mapping[str, float],
    facts: Mapping[str, int],
) -> None:
    """Write the model folder, `exams.json` and the card; `facts` are the numbers the card names."""
    processor = build_qwen_processor(
        tokenizer,
        patch_size=PATCH_SIZE,
        merge_size=MERGE_SIZE,
        min_pixels=MIN_PIXELS,
        max_pixels=MAX_PIXELS,
        chat_template=CHAT_TEMPLATE.read_text(),
    )
    save_model(model, processor, target)
    rows = []
    for name, accuracy in exams.items():
        low, high = wilson_interval(round(accuracy * facts["count"]), facts["count"])
        rows.append(f"| {name} | {100 * accuracy:.1f} % | {100 * low:.1f} - {100 * high:.1f} |")
    card = CARD.format(parameters=model.num_parameters(), rows="\n".join(rows), **facts)
    (target / "README.md").write_text(card, encoding="utf-8")
    (target / "exams.json").write_text(
        json.dumps({**facts, "accuracy": dict(exams)}, indent=2) + "\n", encoding="utf-8"
    )

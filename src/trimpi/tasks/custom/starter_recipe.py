"""A first recipe for a user's own rows, sized by how many there are; its comments say how to go on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil

CPT_STEPS, SFT_STEPS = 40, 120
"""What the embedded base model needs to take in a policy of three layers, about; more rows need fewer epochs."""
BATCH = 16
FEWEST_FOR_RL = 64
"""Fewer requests are learned by heart before RL has anything to explore."""
EMBEDDED = "nano"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSize:
    """What decides the stages: training rows, whether all of them have reasoning, the longest reasoning and answer."""

    train: int
    reasoned: bool
    longest_response: int


def write_recipe(name: str, reward: str, size: DataSize, *, model: str = EMBEDDED) -> str:
    """The recipe as YAML with comments. Stages follow the paper; epochs give about CPT_STEPS and SFT_STEPS steps."""
    stages = _stages(size, nano=model == EMBEDDED)
    tokens = max(64, -(-size.longest_response // 32) * 32)
    batch = 64 if model == EMBEDDED else 8
    return f"""\
# trimpi check recipe.yaml     what is wrong or doubtful, and what the policy costs in prompts
# trimpi run recipe.yaml       everything: trains, measures, writes a report; started again, it goes on
#
# Chosen for {size.train} training rows. With more, halve epochs each time their number doubles.
name: {json.dumps(name)}
seed: 0

model:
  # "nano" is in the package and sees simple scenes; otherwise a folder or hub id of a vision-language model.
  path: {json.dumps(model)}

task:
  type: custom
  path: .                     # the folder with policy.md, train.jsonl, test.jsonl; relative to this file
  # How an answer is scored: exact, choice, json, regex, numeric, similarity, tool_call, judge, or your own Python as
  # module:function in this folder. Those with settings: reward: {{type: numeric, relative: 0.01}}
  reward: {reward}

stages:
{stages}
evaluation:
  suites: [accuracy, in_context]   # without the policy, and with it in the prompt
  batch_size: {batch}
  max_new_tokens: {tokens}
  break_even:                 # what requests cost; trimpi check reckons a year with it
    requests_per_month: 100000
"""


def _epochs(steps: int, rows: int, most: int) -> int:
    return max(1, min(most, ceil(steps * BATCH / max(rows, 1))))


def _stages(size: DataSize, *, nano: bool) -> str:
    """The stages as YAML list items, each with why it is there."""
    sft_epochs, cpt_epochs = _epochs(SFT_STEPS, size.train, 20), _epochs(CPT_STEPS, size.train, 10)
    rates = ("1.5e-4", "2.5e-4", "2.0e-5") if nano else ("1.0e-5", "1.0e-4", "1.0e-6")
    lora = "    lora: null                # all weights: the model is small\n" if nano else ""
    if not size.reasoned:
        return f"""\
  # Not every row has reasoning (cot), so answers alone are learned. Reasoning makes policies stick: write cot, or let a
  # model write it: add the stages vm_cpt and cot_sft with cot: reverse (trimpi cot shows it before it is used).
  - type: direct_sft
    learning_rate: {rates[1]}
    epochs: {sft_epochs}
    batch_size: {BATCH}
{lora}    warmup_ratio: 0.1
    checkpoint_every_steps: 20
"""
    written = f"""\
  # 1. The policy's text itself, with requests and reasoning under it. Pictures are seen, not learned.
  - type: vm_cpt
    learning_rate: {rates[0]}
    epochs: {cpt_epochs}
    batch_size: {BATCH}
    warmup_ratio: 0.1
    checkpoint_every_steps: 20

  # 2. Reasoning and answer without the policy in the prompt.
  - type: cot_sft
    learning_rate: {rates[1]}
    epochs: {sft_epochs}
    batch_size: {BATCH}
{lora}    warmup_ratio: 0.1
    checkpoint_every_steps: 20
"""
    if size.train < FEWEST_FOR_RL:
        return f"{written}\n  # 3. From {FEWEST_FOR_RL} rows on, trimpi init writes reinforcement learning here.\n\n"
    group, steps, tokens = (4, 12, "96") if nano else (5, 100, "512")
    return f"""{written}
  # 3. Tries answers, half of them with the policy in the prompt, and learns from those that score.
  - type: rl
    learning_rate: {rates[2]}
    steps: {steps}
    prompts_per_step: 8
    group_size: {group}
    max_new_tokens: {tokens}
    checkpoint_every_steps: 4

"""

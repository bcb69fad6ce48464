"""General conversations that a supervised stage learns beside a policy, against forgetting."""

from __future__ import annotations

import random
from pathlib import Path

from trimpi.recipe import GeneralDataConfig
from trimpi.rendering.prompts import QUESTION_INSTRUCTION, Prompt
from trimpi.rendering.renderer import TrainingExample
from trimpi.tasks.custom.conversations import Conversation, read_conversations
from trimpi.types import Message


def general_rows(config: GeneralDataConfig | None, *, count_beside: int, seed: int) -> list[TrainingExample]:
    """So many that they are `share` of all, `count_beside` being the others; none twice before all were taken once."""
    if config is None:
        return []
    conversations = read_conversations(Path(config.path))
    rng = random.Random(f"{seed}-general")
    chosen: list[Conversation] = []
    wanted = max(1, round(count_beside * config.share / (1 - config.share)))
    while len(chosen) < wanted:
        chosen += rng.sample(conversations, k=min(len(conversations), wanted - len(chosen)))
    return [_row(conversation) for conversation in chosen]


def _row(conversation: Conversation) -> TrainingExample:
    system = Message(role="system", parts=(conversation.system or QUESTION_INSTRUCTION,))
    prompt = Prompt(messages=(system, *conversation.turns), policy_aware=False)
    return TrainingExample(prompt=prompt, response=conversation.response)

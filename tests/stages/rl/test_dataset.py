from __future__ import annotations

from pathlib import Path

import pytest
from trl.data_utils import prepare_multimodal_messages

from tiny_task import ColorTask
from trimpi.errors import ModelError
from trimpi.rendering.prompts import make_prompt
from trimpi.stages.rl.dataset import chat_row, rollout_dataset, same_chat


def test_what_trl_hands_back_is_the_prompt(tmp_path: Path) -> None:
    task = ColorTask(tmp_path)
    first, second = task.examples("train")[:2]
    row = rollout_dataset([make_prompt(first, None)])[0]
    messages = prepare_multimodal_messages(row["prompt"], images=row["images"])
    assert same_chat(messages, make_prompt(first, None))
    assert not same_chat(messages, make_prompt(second, None))
    assert not same_chat(messages, make_prompt(first, task.policy_of(first)))


def test_a_prompt_that_trl_would_reorder_is_refused(tmp_path: Path) -> None:
    task = ColorTask(tmp_path)
    example = task.examples("train")[0]
    with pytest.raises(ModelError, match="its images, then one text"):
        chat_row(make_prompt(example, task.policy_of(example), policy_turn="user"))

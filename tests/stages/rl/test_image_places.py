"""Chats of several turns in RL: TRL must keep each image in its turn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trl.data_utils import prepare_multimodal_messages

from tiny_task import ColorTask
from trimpi.rendering.prompts import make_prompt
from trimpi.stages.rl.dataset import rollout_dataset, same_chat, with_image_places
from trimpi.types import ImagePart, Message


def test_images_of_several_turns_stay_where_they_are(tmp_path: Path) -> None:
    first, second = ColorTask(tmp_path).examples("train")[:2]
    before = (
        Message(role="user", parts=("Hello.",)),
        Message(role="assistant", parts=("Show me.",)),
        Message(role="user", parts=(ImagePart(path=second.images[0]), "This.")),
        Message(role="assistant", parts=("And the other?",)),
    )
    prompt = make_prompt(replace(first, before=before), None)
    row = with_image_places(rollout_dataset([prompt])[0])
    assert same_chat(prepare_multimodal_messages(row["prompt"], images=row["images"]), prompt)
    unplaced = rollout_dataset([prompt])[0]
    assert not same_chat(prepare_multimodal_messages(unplaced["prompt"], images=unplaced["images"]), prompt)

"""Chats of several turns in RL: TRL must keep each image in its turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trl.data_utils import prepare_multimodal_messages

from stages.stage_runs import lines, rl_config, run
from tiny_task import ColorTask, LetterTask
from trimpi.rendering.prompts import make_prompt
from trimpi.stages.rl.dataset import rollout_dataset, same_chat, with_image_places
from trimpi.types import Example, ImagePart, Message, Split


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


class ShownLater(LetterTask):
    """Requests whose first turn has no image, as the second and the last have."""

    def examples(self, split: Split) -> Sequence[Example]:
        examples = super().examples(split)
        shown = ImagePart(path=examples[1].images[0])
        before = (
            Message(role="user", parts=("Hello.",)),
            Message(role="assistant", parts=("Show me.",)),
            Message(role="user", parts=(shown, "This.")),
            Message(role="assistant", parts=("And the other?",)),
        )
        return [replace(example, before=before) for example in examples]


def test_the_loss_sees_the_images_where_the_sampler_saw_them(tmp_path: Path) -> None:
    """The canary would stop the stage."""
    run(rl_config(steps=1, checkpoint_every_steps=None), tmp_path, "rl", task=ShownLater(tmp_path / "images"))
    assert len(lines(tmp_path / "rl" / "rollouts.jsonl")) == 8

"""Prompts as data: where the policy stands, and what the two prompts of a request share."""

from __future__ import annotations

from pathlib import Path

from trimpi.policies import Policy
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION, make_prompt, to_chat
from trimpi.types import Example, ImagePart, Message

SCENE, CROP = ImagePart(path=Path("scene.png")), ImagePart(path=Path("crop.png"))
EXAMPLE = Example(id="1", policy_name="P", prompt="Apply P.", images=(SCENE.path,), answer="Case 1")
POLICY = Policy(name="P", sections=("If ", CROP, " then Case 1."))


def test_policy_free_prompt_is_the_instruction_and_the_request() -> None:
    prompt = make_prompt(EXAMPLE, None)
    assert prompt.messages == (
        Message(role="system", parts=(DEFAULT_INSTRUCTION,)),
        Message(role="user", parts=(SCENE, "Apply P.")),
    )
    assert not prompt.policy_aware


def test_policy_ends_the_system_turn() -> None:
    prompt = make_prompt(EXAMPLE, POLICY)
    assert prompt.messages[0].parts == (f"{DEFAULT_INSTRUCTION}\n\nIf ", CROP, " then Case 1.")
    assert prompt.messages[1] == make_prompt(EXAMPLE, None).messages[1]
    assert prompt.policy_aware


def test_policy_begins_the_user_turn_where_the_family_needs_it() -> None:
    prompt = make_prompt(EXAMPLE, POLICY, policy_turn="user")
    assert prompt.messages[0].parts == (DEFAULT_INSTRUCTION,)
    assert prompt.messages[1].parts == ("If ", CROP, " then Case 1.\n\n", SCENE, "Apply P.")


def test_images_are_in_reading_order() -> None:
    for turn in ("system", "user"):
        assert make_prompt(EXAMPLE, POLICY, policy_turn=turn).images == (CROP.path, SCENE.path)


def test_chat_format_lists_texts_and_images() -> None:
    chat = to_chat(make_prompt(EXAMPLE, None, instruction="Go.").messages)
    assert chat == [
        {"role": "system", "content": [{"type": "text", "text": "Go."}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Apply P."}]},
    ]

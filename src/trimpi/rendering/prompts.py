"""Prompts as data: chat turns of text and images, with the policy in them or without. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from trimpi.policies import Policy, join_texts
from trimpi.types import Example, ImagePart, Message, Part, Role

DEFAULT_INSTRUCTION = "Think inside <think></think>, then answer inside \\boxed{}."
QUESTION_INSTRUCTION = "Answer the question."
"""The system turn of requests whose answer is plain text."""
UPDATE_NOTICE = "Policy {name} has been updated. Follow the update."
REVERSE_INSTRUCTION = (
    "You are shown a policy, a request made under it, and the right answer. Write the reasoning that leads from the "
    "request to this answer."
)
ANSWER_GIVEN = """

The right answer is:
{answer}

Write the reasoning that leads to it, step by step: what the request and its images show, which rules of the policy \
apply and what they say, and what follows. Write as one who is finding the answer: do not say that it was given. \
Whoever reads the reasoning does not see the policy. Write the reasoning only, as plain text: no tags, no box, no \
heading."""
"""What follows a request whose answer is to be explained."""
POLICY_SEPARATOR = "\n\n"

PolicyTurn = Literal["system", "user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The turns a model answers. `policy_aware` says whether the policy document is among them."""

    messages: tuple[Message, ...]
    policy_aware: bool

    @property
    def images(self) -> tuple[Path, ...]:
        """Every image in reading order: the policy's before the request's."""
        return tuple(image for message in self.messages for image in message.images)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptWriter:
    """Writes prompts for one model: under which instruction, and in which turn the policy stands."""

    instruction: str = DEFAULT_INSTRUCTION
    policy_turn: PolicyTurn = "system"

    def prompt(
        self,
        example: Example,
        policy: Policy | None = None,
        *,
        shots: Sequence[tuple[Example, str]] = (),
        instruction: str | None = None,
    ) -> Prompt:
        """See `make_prompt`; an `instruction` replaces the writer's."""
        return make_prompt(
            example,
            policy,
            instruction=instruction or self.instruction,
            policy_turn=self.policy_turn,
            shots=shots,
        )

    def reverse_prompt(self, example: Example, policy: Policy) -> Prompt:
        """See `make_reverse_prompt`."""
        return make_reverse_prompt(example, policy, policy_turn=self.policy_turn)


def make_prompt(
    example: Example,
    policy: Policy | None,
    *,
    instruction: str = DEFAULT_INSTRUCTION,
    policy_turn: PolicyTurn = "system",
    shots: Sequence[tuple[Example, str]] = (),
) -> Prompt:
    """The prompt of a request, policy-aware when a policy is given.

    Two turns: system (the instruction) and user (the request's images, directly followed by its text); between them
    the turns that led to the request, if there are any. The policy
    stands between the instruction and the request, at the end of the system turn, so prompts of one policy share the
    longest prefix and the two prompts of a request differ in the policy only. `policy_turn="user"` puts it at the start
    of the first user turn instead, for model families whose system turn cannot hold images. `shots` are solved
    requests, a turn each for request and response, in front of the request.
    """
    turns: list[Message] = []
    for solved, response in shots:
        turns += solved.before
        turns += [Message(role="user", parts=_asked(solved)), Message(role="assistant", parts=(response,))]
    turns += example.before
    turns.append(Message(role="user", parts=_asked(example)))
    return make_conversation(turns, policy, instruction=instruction, policy_turn=policy_turn)


def make_conversation(
    turns: Sequence[Message],
    policy: Policy | None,
    *,
    instruction: str = DEFAULT_INSTRUCTION,
    policy_turn: PolicyTurn = "system",
) -> Prompt:
    """The prompt of user turns and answers, a user's first and last, with the policy where `make_prompt` says."""
    system: list[Part] = [instruction]
    contents: list[tuple[Role, list[Part]]] = [(turn.role, list(turn.parts)) for turn in turns]
    if policy is not None and policy_turn == "system":
        system += [POLICY_SEPARATOR, *policy.sections]
    elif policy is not None:
        contents[0][1][:0] = [*policy.sections, POLICY_SEPARATOR]
    messages = (Message(role=role, parts=join_texts(parts)) for role, parts in [("system", system), *contents])
    return Prompt(messages=tuple(messages), policy_aware=policy is not None)


def as_update(policy: Policy) -> Policy:
    """A policy as it stands in a prompt that updates an earlier one of its name: behind a line that says so."""
    return Policy(name=policy.name, sections=(f"{UPDATE_NOTICE.format(name=policy.name)}\n", *policy.sections))


def _asked(example: Example) -> tuple[Part, ...]:
    return (*(ImagePart(path=path) for path in example.images), example.prompt)


def make_reverse_prompt(example: Example, policy: Policy, *, policy_turn: PolicyTurn = "system") -> Prompt:
    """The policy-aware prompt that also states the gold answer, and asks for the reasoning (paper, reverse CoT)."""
    explained = replace(example, prompt=example.prompt + ANSWER_GIVEN.format(answer=example.answer))
    return make_prompt(explained, policy, instruction=REVERSE_INSTRUCTION, policy_turn=policy_turn)


def to_chat(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The turns in transformers' chat format: contents list {"type": "text", "text": ...} and {"type": "image"}."""
    return [{"role": message.role, "content": [_content(part) for part in message.parts]} for message in messages]


def _content(part: Part) -> dict[str, str]:
    return {"type": "image"} if isinstance(part, ImagePart) else {"type": "text", "text": part}

from __future__ import annotations

from trimpi.rendering.prompts import Prompt
from trimpi.sampling.scripted import ScriptedSampler
from trimpi.types import Completion, Message

PROMPTS = [Prompt(messages=(Message(role="user", parts=(text,)),), policy_aware=False) for text in "ab"]
SETTINGS = {"temperature": 1.0, "top_p": 1.0, "max_new_tokens": 9, "seed": 0}


def test_replies_are_taken_in_turn() -> None:
    sampler = ScriptedSampler(["one", "two", "three"])
    replies = sampler.sample(PROMPTS, samples=2, **SETTINGS)  # type: ignore[arg-type]
    assert [[reply.text for reply in row] for row in replies] == [["one", "two"], ["three", "one"]]
    assert sampler.prompts == [PROMPTS[0], PROMPTS[0], PROMPTS[1], PROMPTS[1]]


def test_replies_may_be_a_function_of_the_prompt_and_whole_completions() -> None:
    cut = Completion(text="cut", token_ids=(1,), truncated=True)
    sampler = ScriptedSampler(lambda prompt, number: cut if prompt is PROMPTS[1] else f"reply {number}")
    first, second = sampler.sample(PROMPTS, samples=1, **SETTINGS)  # type: ignore[arg-type]
    assert (first[0].text, second) == ("reply 0", [cut])

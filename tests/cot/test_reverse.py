from __future__ import annotations

from pathlib import Path

import pytest

from tasks.gta.test_task import task_of
from tiny_task import ColorTask
from trimpi.cot.reverse import judge_rationale, reverse_cots
from trimpi.cot.sampled import SampledCots, merge_cots
from trimpi.cot.store import CotRecord
from trimpi.recipe import ReverseCotConfig
from trimpi.rendering.prompts import PromptWriter
from trimpi.rewards.response import read_response, write_response
from trimpi.sampling.scripted import ScriptedSampler
from trimpi.types import Completion, ImagePart

INSTRUCTION = (
    "You are shown a policy, a request made under it, and the right answer. Write the reasoning that leads from the "
    "request to this answer."
)
REQUEST = """Account: C. Credits: 490. Age: 12.
Images: image/image_1.jpg.
Request: How much did I pay altogether?
Calls so far: none.
What is the next call? Answer with one JSON object {"name": ..., "arguments": {...}}.

The right answer is:
{"name": "OCR_v3", "arguments": {"image": "image/image_1.jpg"}}

Write the reasoning that leads to it, step by step: what the request and its images show, which rules of the policy \
apply and what they say, and what follows. Write as one who is finding the answer: do not say that it was given. \
Whoever reads the reasoning does not see the policy. Write the reasoning only, as plain text: no tags, no box, no \
heading."""


def test_the_generator_is_shown_policy_request_and_gold_answer() -> None:
    task = task_of()
    example = task.examples("train")[0]
    policy = task.policy_of(example)
    image = ImagePart(path=example.images[0])

    prompt = PromptWriter().reverse_prompt(example, policy)
    system, user = prompt.messages
    assert (system.role, system.parts) == ("system", (f"{INSTRUCTION}\n\n{policy.text}",))
    assert (user.role, user.parts) == ("user", (image, REQUEST))
    assert prompt.policy_aware

    system, user = PromptWriter(policy_turn="user").reverse_prompt(example, policy).messages
    assert system.parts == (INSTRUCTION,)
    assert user.parts == (f"{policy.text}\n\n", image, REQUEST)


def test_the_first_usable_rationale_is_kept_with_the_gold_answer_and_the_rest_is_counted(tmp_path: Path) -> None:
    task = ColorTask(tmp_path, examples=3)
    cut = Completion(text="It is", token_ids=(), truncated=True)
    replies = [
        *(" ", "<think>It is red.</think>", "It is <|im_end|> red."),
        *(cut, " It is blue. \n", "It is blue, too."),
        *("\\boxed{green}", "", "..."),
    ]
    cots = reverse_cots(
        task,
        task.examples("train"),
        ScriptedSampler(replies),
        PromptWriter(),
        ReverseCotConfig(samples=3),
        seed=0,
        control_token_in=lambda text: "<|im_end|>" if "<|im_end|>" in text else None,
    )
    assert cots.records == (CotRecord(id="train-1", cot="It is blue.", answer="blue"),)
    assert (cots.examples, cots.dropped) == (3, 2)
    assert cots.outcomes == {"empty": 3, "tags": 2, "control_token": 1, "truncated": 1, "usable": 2}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("</think>\\boxed{OCR_v1}", "tags"),
        ("So </THINK> and on", "tags"),
        ("< / think >", "tags"),
        ("Thus \\boxed {x}", "tags"),
        ("Thus \\boxed", "tags"),
        ("\u200b \u2028 ...", "empty"),
        ("I think that }}}{{{ and {\\box", "usable"),
        ('{"name": "OCR_v1", "arguments": {}}', "usable"),
        ("one\u2028two\u0085three\x00", "usable"),
        ("답", "usable"),
    ],
)
def test_a_usable_rationale_cannot_change_what_is_read_as_the_answer(tmp_path: Path, text: str, outcome: str) -> None:
    example = ColorTask(tmp_path).examples("train")[0]
    given, rationale, _ = judge_rationale(example, Completion(text=text, token_ids=()))
    assert given == outcome
    if outcome == "usable":
        response = read_response(write_response(rationale, example.answer))
        assert (response.well_formed, response.answer, response.reasoning) == (True, example.answer, rationale.strip())


def test_parts_are_counted_together() -> None:
    record = CotRecord(id="a", cot="b", answer="c")
    parts = [
        SampledCots(records=(record,), examples=2, outcomes={"usable": 1, "empty": 1}),
        SampledCots(records=(), examples=1, outcomes={"empty": 2}),
    ]
    merged = merge_cots(parts)
    assert (merged.records, merged.examples, merged.dropped) == ((record,), 3, 2)
    assert merged.outcomes == {"usable": 1, "empty": 3}

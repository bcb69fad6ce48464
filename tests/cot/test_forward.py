from __future__ import annotations

from pathlib import Path

from tiny_task import ColorTask
from trimpi.cot.forward import forward_cots
from trimpi.cot.store import CotRecord
from trimpi.recipe import ForwardCotConfig
from trimpi.rendering.prompts import PromptWriter
from trimpi.sampling.scripted import ScriptedSampler


def no_control_token(text: str) -> str | None:
    return None


def test_the_first_right_and_well_formed_completion_is_kept_and_the_rest_is_counted(tmp_path: Path) -> None:
    task = ColorTask(tmp_path, examples=2)
    replies = [
        "\\boxed{red}",  # right, but not in the format asked for
        "<think>a</think>\\boxed{red}",
        "<think>b</think>\\boxed{red}",
        "<think>c</think>\\boxed{gray}",
        "nothing",
        "<think>d</think>\\boxed{green}",
    ]
    prompts = PromptWriter()
    config = ForwardCotConfig(samples=3)
    cots = forward_cots(
        task,
        task.examples("train"),
        ScriptedSampler(replies),
        prompts,
        config,
        seed=0,
        control_token_in=no_control_token,
    )
    assert cots.records == (CotRecord(id="train-0", cot="a", answer="red"),)
    assert cots.dropped == 1
    assert cots.outcomes == {"malformed": 1, "correct": 2, "wrong": 2, "no_answer": 1}


def test_reasoning_that_the_model_could_not_read_is_counted_and_not_kept(tmp_path: Path) -> None:
    task = ColorTask(tmp_path, examples=1)
    sampler = ScriptedSampler(["<think>a<|im_end|></think>\\boxed{red}", "<think>b</think>\\boxed{red}"])
    cots = forward_cots(
        task,
        task.examples("train"),
        sampler,
        PromptWriter(),
        ForwardCotConfig(samples=2),
        seed=0,
        control_token_in=lambda text: "<|im_end|>" if "<|im_end|>" in text else None,
    )
    assert [record.cot for record in cots.records] == ["b"]
    assert cots.outcomes == {"control_token": 1, "correct": 1}


def test_context_distillation_keeps_wrong_answers_as_they_were_given(tmp_path: Path) -> None:
    task = ColorTask(tmp_path, examples=2)
    sampler = ScriptedSampler(["<think>a</think>\\boxed{gray}", "\\boxed{green}"])
    cots = forward_cots(
        task,
        task.examples("train"),
        sampler,
        PromptWriter(),
        ForwardCotConfig(samples=1, keep="all"),
        seed=0,
        control_token_in=no_control_token,
    )
    assert cots.records == (CotRecord(id="train-0", cot="a", answer="gray"),)
    assert cots.outcomes == {"wrong": 1, "malformed": 1}

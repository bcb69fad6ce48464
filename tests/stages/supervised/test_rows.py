from __future__ import annotations

from pathlib import Path

import pytest

import tiny_models
from tiny_task import ColorTask
from trimpi.cot.gold import gold_cots
from trimpi.cot.store import CotRecord
from trimpi.errors import DataError
from trimpi.recipe import CotSftConfig, DirectSftConfig, VmCptConfig
from trimpi.rendering.renderer import Renderer, TrainingExample
from trimpi.stages.supervised.rows import LOSS_ON, SupervisedStage, training_rows


def rows(config: SupervisedStage, folder: Path, cots: list[CotRecord] | None) -> list[TrainingExample]:
    renderer = Renderer(tiny_models.tiny_processor("qwen2_5_vl"))
    task = ColorTask(folder, examples=2)
    return training_rows(config, task, task.examples("train"), renderer, cots)


def test_vm_cpt_learns_policy_and_reasoning_on_every_text_token(tmp_path: Path) -> None:
    cots = gold_cots(ColorTask(tmp_path, examples=2).examples("train"))
    first = rows(VmCptConfig(), tmp_path, cots)[0]
    assert first.prompt.policy_aware
    assert first.response == "<think>It is red.</think>\\boxed{red}"
    assert LOSS_ON["vm_cpt"] == "text"


def test_cot_sft_learns_the_same_response_without_the_policy(tmp_path: Path) -> None:
    cots = gold_cots(ColorTask(tmp_path, examples=2).examples("train"))
    first = rows(CotSftConfig(), tmp_path, cots)[0]
    assert not first.prompt.policy_aware
    assert first.response == "<think>It is red.</think>\\boxed{red}"
    assert LOSS_ON["cot_sft"] == "response"


def test_direct_sft_learns_the_bare_answer(tmp_path: Path) -> None:
    first = rows(DirectSftConfig(), tmp_path, None)[0]
    assert (first.prompt.policy_aware, first.response) == (False, "\\boxed{red}")
    assert LOSS_ON["direct_sft"] == "response"


def test_the_policy_can_be_in_the_prompt_in_training_alone(tmp_path: Path) -> None:
    """The baseline learns the same response, and nothing of the policy's text."""
    cots = gold_cots(ColorTask(tmp_path, examples=2).examples("train"))
    for config, texts in ((CotSftConfig(prompt="policy_aware"), cots), (DirectSftConfig(prompt="policy_aware"), None)):
        free = rows(type(config)(), tmp_path, texts)[0]
        aware = rows(config, tmp_path, texts)[0]
        assert aware.prompt.policy_aware and not free.prompt.policy_aware
        assert aware.response == free.response
        assert LOSS_ON[config.type] == "response"


def test_examples_without_a_chain_of_thought_are_left_out(tmp_path: Path) -> None:
    cots = [CotRecord(id="train-1", cot="Blue.", answer="blue"), CotRecord(id="not chosen", cot="", answer="")]
    assert [row.response for row in rows(CotSftConfig(), tmp_path, cots)] == ["<think>Blue.</think>\\boxed{blue}"]
    with pytest.raises(DataError, match="nothing to train on"):
        rows(CotSftConfig(), tmp_path, [])

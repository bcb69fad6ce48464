from __future__ import annotations

import json
from pathlib import Path

import pytest

import tiny_models
from stages.stage_runs import lines
from tiny_task import ColorTask, save_tiny_model
from trimpi.errors import DataError
from trimpi.recipe import CotSftConfig, GeneralDataConfig, ModelConfig
from trimpi.stages import StageContext, run_stage
from trimpi.stages.supervised.general import general_rows
from trimpi.tasks.custom.conversations import read_conversations


def write_conversations(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tiny_models.write_image(folder / "a.png")
    file = folder / "general.jsonl"
    rows = [
        {
            "messages": [
                {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": f"What is {number}?"}]},
                {"role": "assistant", "content": f"A number, {number}."},
            ],
            "images": ["a.png"],
        }
        for number in range(count)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_general_rows_are_their_share_of_all(tmp_path: Path) -> None:
    file = write_conversations(tmp_path, 40)
    rows = general_rows(GeneralDataConfig(path=str(file), share=0.25), count_beside=60, seed=0)
    # 20 beside 60 are a quarter of 80.
    assert len(rows) == len({row.response for row in rows}) == 20
    assert rows == general_rows(GeneralDataConfig(path=str(file), share=0.25), count_beside=60, seed=0)
    assert rows != general_rows(GeneralDataConfig(path=str(file), share=0.25), count_beside=60, seed=1)


def test_too_few_are_taken_again_only_when_all_were(tmp_path: Path) -> None:
    file = write_conversations(tmp_path, 3)
    rows = general_rows(GeneralDataConfig(path=str(file), share=0.5), count_beside=7, seed=0)
    assert len(rows) == 7 and len({row.response for row in rows[:3]}) == 3 and len({row.response for row in rows}) == 3


def test_a_stage_learns_them_beside_its_examples(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "base")
    general = GeneralDataConfig(path=str(write_conversations(tmp_path / "general", 3)), share=0.25)
    context = StageContext(
        task=ColorTask(tmp_path / "task", examples=6),
        model=ModelConfig(path=str(model)),
        model_path=model,
        output_dir=tmp_path / "out",
        seed=0,
    )
    run_stage(CotSftConfig(epochs=1, batch_size=2, lora=None, general=general), context)
    # 6 examples and 2 conversations, two a step.
    assert [line["step"] for line in lines(tmp_path / "out" / "metrics.jsonl")][-1] == 4


USER, ASSISTANT = {"role": "user", "content": "y"}, {"role": "assistant", "content": "x"}


@pytest.mark.parametrize(
    ("messages", "rule"),
    [
        ([ASSISTANT, USER], "the last message must be the assistant's"),
        ([USER], "the last message must be the assistant's"),
        ([ASSISTANT], "the user begins and ends the prompt"),
        ([], "messages is .*; allowed is anything but empty"),
    ],
)
def test_a_wrong_line_is_named_with_the_rule(tmp_path: Path, messages: list[dict[str, str]], rule: str) -> None:
    file = tmp_path / "general.jsonl"
    file.write_text(json.dumps({"messages": messages}))
    with pytest.raises(DataError, match=rf"general.jsonl:1: {rule}"):
        read_conversations(file)
